"""Networks, batches as TensorFlow gets them, and members trained for a few steps: needs TensorFlow."""

import contextlib
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf
from made_up_arrays import settings_of, write_arrays

from frozen import subject
from frozen.configuration import small
from frozen.data import CHANGES, KINDS, convert, inputs_of
from frozen.values import array

tools = subject.with_tensorflow()
CLASSES, SIDE, FRAMES = 3, 16, 12
SKELETON, BOTH = ["skeleton"], ["depth", "mask", "skeleton"]
ALL = ["rgb", "depth", "mask", "skeleton"]
SIZES = {"frames": FRAMES, "width": 8, "blocks": 2}
PICTURES = {**SIZES, "model": "cnn_tcn", "person": SIDE, "widths": [3, 4], "features": 5}
CLIPS = {"model": "smnet", "widths": [2, 3, 4], "head_units": [4, 3, 3], "recurrent_units": 5, "attention_length": 3}

# Name -> settings and modalities.
ZOO: dict[str, tuple[dict[str, Any], list[str]]] = {
    "joints": ({**SIZES, "model": "tcn", "kernel": 3}, SKELETON),
    "graph": ({"model": "stgcn", "frames": FRAMES, "widths": [4, 6], "kernel": 3}, SKELETON),
    "transformer": ({**SIZES, "model": "transformer", "heads": 2}, SKELETON),
    "frames, depth": (PICTURES, ["depth", "mask"]),
    **{f"frames, {kind}": ({**PICTURES, "fusion": kind}, BOTH) for kind in ("early", "late", "attention")},
    "smnet": (CLIPS, ALL),
    "smnet, depth": (CLIPS, ["depth", "mask"]),
    "smnet, r2plus1d": ({**CLIPS, "encoder": "r2plus1d"}, ALL),
    "smnet, as in 2019": ({**CLIPS, "legacy": True}, ALL),
}


def networks(folder: Path) -> dict[str, Any]:
    """Initial weights as they are saved, logits, scores and losses, at evaluation and in training."""
    return {name: _network(folder, *what) for name, what in ZOO.items()}


def _network(folder: Path, keys: dict[str, Any], modalities: list[str]) -> dict[str, Any]:
    keras.utils.clear_session()
    variants = {"one": {"network": keys, "modalities": modalities}}
    settings = subject.parse({**small(), "variants": variants}, "zoo").variants["one"].network
    network = tools.build(settings, modalities, CLASSES, SIDE, 4)
    padded = keys.get("legacy", False)
    batch = batch_of([20, 9, 33], padded)
    found: dict[str, Any] = {"sizes": network.describe(), "weights": _saved(folder, network)}
    for number, generator in enumerate(network.seed_generators):
        generator.state.assign([11 + number, 5])
    logits, steps = network(batch, training=True)
    found["in training"] = _outcome(network, logits, steps, batch)
    if not padded:  # random at evaluation too
        logits, steps = network(batch, training=False)
        found["at evaluation"] = _outcome(network, logits, steps, batch)
    if keys["model"] != "smnet":
        mixed = {**batch, "partner": tf.constant([2, 0, 1]), "share": tf.constant([0.25, 0.5, 1.0])}
        logits, steps = network(mixed, training=False)
        found["with mixup"] = _outcome(network, logits, steps, mixed)
    return found


def _outcome(network: Any, logits: tf.Tensor, steps: tf.Tensor, batch: dict[str, tf.Tensor]) -> dict[str, Any]:
    valid = tf.sequence_mask(steps, tf.shape(logits)[1], dtype=logits.dtype)[..., None] * logits
    loss = network.loss(logits, steps, batch["label"], 0.1, batch)
    values = {"logits": valid, "scores": network.scores(logits, steps), "loss": loss}
    return {
        "steps": steps.numpy().tolist(),
        **{name: array(one.numpy(), 1e-5, exactly=False) for name, one in values.items()},
    }


def _saved(folder: Path, network: Any) -> dict[str, Any]:
    """What `.weights.h5` holds: older results are read by these names."""
    path = folder / "one.weights.h5"
    network.save_weights(path)
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, one: found.update({name: array(one[()])}) if isinstance(one, h5py.Dataset) else None
        )
    return found


