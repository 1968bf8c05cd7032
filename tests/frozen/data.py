"""Records, roles, order, random changes and batches: bytes, from made-up arrays and without any video codec."""

import contextlib
import csv
import hashlib
import io
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from made_up_arrays import settings_of, write_arrays

from frozen import subject
from frozen.configuration import ROOT, edited, small
from frozen.values import array


def convert(folder: Path, **data: Any) -> Path:
    """Records of the made-up arrays in a folder; returns their manifest."""
    raw = folder / "arrays"
    if not raw.exists():
        write_arrays(raw)
    return converted({**settings_of(raw)["data"], **data}, folder / str(data.get("layout", "lean")))


def converted(data: dict[str, Any], folder: Path) -> Path:
    """Downloads and converts; returns the manifest of the records."""
    joints = {"network": {"model": "tcn"}, "modalities": ["skeleton"]}
    training = {"stages": [{"steps": 1, "learning_rate": 1}]}
    value = {"experiment": "frozen", "data": data, "training": training, "variants": {"joints": joints}}
    if data["dataset"] == "smnet":
        value["variants"] = {"rgb": {"network": {"model": "smnet"}, "modalities": ["rgb"]}}
    experiment = subject.parse(value, "frozen")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        subject.download(experiment, folder / "raw.json", 1)
        subject.convert(experiment, folder / "raw.json", folder / "records/manifest.json", 1)
    return folder / "records/manifest.json"


def records(folder: Path) -> dict[str, Any]:
    """Shards, index and manifest as they are written, and sequences as they are read."""
    made = {
        "arrays, lean": convert(folder),
        "arrays, compact, enlarged": convert(folder, layout="compact", size=24),
    }
    shutil.copytree(ROOT / "tests/data/smnet-tfrecords", folder / "smnet-tfrecords")
    data = {"dataset": "smnet", "folder": str(folder / "smnet-tfrecords")}
    made["tfrecords of 2019"] = converted(data, folder / "smnet")
    return {name: _records(path) for name, path in made.items()}


def _records(manifest: Path) -> dict[str, Any]:
    found = subject.read_json(manifest)
    one = subject.Records(manifest)
    bytes_ = {path.name: _sha256(path) for path in sorted(manifest.parent.glob("*.tfrecord"))}
    # What a compressor makes of the same bytes depends on its version.
    held = {"here": bytes_} if found["layout"] == "compact" else bytes_
    plain = {key: value for key, value in found.items() if key not in ("digest", "digests", "shards", "seal")}
    return {
        "shards": held,
        "digest": {"here": found["digest"]} if found["layout"] == "compact" else found["digest"],
        "manifest": plain,
        "files": sorted(path.name for path in manifest.parent.iterdir()),
        "index.csv": manifest.with_name("index.csv").read_text().splitlines()
        if found["layout"] == "lean"
        else one.index.drop(columns=["offset", "size"]).to_csv(index=False).splitlines(),
        "sequences": {
            f"{one.index.split[place]} {one.index.id[place]}": _sequence(one.read(place))
            for place in (0, len(one.index) - 1)
        },
    }


def _sequence(one: Any) -> dict[str, Any]:
    plain = {key: value for key, value in asdict(one).items() if value is None or isinstance(value, int | str)}
    return {**plain, **{name: array(value) for name, value in one.arrays.items()}}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---- Roles

ROLES = ("training", "validation", "test")
# Split, label, subject; of each split some have no label or no known subject.
ROWS = [
    *(("training", label, subject_) for label, subject_ in (
        ("1", "a"), ("2", "b"), ("", "b"), ("3", "c"), ("1", ""), ("2", "a"), ("", "c"), ("3", "10"))),
    *(("validation", label, subject_) for label, subject_ in (("1", "d"), ("", "d"), ("2", "a"))),
    *(("test", label, subject_) for label, subject_ in (("", "e"), ("1", "b"), ("2", ""))),
]  # fmt: skip
SPLITTINGS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "one subject held out": {"holdout_subjects": ["b"]},
    "two subjects held out, one in validation too": {"holdout_subjects": ["a", "10"]},
    "trained on validation": {"train_on_validation": True},
    "both": {"train_on_validation": True, "holdout_subjects": ["a"]},
}


