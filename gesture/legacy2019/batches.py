"""Batches as the input pipeline of 2019 made them for its evaluation, straight from its tfrecords."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from gesture.base.errors import GestureError
from gesture.inputs.batch import CLIP, cut
from gesture.legacy2019.tfrecords import paths, stored

BATCH = 4
FILES_AT_ONCE = 4
T = TypeVar("T")


def original_batches(folder: Path, split: str) -> Iterator[dict[str, np.ndarray]]:
    """The sequences of a split in the order of 2019, four at a time.

    Yields:
        `id`, `label` (-1 in the test split, whose labels were placeholders), `clips` `(B,)` and pictures
        `(N, 16, 80, 80, 3)` float32: `rgb`, `skeleton_image`, and `depth` times its mask.

    Raises:
        GestureError: a file is missing or damaged, or there is none of this split.
    """
    files = [path for name, path in paths(folder) if name == split]
    if not files:
        raise GestureError(f"{folder}: no tfrecords of split {split}, such as {split}-01-of-20")
    records = in_turn(stored(path) for path in files)
    while chosen := list(islice(records, BATCH)):
        yield _batch(chosen, labelled=split != "test")


def in_turn(streams: Iterable[Iterator[T]], at_once: int = FILES_AT_ONCE) -> Iterator[T]:
    """One item of each of the first streams in turn, as `tf.data.Dataset.interleave` takes them."""
    waiting = iter(streams)
    places = [next(waiting, None) for _ in range(at_once)]
    while any(place is not None for place in places):
        for number, place in enumerate(places):
            # A stream that is found at its end costs its turn; the next one takes the place a round later.
            if place is None:
                place = places[number] = next(waiting, None)
            if place is not None:
                try:
                    yield next(place)
                except StopIteration:
                    places[number] = None


def _batch(records: list[dict[str, Any]], labelled: bool) -> dict[str, np.ndarray]:
    clips = np.array([record["length"] // CLIP + 1 for record in records], np.int32)
    depth = [record["depth"] / np.float32(255) * (record["segmentation"] / np.float32(255)) for record in records]
    return {
        "id": np.array([record["id"] for record in records], np.int64),
        "label": np.array([record["label"] if labelled else -1 for record in records], np.int32),
        "clips": clips,
        "rgb": cut([standardise(record["rgb"]) for record in records], clips),
        "depth": cut(depth, clips),
        "skeleton_image": cut([standardise(record["skeleton_img"]) for record in records], clips),
    }


def standardise(images: np.ndarray) -> np.ndarray:
    """Images of any type minus their mean over their population standard deviation, as float32.

    Of bytes `gesture.inputs.gray.standardised` makes the same, faster.
    """
    mean, deviation = images.mean(dtype=np.float64), max(images.std(dtype=np.float64), 1e-6)
    values = np.empty(images.shape, np.float32)
    for frame, value in zip(images, values, strict=True):  # float64 of a frame stays in the cache
        value[...] = (frame - mean) / deviation
    return values