def batch_of(lengths: list[int], padded: bool) -> dict[str, tf.Tensor]:
    """Every kind of input of three sequences."""
    rng = np.random.default_rng(3)
    count, longest = len(lengths), max(lengths)
    skeleton = np.zeros((count, longest, 20, 9), np.float32)
    person = np.linspace([0.1, 0.2, 2], [0.4, 1.5, 2.2], 20)
    for row, length in zip(skeleton, lengths, strict=True):
        row[:length, :, :3] = person + rng.integers(-32, 32, (length, 20, 3)) / 256
    clips = np.array(lengths, np.int32) // 16 + 1
    rows = count * clips.max() if padded else clips.sum()

    def images(channels: int) -> np.ndarray:
        return (rng.integers(-64, 64, (rows, 16, SIDE, SIDE, channels)) / 32).astype(np.float32)

    batch = {
        "length": np.array(lengths, np.int32),
        "clips": clips,
        "label": np.array([0, 2, 1], np.int32),
        "skeleton": skeleton,
        "person": (rng.integers(-64, 64, (count, FRAMES, SIDE, SIDE, 2)) / 64).astype(np.float32),
        "rgb": images(3),
        "depth": images(1),
        "skeleton_image": images(3),
    }
    return {key: tf.constant(value) for key, value in batch.items()}


def pipeline(folder: Path) -> dict[str, Any]:
    """Batches of training steps: order, draws and pictures together."""
    records = subject.Records(convert(folder))
    positions = records.positions("training", subject.Data())
    found = {}
    for kind in ("joints", "clips", "person and joints"):
        keys = {name: value for name, value in CHANGES.items() if name != "mixup" or "clips" not in kind}
        training = {"batch_size": 5, "augmentation": keys, "stages": [{"steps": 9, "learning_rate": 1e-3}]}
        value = {**small(), "training": training, "variants": {"one": KINDS[kind]}}
        one = subject.parse(value, kind).variants["one"].training
        for first in (0, 2):  # the last of the first epoch is short
            steps = range(first, first + 2)
            batches = tools.training_batches(records, positions, inputs_of(kind), one, 6, steps)
            for step, batch in zip(steps, batches, strict=True):
                found[f"{kind}, from {first}, step {step}"] = {
                    key: array(value.numpy()) for key, value in sorted(batch.items())
                }
    return found


# ---- Members, trained

TRAINING = {
    "batch_size": 4,
    "warmup_steps": 2,
    "ema_decay": 0.8,
    "weight_decay": 1e-3,
    "label_smoothing": 0.1,
    "gradient_clip_norm": 5.0,
    "select": "best",
    "augmentation": {key: value for key, value in CHANGES.items() if key != "mixup"},
    "stages": [
        {"epochs": 2, "learning_rate": 1e-2, "final_learning_rate": 1e-3},
        {"epochs": 1, "learning_rate": 1e-3, "pretrained_learning_rate": 1e-4},
    ],
}


def chain(folder: Path) -> dict[str, Any]:
    """Two stages of a member of each kind of input, and what it predicts."""
    write_arrays(folder / "arrays")
    value = settings_of(Path("arrays"), training=TRAINING)  # relative: the folder's name is in digests
    network = {"model": "cnn_tcn", "frames": 6, "person": 16, "widths": [2, 3], "features": 3, "width": 4, "blocks": 1}
    value["variants"]["frames"] = {"network": network, "modalities": BOTH}
    experiment = subject.parse(value, "chain")
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        subject.download(experiment, Path("raw.json"), 1)
        subject.convert(experiment, Path("raw.json"), Path("records/manifest.json"), 1)
        return {name: _member(experiment, name) for name in subject.members(experiment)}


def _member(experiment: Any, name: str) -> dict[str, Any]:
    records, parent, found = Path("records/manifest.json"), None, {}
    for stage in (1, 2):
        output = Path(name) / str(stage)
        live = Path("live") / name / str(stage)
        job = tools.StageJob.prepare(experiment, name, stage, records, parent, live, output, threads=1)
        with tools.Lease(live) as lease, job.outcome_of_attempt(lease):
            tools.train(job, lease, tools.Session(1e9), tools.Cadence(1e9))
        found[f"stage {stage}"] = _stage(output)
        parent = output
    for split in ("validation", "test"):
        table = Path(name) / f"{split}.csv"
        tools.evaluate(experiment, records, name, output, split, table, threads=1)
        p = subject.read_predictions(table)
        found[split] = {"ids": p.ids.tolist(), "softmaxes": array(p.probabilities, within=1e-7, elsewhere=1e-4)}
    return found


def _stage(folder: Path) -> dict[str, Any]:
    manifest = subject.read_json(folder / "manifest.json")
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    numbers = ("rate", "loss", "accuracy")
    bytes_ = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in WEIGHT_FILES}
    fingerprint = manifest["fingerprint"]
    return {
        "files": sorted(path.name for path in folder.iterdir()),
        "step": manifest["step"],
        "settings": fingerprint["settings"],
        "data": fingerprint["data"],
        "bytes": {"here": bytes_},
        "history": [
            {
                **{key: value for key, value in one.items() if key in ("kind", "stage", "step", "epoch", "steps")},
                "values": array(np.array([one[key] for key in numbers if key in one]), 1e-7, 1e-4, exactly=False),
            }
            for one in history
        ],
    }


WEIGHT_FILES = ("model.weights.h5", "optimiser.h5")
