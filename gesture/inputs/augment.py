"""Random changes of training sequences; the generator given decides all, so (seed, step) repeat them.

All modalities of a sequence change together: times, mirror images and shifts are the same for its pictures and joints.
"""

import dataclasses
from typing import Any

import numpy as np

from gesture.config.settings import Augmentation
from gesture.formats.arrays import FX, FY
from gesture.formats.sequence import JOINTS, Sequence
from gesture.inputs.skeleton_image import LEFT, SIDE, TOP

Arrays = dict[str, np.ndarray]

# What is lost together; without its mask a depth shows the room, without its depth a mask shows nothing.
STREAMS = (("rgb",), ("depth", "mask"), ("skeleton",))
_OTHER_SIDE = [
    JOINTS.index(name.replace("Left", "?").replace("Right", "Left").replace("?", "Right")) for name in JOINTS
]


def augment(sequence: Sequence, settings: Augmentation, rng: np.random.Generator) -> Sequence:
    """The sequence with the changes that are switched on; without any, what was given.

    What is drawn depends neither on which changes are switched on, nor on the modalities present.
    """
    tempo, down, right, curve = rng.uniform(-1, 1, size=4)
    mirrored, lost, which = rng.random(3)
    times, noise = rng.spawn(2)
    early, late, nearer = noise.spawn(1)[0].uniform(-1, 1, size=3)  # what older settings draw stays the same
    arrays = dict(sequence.arrays)
    if settings.speed or settings.jitter:
        frames = retimed(sequence.length, settings.speed * tempo, settings.jitter, times)
        arrays = {name: array[frames] for name, array in arrays.items()}
    if settings.warp:
        frames = warped(len(next(iter(arrays.values()))), settings.warp * early, settings.warp * late)
        arrays = {name: array[frames] for name, array in arrays.items()}
    if mirrored < settings.flip:
        arrays = flip(arrays)
    if settings.zoom:
        arrays = zoom(arrays, 1 + settings.zoom * nearer)
    if settings.shift:
        arrays = shift(arrays, settings.shift * down, settings.shift * right)
    if settings.brightness and "rgb" in arrays:
        arrays["rgb"] = bend(arrays["rgb"], (1 + settings.brightness) ** curve)
    if settings.skeleton_noise and "skeleton" in arrays:
        arrays["skeleton"] = disturb(arrays["skeleton"], settings.skeleton_noise, noise)
    if lost < settings.modality_dropout:
        arrays = lose_one(arrays, which)
    changed: dict[str, Any] = arrays
    return dataclasses.replace(sequence, **changed)


def retimed(length: int, faster: float, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """Which of `length` frames to show, int64, in order: (1 + faster) times the tempo, each up to `jitter` off."""
    count = max(1, round(length / (1 + faster)))
    times = np.linspace(0, length - 1, count) + jitter * rng.uniform(-1, 1, count)
    return np.sort(np.clip(np.rint(times), 0, length - 1)).astype(np.int64)


def warped(length: int, early: float, late: float) -> np.ndarray:
    """Which of `length` frames to show, int64, as many, in order: the tempo changes smoothly, ends stay.

    The tempo is 1 + (early cos(pi u) + late cos(2 pi u)) / 2 where u, from 0 to 1, is the place in the sequence.
    """
    place = np.linspace(0, 1, length)
    moved = place + (early * np.sin(np.pi * place) + late * np.sin(2 * np.pi * place) / 2) / (2 * np.pi)
    return np.rint((length - 1) * moved).astype(np.int64)


def flip(arrays: Arrays) -> Arrays:
    """The mirror image: columns turned round, left and right joints swapped, and their x and orientations mirrored.

    A rotation R becomes M R M with M = diag(-1, 1, 1): its quaternion (x, y, z, w) becomes (x, -y, -z, w). What was
    not seen, all zero, stays so.
    """
    mirrored = {name: array if name == "skeleton" else array[:, :, ::-1] for name, array in arrays.items()}
    if "skeleton" in arrays:
        skeleton = arrays["skeleton"][:, _OTHER_SIDE]
        other = skeleton * np.array([-1, 1, 1, 1, -1, -1, 1, 1, 1], np.float32)
        other[..., 7] = 2 * LEFT + SIDE - 1 - skeleton[..., 7]  # the crop's first column becomes its last
        mirrored["skeleton"] = np.where(_seen(skeleton), other, skeleton)
    return mirrored


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


def disturb(skeleton: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Normal noise of this deviation [m] on the places of all joints seen; their pixels move with them (pinhole)."""
    noise = rng.normal(0, deviation, (*skeleton.shape[:2], 3)).astype(np.float32) * _seen(skeleton)
    disturbed = skeleton.copy()
    disturbed[..., :3] += noise
    distance = skeleton[..., 2:3]
    pixels = noise[..., :2] * np.array([FX, -FY], np.float32) / np.where(distance > 0, distance, 1)
    disturbed[..., 7:] += np.where(distance > 0, pixels, 0)
    return disturbed


def lose_one(arrays: Arrays, which: float) -> Arrays:
    """One of several streams as if its sensor saw nothing: black colour, depth without reading, joints not tracked.

    All these are zeros, and the pictures they give are all zero once standardised. The only stream is kept.
    """
    present = [names for names in STREAMS if any(name in arrays for name in names)]
    if len(present) == 1:
        return arrays
    names = present[int(which * len(present))]
    return {name: np.zeros_like(array) if name in names else array for name, array in arrays.items()}


def _seen(skeleton: np.ndarray) -> np.ndarray:
    """`(T, 20, 1)` bool: False where a joint is all zero, as sensors write one that they do not see."""
    return np.asarray(skeleton.any(axis=-1, keepdims=True))
