"""A results folder as the workflow leaves it, from made-up numbers: for tests of the report."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from gesture.average.average import average
from gesture.average.output import Origin
from gesture.base.files import SEAL, file_digest, read_json, sealed, value_digest, write_json
from gesture.config.members import members
from gesture.config.settings import Experiment, parse
from gesture.convert.example import encode
from gesture.convert.reader import digest_of, records_digest
from gesture.convert.shard import write_record
from gesture.evaluate.predictions import write_predictions
from gesture.formats.sequence import Sequence

CLASSES = ["vattene", "vieniqui", "perfetto", "furbo", "<b>basta</b>"]
START = "2026-01-01T0{hour}:{minute:02}:00+00:00"


def settings() -> Experiment:
    """Two variants, three members, two stages."""
    value = {
        "experiment": "made-up",
        "training": {"stages": [{"epochs": 3, "learning_rate": 1e-3}, {"epochs": 2, "learning_rate": 1e-4}]},
        "variants": {
            "skeleton": {"network": {"model": "tcn"}, "modalities": ["skeleton"], "seeds": [1, 2]},
            "fusion": {"network": {"model": "smnet"}, "modalities": ["rgb", "depth", "mask", "skeleton"]},
        },
        "report": {"title": "Made-up <results> & figures"},
    }
    return parse(value, "made-up.yaml")


def make_results(folder: Path, labels: bool = True, validation_rows: int = 40, rows: int = 60) -> dict[str, Path]:
    """Writes results, records and logs; returns the arguments of `report` by name."""
    experiment = settings()
    results, logs = folder / "results/made-up", folder / "logs/made-up"
    counts = {"validation": validation_rows, "test": rows}
    records = _records(folder / "records", counts, labels)
    fit_on: list[Path] = []
    for number, (split, count) in enumerate(counts.items()):
        known = labels or split == "validation"
        _predictions(results, experiment, split, count, known, seed=number, data=digest_of(read_json(records), split))
        tables = [results / "predictions" / split / f"{name}.csv" for name in members(experiment)]
        fit_on = fit_on or tables
        output = results if split == "test" else results / "validation"
        average(tables, output, experiment.average, fit_on, Origin(experiment, records))
    for number, member in enumerate(members(experiment).values()):
        for stage in range(1, member.stages + 1):
            _stage(results / "train" / member.name / f"stage{stage}", stage, number)
            _benchmark(logs / f"benchmark/train/{member.name}/stage{stage}.tsv", 90.5 + stage)
    _benchmark(logs / "benchmark/download.tsv", 3.2)
    _benchmark(logs / "benchmark/average.tsv", 1.25)
    return {"records": records, "results": results, "logs": logs, "output": results / "report.html"}


def _records(folder: Path, rows: dict[str, int], labels: bool) -> Path:
    """Records with a moving bright square and a skeleton; sequences of three subjects, 21 frames and longer."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    lines = ["shard,offset,size,id,split,label,subject,source,frames,modalities"]
    for split, count in rows.items():
        with (folder / f"{split}.tfrecord").open("wb") as file:
            for identity in range(1, count + 1):
                offset, size = write_record(file, encode(_sequence(split, identity, generator)))
                place = f"{split}.tfrecord,{offset},{size},{identity},{split}"
                lines.append(f"{place},,{identity % 3},Sample{identity:04},{20 + identity},depth+skeleton")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    counts = {
        "training": {"sequences": 100, "labelled": 100},
        "validation": {"sequences": rows["validation"], "labelled": rows["validation"]},
        "test": {"sequences": rows["test"], "labelled": rows["test"] if labels else 0},
    }
    manifest = {"dataset": "synthetic", "digest": "", "classes": CLASSES, "counts": counts, "size": 16}
    manifest |= {"modalities": ["depth", "skeleton"], "layout": "lean"}
    manifest["shards"] = {path.name: file_digest(path) for path in sorted(folder.glob("*.tfrecord"))}
    write_json(folder / "manifest.json", manifest)
    index_is_meant(folder / "manifest.json")
    return folder / "manifest.json"


