"""From sequences to what a network sees: pictures normalised and cut into clips of 16 frames, NumPy only."""

from collections.abc import Callable, Iterable, Iterator
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
from gesture.inputs.augment import Chances, changed
from gesture.inputs.gray import GRAYS, look_up, standardised
from gesture.inputs.kind import Context, InputKind
from gesture.inputs.skeleton_image import draw, draw_standardised
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
    plan = BatchPlan.of(positions, augmentation, rng)
    sequences = [read_sequence(records, inputs, augmentation, *one) for one in plan.reads()]
    batch, fills = lay_out(records, plan, sequences, inputs, augmentation)
    for fill in fills:
        fill()
    return batch


@dataclass(frozen=True)
class BatchPlan:
    """All that is random about a batch, drawn before anything is read, so that threads may share the work.

    Attributes:
        positions: rows of the index, `(B,)`.
        chances: of the changes of each sequence; None = no changes.
        mixing: with mixup `partner` and `share` of the batch.
    """

    positions: np.ndarray
    chances: tuple[Chances | None, ...]
    mixing: dict[str, np.ndarray]

    @classmethod
    def of(
        cls, positions: np.ndarray, augmentation: Augmentation | None = None, rng: np.random.Generator | None = None
    ) -> "BatchPlan":
        """Draws for sequences at these positions."""
        if augmentation is None or rng is None:
            return cls(positions, (None,) * len(positions), {})
        chances = tuple(Chances.drawn(rng) for _ in positions)
        mixing: dict[str, np.ndarray] = {}
        if augmentation.mixup:
            mixing["partner"] = rng.permutation(len(positions)).astype(np.int32)
            mixing["share"] = rng.beta(augmentation.mixup, augmentation.mixup, len(positions)).astype(np.float32)
        return cls(positions, chances, mixing)

    def reads(self) -> Iterator[tuple[int, Chances | None]]:
        """Position and chances of each sequence."""
        return zip(self.positions.tolist(), self.chances, strict=True)


def read_sequence(
    records: Records, inputs: Inputs, augmentation: Augmentation | None, position: int, chances: Chances | None
) -> Sequence:
    """A sequence as the network sees it, its pictures still bytes."""
    # Without what the network does not see, which would also be a chance for modality_dropout.
    sequence = records.read(position).only(inputs.modalities)
    sequence = inputs.prepare(sequence)
    if augmentation is not None and chances is not None:
        sequence = changed(sequence, augmentation, chances)
    return sequence


def lay_out(
    records: Records,
    plan: BatchPlan,
    sequences: list[Sequence],
    inputs: Inputs,
    augmentation: Augmentation | None = None,
) -> tuple[dict[str, np.ndarray], list[Callable[[], None]]]:
    """The arrays of a batch, and what writes each sequence's part of them, in any order or at once."""
    length = np.array([one.length for one in sequences], np.int32)
    batch = {"length": length, "clips": length // CLIP + 1, "label": records.labels(plan.positions)}
    fills: list[Callable[[], None]] = []
    turned = augmentation is not None and bool(augmentation.scale or augmentation.translation)
    context = Context(int(records.manifest["size"]), turned)
    for kind in inputs.kinds:
        batch[kind.name], its_fills = kind.lay_out(sequences, context)
        fills += its_fills
    return batch | plan.mixing, fills


def picture_shape(sequence: Sequence, name: str, size: int) -> tuple[int, ...]:
    """`(H, W, C)` of a stream's pictures.

    Raises:
        GestureError: there are no such pictures.
    """
    _require_pictures(name)
    return (size, size, 3) if name == "skeleton_image" else sequence.arrays[name].shape[1:]


def _require_pictures(name: str) -> None:
    if name not in PICTURES:
        raise GestureError(not_one_of(name, "kind of picture", PICTURES))


def images_of(sequence: Sequence, name: str, inputs: "Pictures", size: int) -> np.ndarray:
    """One stream of pictures `(T, H, W, C)` float32 as an encoder sees it; see `write_images`."""
    out = np.empty((sequence.length, *picture_shape(sequence, name, size)), np.float32)
    write_images(sequence, name, inputs, out)
    return out


def write_images(sequence: Sequence, name: str, inputs: "Pictures", out: np.ndarray, turned: bool = False) -> None:
    """Writes one stream of pictures as an encoder sees it.

    As in 2019, colour and skeleton pictures are standardised, and depth is gray / 255 times the mask.

    Args:
        sequence: its pictures are bytes.
        name: of the stream.
        inputs: what the network is fed.
        out: `(T, H, W, C)` float32, C order.
        turned: see `subtract_mean_image`.

    Raises:
        GestureError: there are no such pictures.
    """
    _require_pictures(name)
    if name == "skeleton_image":
        if inputs.motion:
            subtract_mean_image(draw(sequence.arrays["skeleton"], out.shape[1]), out)
        else:
            draw_standardised(sequence.arrays["skeleton"], out.shape[1], out)
        return
    images = sequence.arrays[name]
    if name == "depth" and inputs.masked:
        images = images * sequence.arrays["mask"]
    if inputs.motion:
        subtract_mean_image(images, out, turned)
    elif name == "depth":
        look_up(_PART_OF_WHITE, images, out)
    else:
        standardised(images, out)


_PART_OF_WHITE = GRAYS / np.float32(255)


def subtract_mean_image(images: np.ndarray, out: np.ndarray, turned: bool = False) -> None:
    """Writes images minus the mean over time of every pixel, scaled to deviation 1: what stands still vanishes.

    Training from scratch needs it: against standardised clips the background drowns the gesture.

    Args:
        images: `(T, H, W, C)` uint8.
        out: float32, the same shape, C order.
        turned: the deviation is summed up column by column. It is a sum in float32, which its order changes, and this
            is the order in which NumPy laid out pictures that were zoomed or shifted when the first results were made.
    """
    out[...] = images
    out -= out.mean(axis=0)
    deviation = (out.transpose(2, 1, 0, 3).copy() if turned else out).std()
    # One gray level at least, or the noise of a sequence without motion would be blown up.
    out /= np.float32(max(deviation, 1.0))


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
