"""From sequences to what a network sees: pictures normalised and cut into clips of 16 frames, NumPy only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gesture.base.errors import GestureError
from gesture.base.problems import not_one_of
from gesture.catalog import INPUTS
from gesture.config.settings import Augmentation, Variant
from gesture.convert.reader import Records
from gesture.formats.sequence import Sequence
from gesture.inputs.aligned import aligned_zeros
from gesture.inputs.augment import augment
from gesture.inputs.kind import Context, InputKind
from gesture.inputs.skeleton_image import draw
from gesture.networks.base import InputSpec

if TYPE_CHECKING:
    from gesture.inputs.pictures import Pictures

CLIP = 16
PICTURES = ("rgb", "depth", "skeleton_image")


@dataclass(frozen=True)
class Inputs:
    """What a network is fed.

    Attributes:
        kinds: each gives one array of the batch, beside `length`, `clips` and `label`.
    """

    kinds: tuple[InputKind, ...]

    @classmethod
    def of(cls, variant: Variant) -> "Inputs":
        """The inputs of a variant."""
        return cls.made(variant.network.inputs(variant))

    @classmethod
    def made(cls, specs: Iterable[InputSpec]) -> "Inputs":
        """The inputs that a network asks for.

        Raises:
            GestureError: there is no such kind.
        """
        return cls(tuple(INPUTS[one.kind](**one.options) for one in specs))

    @property
    def names(self) -> tuple[str, ...]:
        """Their keys in the batch."""
        return tuple(kind.name for kind in self.kinds)

    @property
    def modalities(self) -> tuple[str, ...]:
        """What they are made from."""
        return tuple(name for kind in self.kinds for name in kind.modalities)

    @property
    def padded(self) -> bool:
        """True for the 2019 layout, in which every sequence has as many clips as the longest of its batch."""
        return any(kind.padded for kind in self.kinds)

    def prepare(self, sequence: Sequence) -> Sequence:
        """The sequence as it is to be augmented."""
        for kind in self.kinds:
            sequence = kind.prepare(sequence)
        return sequence


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
        `length` `(B,)` int32 [frames], `clips` `(B,)` int32, `label` `(B,)` int32 (-1 = none), and an array of each
        kind of input, see `gesture.catalog.INPUTS`. With mixup also `partner` `(B,)` int32, who each is blended with,
        and `share` `(B,)` float32, how much is left of its own.
    """
    sequences = [records.read(int(position)).only(inputs.modalities) for position in positions]
    sequences = [inputs.prepare(one) for one in sequences]
    if augmentation is not None and rng is not None:
        sequences = [augment(one, augmentation, rng) for one in sequences]
    length = np.array([one.length for one in sequences], np.int32)
    clips = length // CLIP + 1
    batch = {"length": length, "clips": clips, "label": records.labels(positions)}
    context = Context(records.manifest["size"])
    batch |= {kind.name: kind.load(sequences, context) for kind in inputs.kinds}
    if augmentation is not None and rng is not None and augmentation.mixup:
        batch["partner"] = rng.permutation(len(sequences)).astype(np.int32)
        batch["share"] = rng.beta(augmentation.mixup, augmentation.mixup, len(sequences)).astype(np.float32)
    return batch


def images_of(sequence: Sequence, name: str, inputs: "Pictures", size: int) -> np.ndarray:
    """One stream of pictures `(T, H, W, C)` float32 as an encoder sees it.

    As in 2019, colour and skeleton pictures are standardised, and depth is gray / 255 times the mask.

    Raises:
        GestureError: there are no such pictures.
    """
    if name not in PICTURES:
        raise GestureError(not_one_of(name, "kind of picture", PICTURES))
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
