"""From sequences to what a network sees: pictures normalised and cut into clips of 16 frames, NumPy only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gesture.config.settings import Augmentation, Variant
from gesture.convert.reader import Records
from gesture.formats.sequence import Sequence
from gesture.inputs.aligned import aligned_zeros
from gesture.inputs.augment import augment
from gesture.inputs.person import cut_out, relative_depth
from gesture.inputs.skeleton_image import draw

CLIP = 16


@dataclass(frozen=True)
class Inputs:
    """What a variant's network is fed.

    Attributes:
        names: keys of the batch beside `length` and `clips`.
        masked: True if the depth is cut out by the mask.
        motion: True if every image is taken minus the mean image of its sequence.
        padded: True for the 2019 layout, in which every sequence has as many clips as the longest of its batch.
        person: side of the square around the person that depth and mask are cut to [px]; None = whole pictures.
        frames: length that `person` is resampled to [frames].
    """

    names: tuple[str, ...]
    masked: bool
    motion: bool
    padded: bool
    person: int | None = None
    frames: int = 0

    @classmethod
    def of(cls, variant: Variant) -> "Inputs":
        """The inputs of a variant."""
        network: Any = variant.network
        if network.model == "frames":
            names = ("person", *(name for name in variant.modalities if name == "skeleton"))
            return cls(names, True, motion=False, padded=False, person=network.person, frames=network.frames)
        if network.model != "smnet":
            return cls(("skeleton",), masked=False, motion=False, padded=False)
        pictures = {"rgb": "rgb", "depth": "depth", "skeleton": "skeleton_image"}
        return cls(
            tuple(name for modality, name in pictures.items() if modality in variant.modalities),
            masked="mask" in variant.modalities,
            motion=variant.images == "motion",
            padded=network.layout == "padded",
        )

    @property
    def modalities(self) -> tuple[str, ...]:
        """What they are made from."""
        names = tuple("depth" if name == "person" else name.removesuffix("_image") for name in self.names)
        return (*names, "mask") if self.masked else names


def load_batch(
    records: Records,
    positions: np.ndarray,
    inputs: Inputs,
    augmentation: Augmentation | None = None,
    rng: np.random.Generator | None = None,
) -> dict[str, np.ndarray]:
    """Reads sequences and lays them out for a network.

    Args:
        records: where they are.
        positions: rows of the index, `(B,)`.
        inputs: what the network is fed.
        augmentation: random changes, drawn from ``rng``; none when evaluating.
        rng: generator that depends on (seed, step) alone.

    Returns:
        `length` `(B,)` int32 [frames], `clips` `(B,)` int32, `label` `(B,)` int32 (-1 = none), and the inputs: pictures
        `(N, 16, H, W, C)` float32, N = sum of clips (or B x longest when padded); `skeleton` `(B, T, 20, 9)` float32,
        zero-padded; `person` `(B, frames, side, side, 2)` float32, relative depth and mask. With mixup also `partner`
        `(B,)` int32, who each is blended with, and `share` `(B,)` float32, how much is left of its own.
    """
    sequences = [records.read(int(position)).only(inputs.modalities) for position in positions]
    if inputs.person is not None:  # before any shift, which it would undo
        sequences = [cut_out(one, inputs.person) for one in sequences]
    if augmentation is not None and rng is not None:
        sequences = [augment(one, augmentation, rng) for one in sequences]
    length = np.array([one.length for one in sequences], np.int32)
    clips = length // CLIP + 1
    batch = {"length": length, "clips": clips, "label": records.labels(positions)}
    for name in inputs.names:
        if name == "skeleton":
            batch[name] = pad([one.arrays[name] for one in sequences], int(length.max()))
        elif name == "person":
            batch[name] = np.stack([relative_depth(one, inputs.frames) for one in sequences])
        else:
            # One at a time: all of a batch as float32 beside the clips would double its memory.
            arrays = (images_of(one, name, inputs, records.manifest["size"]) for one in sequences)
            counts = np.full(len(clips), clips.max()) if inputs.padded else clips
            batch[name] = cut(arrays, counts)
    if augmentation is not None and rng is not None and augmentation.mixup:
        batch["partner"] = rng.permutation(len(sequences)).astype(np.int32)
        batch["share"] = rng.beta(augmentation.mixup, augmentation.mixup, len(sequences)).astype(np.float32)
    return batch


def images_of(sequence: Sequence, name: str, inputs: Inputs, size: int) -> np.ndarray:
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


def pad(arrays: list[np.ndarray], length: int) -> np.ndarray:
    """Stacks arrays `(T_i, ...)` to `(B, length, ...)`, zeros past their ends."""
    stacked = np.zeros((len(arrays), length, *arrays[0].shape[1:]), arrays[0].dtype)
    for row, array in zip(stacked, arrays, strict=True):
        row[: len(array)] = array
    return stacked


def cut(arrays: Iterable[np.ndarray], counts: np.ndarray) -> np.ndarray:
    """Cuts arrays `(T_i, H, W, C)` into ``counts[i]`` clips each: `(N, 16, H, W, C)`, zeros past their ends.

    A sequence owns T // 16 + 1 clips, so T = 16 gives a second, empty one, as the 2019 weights expect.
    """
    clips = np.empty(0)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]) * CLIP
    for start, array in zip(starts, arrays, strict=True):
        if not clips.size:
            clips = aligned_zeros((int(counts.sum()) * CLIP, *array.shape[1:]), array.dtype)
        clips[start : start + len(array)] = array
    return clips.reshape(-1, CLIP, *clips.shape[1:])
