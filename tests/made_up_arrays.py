"""A data set in the `arrays` format, small enough to train on in seconds: each class moves one hand its own way."""

import csv
from pathlib import Path

import numpy as np


def write_arrays(folder: Path, classes: int = 3, per_class: int = 4, size: int = 16, length: int = 20) -> Path:
    """Writes training, validation and test sequences of two subjects each; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rows = []
    for split, count in (("training", per_class), ("validation", 1), ("test", 1)):
        labels = np.tile(np.arange(classes), count)
        for number, label in enumerate(labels, 1):
            name = f"{split}-{number}.npz"
            frames = length + int(rng.integers(0, 6))
            np.savez(folder / name, **_sequence(label, classes, frames, size, rng))
            rows.append([number, split, label + 1, f"{split[0]}{number % 2}", name])
    with (folder / "sequences.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Id", "split", "label", "subject", "file"])
        writer.writerows(rows)
    return folder


def _sequence(label: int, classes: int, frames: int, size: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    skeleton = np.zeros((frames, 20, 3), np.float32)
    skeleton[..., 1] = np.linspace(-0.8, 0.8, 20)
    skeleton[..., 2] = 2.0
    angle = 2 * np.pi * (label / classes + np.linspace(0, 1, frames))
    skeleton[:, 11, :2] = np.stack([np.cos(angle), np.sin(angle)], axis=1) / 2
    skeleton += rng.normal(0, 0.01, skeleton.shape).astype(np.float32)
    depth = rng.integers(900, 1100, (frames, size, size, 1)).astype(np.uint16)
    depth[:, : size // 2, label::classes] = 0
    rgb = rng.integers(0, 256, (frames, size, size, 3)).astype(np.uint8)
    return {"skeleton": skeleton, "depth": depth, "mask": depth > 0, "rgb": rgb}


def settings_of(folder: Path, **changes: object) -> dict:
    """A configuration that trains two small members on such a folder."""
    network = {"model": "smnet", "widths": [2, 3], "head_units": [3, 3, 3], "recurrent_units": 4, "attention_length": 2}
    return {
        "experiment": "small",
        "data": {"dataset": "arrays", "folder": str(folder), "size": 16, "options": {"classes": 3}},
        "training": {
            "batch_size": 4,
            "stages": [{"epochs": 2, "learning_rate": 1e-2}, {"epochs": 1, "learning_rate": 1e-3}],
        },
        "variants": {
            "joints": {"network": {"model": "tcn", "width": 4, "blocks": 1}, "modalities": ["skeleton"]},
            "clips": {"network": network, "modalities": ["rgb", "depth", "mask", "skeleton"]},
        },
        **changes,
    }
