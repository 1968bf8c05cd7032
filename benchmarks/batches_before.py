"""How batches were made until 0.4: one thread, all in float64, each change a gather of its own.

The peer of `feed.py`, and what its bytes are held against by the tests.
"""

import dataclasses
from typing import Any

import numpy as np

from gesture.config.settings import Augmentation
from gesture.convert.reader import Records
from gesture.formats.sequence import Sequence
from gesture.inputs.augment import Arrays, disturb, flip, lose_one, retimed, warped
from gesture.inputs.batch import CLIP, Inputs, cut, pad
from gesture.inputs.person import relative_depth
from gesture.inputs.skeleton_image import LEFT, SIDE, TOP, draw


def load_batch(
    records: Records,
    positions: np.ndarray,
    inputs: Inputs,
    augmentation: Augmentation | None = None,
    rng: np.random.Generator | None = None,
) -> dict[str, np.ndarray]:
    sequences = [records.read(int(position)).only(inputs.modalities) for position in positions]
    sequences = [inputs.prepare(one) for one in sequences]
    if augmentation is not None and rng is not None:
        sequences = [augment(one, augmentation, rng) for one in sequences]
    length = np.array([one.length for one in sequences], np.int32)
    clips = length // CLIP + 1
    batch = {"length": length, "clips": clips, "label": records.labels(positions)}
    for kind in inputs.kinds:
        name = kind.name
        if name == "skeleton":
            batch[name] = pad([one.arrays[name] for one in sequences], int(length.max()))
        elif name == "person":
            batch[name] = np.stack([relative_depth(one, kind.frames) for one in sequences])
        else:
            # One at a time: all of a batch as float32 beside the clips would double its memory.
            arrays = (images_of(one, name, kind, records.manifest["size"]) for one in sequences)
            counts = np.full(len(clips), clips.max()) if kind.padded else clips
            batch[name] = cut(arrays, counts)
    if augmentation is not None and rng is not None and augmentation.mixup:
        batch["partner"] = rng.permutation(len(sequences)).astype(np.int32)
        batch["share"] = rng.beta(augmentation.mixup, augmentation.mixup, len(sequences)).astype(np.float32)
    return batch


def images_of(sequence: Sequence, name: str, inputs: Any, size: int) -> np.ndarray:
    """One stream of pictures `(T, H, W, C)` float32 as an encoder sees it.

    As in 2019, colour and skeleton pictures are standardised, and depth is gray / 255 times the mask.
    """
    images = draw(sequence.arrays["skeleton"], size) if name == "skeleton_image" else sequence.arrays[name]
    if name == "depth" and inputs.masked:
        images = images * sequence.arrays["mask"]
    if inputs.motion:
        return subtract_mean_image(images)
    return images / np.float32(255) if name == "depth" else standardise(images)


def standardise(images: np.ndarray) -> np.ndarray:
    """Images minus their mean over their population standard deviation, one number each for the whole sequence."""
    mean, deviation = images.mean(dtype=np.float64), max(images.std(dtype=np.float64), 1e-6)
    values = np.empty(images.shape, np.float32)
    for frame, value in zip(images, values, strict=True):  # float64 of a frame stays in the cache
        value[...] = (frame - mean) / deviation
    return values


def subtract_mean_image(images: np.ndarray) -> np.ndarray:
    """Images minus the mean over time of every pixel, scaled to standard deviation 1: what stands still vanishes.

    Training from scratch needs it: against standardised clips the background drowns the gesture.
    """
    values = images.astype(np.float32)
    values -= values.mean(axis=0)
    # One gray level at least, or the noise of a sequence without motion would be blown up.
    values /= np.float32(max(values.std(), 1.0))
    return values