def index_is_meant(manifest: Path) -> None:
    """Writes the digest of the index as it is now into the manifest."""
    value = read_json(manifest)
    index = manifest.with_name("index.csv").read_text()
    change_manifest(manifest, digest=records_digest(value["shards"], index))


def change_manifest(path: Path, **changes: Any) -> None:
    """Gives keys of a manifest other values, as if it had been written so."""
    value = {**read_json(path), **changes}
    write_json(path, sealed({key: one for key, one in value.items() if key != SEAL}))


def _sequence(split: str, identity: int, generator: np.random.Generator) -> Sequence:
    frames = 20 + identity
    depth = np.full((frames, 16, 16, 1), 40, np.uint8)
    for frame in range(frames):
        depth[frame, 4:10, frame % 10 : frame % 10 + 6] = 220
    skeleton = np.zeros((frames, 20, 9), np.float32)
    skeleton[..., 7:] = generator.uniform([150, 20], [450, 320], (20, 2))
    return Sequence(identity, split, None, str(identity % 3), None, depth=depth, max_depth_mm=4000, skeleton=skeleton)


def _predictions(
    results: Path, experiment: Experiment, split: str, rows: int, labels: bool, seed: int, data: str
) -> None:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, len(CLASSES), rows)
    for name in members(experiment):
        logits = generator.normal(size=(rows, len(CLASSES))) + 1.5 * np.eye(len(CLASSES))[y]
        softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        manifest = {"split": split, "data_digest": data, "member": name, "checkpoint_digest": weights_digest(name)}
        path = results / "predictions" / split / f"{name}.csv"
        write_predictions(path, np.arange(1, rows + 1), softmax, y if labels else None, manifest)


def _stage(folder: Path, stage: int, number: int) -> None:
    """A history of 5 epochs of 20 steps in stage 1 and 3 in stage 2, and a manifest with two sessions."""
    folder.mkdir(parents=True)
    epochs = range(5) if stage == 1 else range(5, 8)
    lines = []
    for epoch in epochs:
        for step in range(20 * epoch + 5, 20 * epoch + 21, 5):
            loss = 2.5 * np.exp(-step / 60) + 0.1 * np.sin(step + number)
            lines.append({"kind": "train", "stage": stage, "step": step, "epoch": epoch, "rate": 1e-3, "loss": loss})
        accuracy = 0.9 - 0.7 * np.exp(-(epoch + 1 + number) / 4)
        score = {"step": 20 * epoch + 20, "epoch": epoch, "loss": 1 - accuracy, "accuracy": accuracy}
        lines.append({"kind": "validation", "stage": stage, **score})
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    begin = 0 if stage == 1 else 100
    first = {"host": "node1", "job": "17", "step": begin, "reason": "walltime", "steps": 40, "steps_replayed": 0}
    second = {"host": "node2", "job": "18", "step": begin + 40, "reason": "done", "steps": 60, "steps_replayed": 3}
    times: list[str | None] = [START.format(hour=stage + number, minute=minute) for minute in (0, 20, 30, 45)]
    if number == 2 and stage == 2:  # killed without a word
        times[1], first["reason"] = None, "killed"
    sessions = [first | {"start": times[0], "end": times[1]}, second | {"start": times[2], "end": times[3]}]
    manifest = {
        "stage": stage,
        "step": 100 if stage == 1 else 160,
        "parameters": 12345 + number,
        "tensorflow": "2.21.0",
        "code_version": "0.1.0",
        "weights_sha256": weights_digest(folder.parent.name),
        "sessions": sessions,
    }
    manifest["history_sha256"] = file_digest(folder / "history.jsonl")
    write_json(folder / "manifest.json", sealed(manifest))


def weights_digest(member: str) -> str:
    """The digest that the manifests give for a member's weights."""
    return value_digest(member)


def _benchmark(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:00\t-\n")
