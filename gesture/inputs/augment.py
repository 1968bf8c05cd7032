"""Random changes of training sequences; the generator given decides all, so (seed, step) repeat them.

All modalities of a sequence change together: times, mirror images and shifts are the same for its pictures and joints.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from gesture.config.settings import Augmentation
from gesture.formats.arrays import FX, FY
from gesture.formats.sequence import JOINTS, Sequence
from gesture.inputs.pixels import Pixels
from gesture.inputs.skeleton_image import LEFT, SIDE, TOP

Arrays = dict[str, np.ndarray]

# What is lost together; without its mask a depth shows the room, without its depth a mask shows nothing.
STREAMS = (("rgb",), ("depth", "mask"), ("skeleton",))
_OTHER_SIDE = [
    JOINTS.index(name.replace("Left", "?").replace("Right", "Left").replace("?", "Right")) for name in JOINTS
]


@dataclass(frozen=True)
class Chances:
    """What is drawn for one sequence, whichever changes are switched on, whatever its modalities and its length.

    Attributes:
        tempo, down, right, curve, early, late, nearer: how far each change goes (-1 to 1).
        mirrored, lost, which: whether a change comes, and which stream is lost (0 to 1).
        times, noise: generators for what needs a number a frame or a joint.
    """

    tempo: float
    down: float
    right: float
    curve: float
    mirrored: float
    lost: float
    which: float
    early: float
    late: float
    nearer: float
    times: np.random.Generator
    noise: np.random.Generator

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Chances":
        """The next chances of a batch's generator."""
        tempo, down, right, curve = rng.uniform(-1, 1, size=4)
        mirrored, lost, which = rng.random(3)
        times, noise = rng.spawn(2)
        early, late, nearer = noise.spawn(1)[0].uniform(-1, 1, size=3)  # what older settings draw stays the same
        return cls(tempo, down, right, curve, mirrored, lost, which, early, late, nearer, times, noise)


def augment(sequence: Sequence, settings: Augmentation, rng: np.random.Generator) -> Sequence:
    """The sequence with the changes that are switched on, by the next chances of ``rng``; see `changed`."""
    return changed(sequence, settings, Chances.drawn(rng))


def changed(sequence: Sequence, settings: Augmentation, chances: Chances) -> Sequence:
    """The sequence with the changes that are switched on; without any, what was given."""
    frames = _frames(sequence.length, settings, chances)
    mirrored = chances.mirrored < settings.horizontal_flip
    factor = 1 + settings.scale * chances.nearer
    down, right = settings.translation * chances.down, settings.translation * chances.right
    arrays = {}
    for name, array in sequence.arrays.items():
        if name == "skeleton":
            joints = {name: array if frames is None else array[frames]}
            joints = flip(joints) if mirrored else joints
            joints = zoom(joints, factor) if settings.scale else joints
            joints = shift(joints, down, right) if settings.translation else joints
            arrays[name] = joints[name]
            continue
        height, width = array.shape[1:3]
        pixels = Pixels(frames)
        if mirrored:
            pixels = pixels.of(columns=np.arange(width)[::-1])
        if settings.scale:
            pixels = pixels.of(rows=_zoomed(height, factor), columns=_zoomed(width, factor))
        if settings.translation:
            pixels = pixels.of(rows=_shifted(height, down), columns=_shifted(width, right))
        arrays[name] = pixels.gathered(array)
    if settings.gamma and "rgb" in arrays:
        arrays["rgb"] = bend(arrays["rgb"], (1 + settings.gamma) ** chances.curve)
    if settings.joint_noise and "skeleton" in arrays:
        arrays["skeleton"] = disturb(arrays["skeleton"], settings.joint_noise, chances.noise)
    if chances.lost < settings.modality_dropout:
        arrays = lose_one(arrays, chances.which)
    fields: dict[str, Any] = arrays
    return dataclasses.replace(sequence, **fields)


def _frames(length: int, settings: Augmentation, chances: Chances) -> np.ndarray | None:
    """Which frames are shown, int64; None = all."""
    frames = None
    if settings.speed or settings.frame_jitter:
        frames = retimed(length, settings.speed * chances.tempo, settings.frame_jitter, chances.times)
    if settings.time_warp:
        count = length if frames is None else len(frames)
        places = warped(count, settings.time_warp * chances.early, settings.time_warp * chances.late)
        frames = places if frames is None else frames[places]
    return frames


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
    zoomed = dict(arrays)
    for name, array in arrays.items():
        if name != "skeleton":
            zoomed[name] = Pixels(None, *(_zoomed(side, factor) for side in array.shape[1:3])).gathered(array)
    if "skeleton" in arrays:
        skeleton = arrays["skeleton"].copy()
        centre = np.array([LEFT + SIDE / 2, TOP + SIDE / 2], np.float32)
        skeleton[..., 7:9] = np.where(_seen(skeleton), centre + factor * (skeleton[..., 7:9] - centre), 0)
        zoomed["skeleton"] = skeleton
    return zoomed


def _zoomed(side: int, factor: float) -> np.ndarray:
    """Which rows or columns are shown when they are enlarged about their middle, `(side,)` int64."""
    places = np.floor(side / 2 + (np.arange(side) + 0.5 - side / 2) / factor)
    return np.asarray(np.clip(places, 0, side - 1).astype(int))


def shift(arrays: Arrays, down: float, right: float) -> Arrays:
    """Moves all pictures and the joints' pixels by fractions of the side; the border pixels fill what comes in."""
    moved = dict(arrays)
    for name, array in arrays.items():
        if name != "skeleton":
            rows, columns = _shifted(array.shape[1], down), _shifted(array.shape[2], right)
            moved[name] = Pixels(None, rows, columns).gathered(array)
    if "skeleton" in arrays:
        skeleton = arrays["skeleton"].copy()
        skeleton[..., 7:9] += _seen(skeleton) * (SIDE * np.array([right, down], np.float32))
        moved["skeleton"] = skeleton
    return moved


def _shifted(side: int, part: float) -> np.ndarray:
    """Which rows or columns are shown when they move by a part of the side, `(side,)` int64."""
    return np.asarray(np.clip(np.arange(side) - round(part * side), 0, side - 1))


def bend(images: np.ndarray, exponent: float) -> np.ndarray:
    """Gray values (0 to 1) to a power: above 1 darkens; black and white stay.

    A factor or an offset would vanish when the pictures are standardised.
    """
    curve = np.rint(255 * np.linspace(0, 1, 256) ** exponent).astype(np.uint8)
    # Half the time of `curve[images]`, which turns every byte into an index of eight.
    return np.frombuffer(images.tobytes().translate(curve.tobytes()), np.uint8).reshape(images.shape)


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
