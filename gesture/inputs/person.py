"""The person in the depth pictures: cut out, brought to one size, and its depth taken from its own middle."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence as Sequences
from functools import partial

import numpy as np

from gesture.formats.sequence import Sequence
from gesture.inputs.aligned import aligned_zeros
from gesture.inputs.kind import Context, InputKind

# Arms reach beyond a person's height when raised, and as far to the sides.
SIDE_OF_HEIGHT = 1.3
# Depth that counts as 1: an arm's length in front of the body is about 1 [mm].
UNIT = 500.0
FARTHEST = 1.5
# A row belongs to the person from so many pixels on: a single one may be noise [px].
LEAST_PIXELS = 2


def cut_out(sequence: Sequence, size: int) -> Sequence:
    """The depth and mask of a square around the person, the same for all frames, as `(T, size, size, 1)`.

    People of all heights and places then look alike. A sequence whose mask is empty is scaled as it is.
    """
    assert sequence.depth is not None
    assert sequence.mask is not None
    down, right, side = square(sequence.mask)
    steps = ((np.arange(size) + 0.5) / size - 0.5) * side
    rows, columns = np.floor(down + steps).astype(int), np.floor(right + steps).astype(int)
    height, width = sequence.mask.shape[1:3]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    depth, mask = (
        array[:, rows][:, :, columns] * inside[None, ..., None].astype(array.dtype)
        for array in (sequence.depth, sequence.mask)
    )
    return dataclasses.replace(sequence, depth=depth, mask=mask)


def square(mask: np.ndarray) -> tuple[float, float, float]:
    """Centre (down, right) and side of the square around the person of a mask `(T, H, W, 1)` [px].

    A tenth of the frames may lie beyond what counts as the person's height, such as a raised arm or a hole.
    """
    pixels = mask[..., 0].view(np.uint8)  # summed several times as fast as booleans
    rows = pixels.sum(axis=2, dtype=np.uint8) >= LEAST_PIXELS
    rows = rows[rows.any(axis=1)]
    if not len(rows):
        return mask.shape[1] / 2, mask.shape[2] / 2, float(max(mask.shape[1:3]))
    top = rows.argmax(axis=1)
    bottom = rows.shape[1] - rows[:, ::-1].argmax(axis=1)
    columns = pixels.sum(axis=0, dtype=np.uint16).sum(axis=0).cumsum()
    right = float(np.searchsorted(columns, columns[-1] / 2)) + 0.5
    side = SIDE_OF_HEIGHT * float(np.percentile(bottom - top, 90))
    return float(np.percentile(top, 10) + np.percentile(bottom, 90)) / 2, right, side


def relative_depth(sequence: Sequence, frames: int) -> np.ndarray:
    """How far each pixel of the person is before its median depth, and where it is: `(frames, H, W, 2)` float32.

    The first is in half metres, at most 1.5; where the person is not, both are 0. Frames are the nearest in time.
    """
    assert sequence.depth is not None
    assert sequence.mask is not None
    chosen = np.rint(np.linspace(0, sequence.length - 1, frames)).astype(int)
    mask = sequence.mask & (sequence.depth > 0)
    middle = np.median(sequence.depth[mask]) if mask.any() else 0.0
    scale = (sequence.max_depth_mm or 0) / 255 / UNIT
    mask = mask[chosen]
    nearer = (middle - sequence.depth[chosen].astype(np.float32)) * scale
    return np.concatenate([np.clip(nearer, -FARTHEST, FARTHEST) * mask, mask], axis=-1).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Person(InputKind):
    """Relative depth and mask of the person `(B, frames, side, side, 2)` float32.

    Attributes:
        side: of the square around the person that depth and mask are cut to [px].
        frames: length that every sequence is resampled to [frames].
    """

    side: int
    frames: int

    name = "person"
    modalities = ("depth", "mask")

    def prepare(self, sequence: Sequence) -> Sequence:
        """Cut out before any shift, which it would undo."""
        return cut_out(sequence, self.side)

    def load(self, sequences: Sequences[Sequence], context: Context) -> np.ndarray:
        """The pictures of a batch."""
        people, fills = self.lay_out(sequences, context)
        for fill in fills:
            fill()
        return people

    def lay_out(self, sequences: Sequences[Sequence], context: Context) -> tuple[np.ndarray, list[Callable[[], None]]]:
        """The pictures of a batch, still zeros, and what writes those of each sequence."""
        people = aligned_zeros((len(sequences), self.frames, self.side, self.side, 2), np.float32)
        fills: list[Callable[[], None]] = [
            partial(self._write, one, out) for one, out in zip(sequences, people, strict=True)
        ]
        return people, fills

    def _write(self, sequence: Sequence, out: np.ndarray) -> None:
        out[...] = relative_depth(sequence, self.frames)

    def shape(self, context: Context) -> tuple[int | None, ...]:
        """`(frames, side, side, 2)`."""
        return (self.frames, self.side, self.side, 2)