def roles(folder: Path) -> dict[str, Any]:
    """Which rows train, validate and test, and what the plan counts."""
    found: dict[str, Any] = {}
    for name, changes in SPLITTINGS.items():
        value = small()
        value["data"].update(changes)
        experiment = subject.parse(value, name)
        manifest = folder / "records" / subject.records_name(experiment) / "manifest.json"
        _write_index(manifest)
        records_ = subject.Records(manifest)
        found[name] = {role: records_.positions(role, experiment.data).tolist() for role in ROLES}
        found[name]["planned"] = subject.training_sequences(experiment, folder)
    experiment = subject.parse(edited(small(), "data.holdout_subjects", ["nobody", "b"]), "wrong")
    try:
        records_.positions("training", experiment.data)
    except subject.GestureError as error:
        found["nobody held out"] = str(error)
    found["labels"] = records_.labels(np.arange(len(ROWS))).tolist()
    return found


def _write_index(manifest: Path) -> None:
    manifest.parent.mkdir(parents=True, exist_ok=True)
    with manifest.with_name("index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["shard", "offset", "size", "id", "split", "label", "subject", "source", "frames", "modalities"]
        )
        for number, (split, label, subject_) in enumerate(ROWS, 1):
            writer.writerow(["a.tfrecord", 0, 0, number, split, label, subject_, "", 20, "skeleton"])
    text = manifest.with_name("index.csv").read_bytes().decode()
    value = {"classes": ["one", "two", "three"], "modalities": ["skeleton"], "size": 16, "counts": {}, "shards": {}}
    manifest.write_text(json.dumps({**value, "digest": subject.records_digest({}, text)}))


# ---- Order


def order(_: Path) -> dict[str, Any]:
    """Which sequences make up the batch of a step."""
    found: dict[str, Any] = {}
    for sequences, batch, seed in ((10, 4, 1), (10, 4, 2), (7, 7, 0), (5, 8, 3), (1870, 4, 1)):
        epoch = subject.steps_per_epoch(sequences, batch)
        steps = (0, 1, epoch - 1, epoch, 2 * epoch + 1, 100 * epoch)
        batches = {f"step {step}": subject.batch_at(step, sequences, batch, seed).tolist() for step in steps}
        found[f"{sequences} sequences, batch {batch}, seed {seed}"] = {"steps of an epoch": epoch, **batches}
    return found


# ---- Random changes

# All at once, mixup aside, which is one of batches.
CHANGES: dict[str, float] = {
    "translation": 0.2, "speed": 0.5, "frame_jitter": 2, "time_warp": 0.5, "scale": 0.3, "gamma": 1,
    "horizontal_flip": 0.5, "modality_dropout": 0.5, "joint_noise": 0.05, "mixup": 0.4,
}  # fmt: skip


def augmentations() -> dict[str, Any]:
    """None, each alone, all together."""
    known = set(subject.Augmentation.model_fields)
    assert known == set(CHANGES), f"tests/frozen/data.py: freeze {known ^ set(CHANGES)} too"
    alone = {name: {name: value} for name, value in CHANGES.items()}
    return {name: subject.Augmentation(**keys) for name, keys in {"none": {}, **alone, "all": CHANGES}.items()}


def draws(_: Path) -> dict[str, Any]:
    """A sequence after each augmentation, by three generators, and the frames that changes of the tempo show."""
    found: dict[str, Any] = {
        "frames shown": {
            f"{length} frames, {number}": {
                "retimed": subject.retimed(length, faster, jitter, np.random.default_rng(number)).tolist(),
                "warped": subject.warped(length, faster, -jitter / 4).tolist(),
            }
            for number, (length, faster, jitter) in enumerate(
                ((1, 0.5, 3.0), (20, 0.5, 0.0), (20, -0.4, 2.0), (33, 0, 1))
            )
        }
    }
    sequence = plain_sequence()
    for name, settings in augmentations().items():
        for seed in range(3):
            changed = subject.augment(sequence, settings, np.random.default_rng([seed, 7, 1]))
            arrays = {key: array(value) for key, value in changed.arrays.items()}
            same = [key for key, value in changed.arrays.items() if np.array_equal(value, sequence.arrays[key])]
            found[f"{name}, generator {seed}"] = {**arrays, **dict.fromkeys(same, "unchanged")}
    return found