def augment(sequence: Sequence, settings: Augmentation, rng: np.random.Generator) -> Sequence:
    """The sequence with the changes that are switched on; without any, what was given.

    What is drawn depends neither on which changes are switched on, nor on the modalities present.
    """
    tempo, down, right, curve = rng.uniform(-1, 1, size=4)
    mirrored, lost, which = rng.random(3)
    times, noise = rng.spawn(2)
    early, late, nearer = noise.spawn(1)[0].uniform(-1, 1, size=3)  # what older settings draw stays the same
    arrays = dict(sequence.arrays)
    if settings.speed or settings.frame_jitter:
        frames = retimed(sequence.length, settings.speed * tempo, settings.frame_jitter, times)
        arrays = {name: array[frames] for name, array in arrays.items()}
    if settings.time_warp:
        frames = warped(len(next(iter(arrays.values()))), settings.time_warp * early, settings.time_warp * late)
        arrays = {name: array[frames] for name, array in arrays.items()}
    if mirrored < settings.horizontal_flip:
        arrays = flip(arrays)
    if settings.scale:
        arrays = zoom(arrays, 1 + settings.scale * nearer)
    if settings.translation:
        arrays = shift(arrays, settings.translation * down, settings.translation * right)
    if settings.gamma and "rgb" in arrays:
        arrays["rgb"] = bend(arrays["rgb"], (1 + settings.gamma) ** curve)
    if settings.joint_noise and "skeleton" in arrays:
        arrays["skeleton"] = disturb(arrays["skeleton"], settings.joint_noise, noise)
    if lost < settings.modality_dropout:
        arrays = lose_one(arrays, which)
    changed: dict[str, Any] = arrays
    return dataclasses.replace(sequence, **changed)


def zoom(arrays: Arrays, factor: float) -> Arrays:
    """Enlarges all pictures, and the joints' pixels, about the centre; the border pixels fill what comes in."""
    zoomed = {name: array if name == "skeleton" else _zoom(array, factor) for name, array in arrays.items()}
    if "skeleton" in arrays:
        skeleton = arrays["skeleton"].copy()
        centre = np.array([LEFT + SIDE / 2, TOP + SIDE / 2], np.float32)
        skeleton[..., 7:9] = np.where(_seen(skeleton), centre + factor * (skeleton[..., 7:9] - centre), 0)
        zoomed["skeleton"] = skeleton
    return zoomed


def _zoom(images: np.ndarray, factor: float) -> np.ndarray:
    rows, columns = (
        np.clip(np.floor(side / 2 + (np.arange(side) + 0.5 - side / 2) / factor), 0, side - 1).astype(int)
        for side in images.shape[1:3]
    )
    return images[:, rows][:, :, columns]


def shift(arrays: Arrays, down: float, right: float) -> Arrays:
    """Moves all pictures and the joints' pixels by fractions of the side; the border pixels fill what comes in."""
    moved = {name: array if name == "skeleton" else _shift(array, down, right) for name, array in arrays.items()}
    if "skeleton" in arrays:
        skeleton = arrays["skeleton"].copy()
        skeleton[..., 7:9] += _seen(skeleton) * (SIDE * np.array([right, down], np.float32))
        moved["skeleton"] = skeleton
    return moved


def _shift(images: np.ndarray, down: float, right: float) -> np.ndarray:
    rows, columns = (np.arange(side) for side in images.shape[1:3])
    rows = np.clip(rows - round(down * images.shape[1]), 0, images.shape[1] - 1)
    columns = np.clip(columns - round(right * images.shape[2]), 0, images.shape[2] - 1)
    return images[:, rows][:, :, columns]


def bend(images: np.ndarray, exponent: float) -> np.ndarray:
    """Gray values (0 to 1) to a power: above 1 darkens; black and white stay.

    A factor or an offset would vanish when the pictures are standardised.
    """
    curve = np.rint(255 * np.linspace(0, 1, 256) ** exponent).astype(np.uint8)
    return curve[images]


def _seen(skeleton: np.ndarray) -> np.ndarray:
    return np.asarray(skeleton.any(axis=-1, keepdims=True))
