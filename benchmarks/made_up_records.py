"""Records to measure with: gestures of the built-in generator, filmed before a wall as rich as a photograph."""

import dataclasses
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from gesture.base.files import write_json, write_text
from gesture.convert.convert import INDEX_COLUMNS
from gesture.convert.example import encode
from gesture.convert.reader import records_digest
from gesture.convert.shard import write_record
from gesture.formats import synthetic
from gesture.formats.options import SyntheticOptions
from gesture.formats.sequence import MODALITIES, Sequence
from gesture.formats.synthetic.files import write_sample
from gesture.formats.synthetic.presets import Plan

SIZE = 80
CLASSES = (1, 5, 3, 9, 14, 2)
# Leaves about 60 frames of a generated gesture.
CONTEXT_FRAMES = 10


def film(folder: Path, people: int) -> list[Sequence]:
    """Six gestures of each person, rendered, encoded as H.264 at 640x480 and decoded to 80x80: half a second each."""
    options = SyntheticOptions(context_frames=CONTEXT_FRAMES)
    plans = [Plan(number, "training", number, CLASSES, 2, 1.0) for number in range(1, people + 1)]
    with ProcessPoolExecutor(min(people, os.cpu_count() or 1), get_context("spawn")) as pool:
        list(pool.map(write_sample, [folder] * people, plans, [1] * people))
    rows = "".join(f"{plan.name},S{plan.subject:02d}\n" for plan in plans)
    (folder / "subjects.csv").write_text("sample,subject\n" + rows)
    found = [one for source in synthetic.sources(folder, options) for one in synthetic.read(source, options, SIZE)]
    return [dataclasses.replace(one, id=number) for number, one in enumerate(found, 1)]


def furnish(sequence: Sequence, texture: float, grain: float) -> Sequence:
    """Hangs a still picture with the statistics of photographs behind the person, and adds the sensor's noise.

    The generator's rooms are plain, and plain walls compress far better than any real room.

    Args:
        sequence: with rgb, depth and mask.
        texture: standard deviation of the picture, whose amplitude falls as 1 / frequency [gray levels].
        grain: standard deviation of the noise, new in every frame, after the reduction to 80x80 [gray levels].
    """
    rng = np.random.default_rng(sequence.id)
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.fftfreq(SIZE))
    frequency[0, 0] = np.inf
    layers = np.fft.ifft2(np.fft.fft2(rng.normal(size=(4, SIZE, SIZE))) / frequency).real
    layers /= layers.std(axis=(1, 2), keepdims=True)
    wall = np.moveaxis(layers[:1] + 0.3 * layers[1:], 0, -1)  # photographs are mostly light and shade
    rgb = sequence.rgb + texture * wall * ~sequence.mask + rng.normal(0, grain, sequence.rgb.shape)
    depth = sequence.depth + rng.normal(0, grain, sequence.depth.shape) * (sequence.depth > 0)
    return dataclasses.replace(sequence, rgb=_gray_levels(rgb), depth=_gray_levels(depth))


def _gray_levels(values: np.ndarray) -> np.ndarray:
    return np.rint(values.clip(0, 255)).astype(np.uint8)


def noise(number: int, frames: int) -> Sequence:
    """A sequence of the right shapes without content, for what does not depend on it."""
    rng = np.random.default_rng(number)
    skeleton = rng.normal(size=(frames, 20, 9)).astype(np.float32)
    skeleton[..., 7:9] = rng.uniform(150, 320, (frames, 20, 2))
    return Sequence(
        number,
        "training",
        number % 20,
        rgb=rng.integers(0, 256, (frames, SIZE, SIZE, 3), np.uint8),
        depth=rng.integers(0, 256, (frames, SIZE, SIZE, 1), np.uint8),
        max_depth_mm=4095,
        mask=rng.integers(0, 2, (frames, SIZE, SIZE, 1), np.uint8).astype(bool),
        skeleton=skeleton,
    )


def write_shards(folder: Path, sequences: list[Sequence], layout: str, copies: int = 1, per_shard: int = 32) -> Path:
    """Writes a record folder; with ``copies`` every shard appears under so many names. Returns its manifest."""
    folder.mkdir(parents=True)
    rows = []
    for first in range(0, len(sequences), per_shard):
        chosen = sequences[first : first + per_shard]
        original = folder / f"training-{first:06d}.tfrecord"
        with original.open("wb") as file:
            places = [write_record(file, encode(one, layout)) for one in chosen]
        for copy in range(copies):
            path = folder / f"training-{copy:03d}-{first:06d}.tfrecord"
            path.hardlink_to(original)
            for (offset, size), one in zip(places, chosen, strict=True):
                row = [path.name, offset, size, one.id, "training", (one.label or 0) + 1, None, None, one.length]
                rows.append([*row, "+".join(one.arrays)])
        original.unlink()
    index = str(pd.DataFrame(rows, columns=INDEX_COLUMNS).to_csv(index=False, lineterminator="\n"))
    write_text(folder / "index.csv", index)
    shards = {str(row[0]): "not counted" for row in rows}
    manifest = {
        "size": SIZE,
        "classes": [str(number) for number in range(1, 21)],
        "modalities": MODALITIES,
        "counts": {},
    }
    manifest |= {"layout": layout, "shards": shards, "digest": records_digest(shards, index)}
    write_json(folder / "manifest.json", manifest)
    return folder / "manifest.json"
