"""Random changes of training sequences; the generator given decides all, so (seed, step) repeat them."""

import dataclasses
from typing import Any

import numpy as np

from gesture.datasets.sequence import Sequence
from gesture.settings import Augmentation


def augment(sequence: Sequence, settings: Augmentation, rng: np.random.Generator) -> Sequence:
    """The sequence at another tempo and with all its images shifted alike.

    The numbers drawn do not depend on which changes are switched on, nor on the modalities present.
    """
    tempo, down, right = rng.uniform(-1, 1, size=3)
    arrays = sequence.arrays
    if settings.speed:
        length = max(1, round(sequence.length / (1 + settings.speed * tempo)))
        frames = np.rint(np.linspace(0, sequence.length - 1, length)).astype(np.int64)
        arrays = {name: array[frames] for name, array in arrays.items()}
    if settings.shift:
        arrays = {
            name: array if name == "skeleton" else shift(array, settings.shift * down, settings.shift * right)
            for name, array in arrays.items()
        }
        if "skeleton" in arrays:
            moved = arrays["skeleton"].copy()
            moved[..., 7:9] += 320 * settings.shift * np.array([right, down], np.float32)
            arrays["skeleton"] = moved
    changed: dict[str, Any] = dict(arrays)
    return dataclasses.replace(sequence, **changed)


def shift(images: np.ndarray, down: float, right: float) -> np.ndarray:
    """Moves images `(T, H, W, C)` by fractions of their sides; the border pixels fill what comes in."""
    rows, columns = (np.arange(side) for side in images.shape[1:3])
    rows = np.clip(rows - round(down * images.shape[1]), 0, images.shape[1] - 1)
    columns = np.clip(columns - round(right * images.shape[2]), 0, images.shape[2] - 1)
    return images[:, rows][:, :, columns]