def plain_sequence() -> Any:
    """All modalities in 22 frames, of numbers that every machine represents alike."""
    rng = np.random.default_rng(5)
    frames, size = 22, 16
    skeleton = (rng.integers(-64, 64, (frames, 20, 9)) / 64).astype(np.float32)
    skeleton[..., 2] += 3
    skeleton[..., 7:] = rng.integers(140, 460, (frames, 20, 2))
    skeleton[:4, 7] = 0  # a hand that was not seen at first
    return subject.Sequence(
        id=1,
        split="training",
        label=2,
        subject="a",
        rgb=rng.integers(0, 256, (frames, size, size, 3)).astype(np.uint8),
        depth=rng.integers(0, 256, (frames, size, size, 1)).astype(np.uint8),
        max_depth_mm=4095,
        mask=rng.random((frames, size, size, 1)) < 0.5,
        skeleton=skeleton,
    )


# ---- Batches

PICTURES = ["rgb", "depth", "mask", "skeleton"]
KINDS: dict[str, dict[str, Any]] = {
    "joints": {"network": {"model": "tcn"}, "modalities": ["skeleton"]},
    "clips": {"network": {"model": "smnet"}, "modalities": PICTURES},
    "clips of whole depth": {"network": {"model": "smnet"}, "modalities": ["depth"]},
    "clips of motion": {"network": {"model": "smnet"}, "modalities": PICTURES, "images": "subtract_mean"},
    "padded clips": {"network": {"model": "smnet", "legacy": True}, "modalities": PICTURES},
    "person": {"network": {"model": "cnn_tcn", "person": 16, "frames": 6}, "modalities": ["depth", "mask"]},
    "person and joints": {
        "network": {"model": "cnn_tcn", "person": 20, "frames": 6},
        "modalities": ["depth", "mask", "skeleton"],
    },
}


def inputs_of(kind: str) -> Any:
    """What the network of a kind is fed."""
    value = {**small(), "variants": {"one": KINDS[kind]}}
    return subject.Inputs.of(subject.parse(value, kind).variants["one"])


def batches(folder: Path) -> dict[str, Any]:
    """Every kind of input under every augmentation."""
    records_ = subject.Records(convert(folder))
    positions = records_.positions("training", subject.Data())[[3, 0, 8, 5]]
    found = {}
    for kind in KINDS:
        inputs, plain = inputs_of(kind), {}
        for name, settings in augmentations().items():
            rng = np.random.default_rng([1, 2, 1])
            batch = {
                key: array(value)
                for key, value in subject.load_batch(records_, positions, inputs, settings, rng).items()
            }
            plain = plain or batch
            same = [key for key in batch if name != "none" and batch[key] == plain.get(key)]
            found[f"{kind}, {name}"] = {**batch, **dict.fromkeys(same, "as without")}
    return found


# ---- The built-in data set


def synthetic(_: Path) -> dict[str, Any]:
    """Who performs what, and movements, pictures and joints before they are encoded."""
    found: dict[str, Any] = {
        preset: hashlib.sha256(repr([_plan(one) for one in subject.plans(value, 1)]).encode()).hexdigest()[:32]
        for preset, value in subject.PRESETS.items()
    }
    plan = subject.plans(subject.PRESETS["tiny"], 1)[0]
    script = subject.perform(plan, 1)
    body = subject.pose(script, 1)
    found["labels"] = [[one.gesture, one.begin, one.end] for one in script.labels]
    found["skeleton"] = array(subject.synthetic_skeleton(body, 1, plan.number))
    for number in (0, len(body.joints) // 2):
        (picture,) = subject.pictures(script, body, range(number, number + 1))
        for name in ("colour", "depth", "mask"):
            # A pixel on an edge may fall to the other side on another machine.
            found[f"frame {number} {name}"] = {**array(getattr(picture, name).astype(np.float32), elsewhere=1e-3)}
    return found


def _plan(one: Any) -> list[Any]:
    return [one.number, one.split, one.subject, one.classes, one.coarseness, one.variety]
