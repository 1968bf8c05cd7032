"""Clips of 16 pictures, for clip encoders: colour, depth, or the skeleton drawn."""

from collections.abc import Callable
from collections.abc import Sequence as Sequences
from dataclasses import dataclass
from functools import partial

import numpy as np

from gesture.formats.sequence import Sequence
from gesture.inputs.aligned import aligned_zeros
from gesture.inputs.batch import CLIP, picture_shape, write_images
from gesture.inputs.kind import Context, InputKind


@dataclass(frozen=True)
class Pictures(InputKind):
    """Clips `(N, 16, H, W, C)` float32, N the sum of the sequences' clips, or B times the longest's when padded.

    Attributes:
        motion: every image is taken minus the mean image of its sequence.
        padded: every sequence has as many clips as the longest of its batch, as in 2019.
    """

    motion: bool = False
    padded: bool = False

    rows = "clip"
    channels = 3
    masked = False

    def load(self, sequences: Sequences[Sequence], context: Context) -> np.ndarray:
        """The clips of a batch."""
        clips, fills = self.lay_out(sequences, context)
        for fill in fills:
            fill()
        return clips

    def lay_out(self, sequences: Sequences[Sequence], context: Context) -> tuple[np.ndarray, list[Callable[[], None]]]:
        """The clips of a batch, still zeros, and what writes the pictures of each sequence."""
        clips = np.array([one.length // CLIP + 1 for one in sequences])
        counts = np.full(len(clips), clips.max()) if self.padded else clips
        starts = np.concatenate([[0], np.cumsum(counts)]) * CLIP
        shape = picture_shape(sequences[0], self.name, context.size)
        frames = aligned_zeros((int(starts[-1]), *shape), np.float32)
        fills: list[Callable[[], None]] = [
            partial(write_images, one, self.name, self, frames[start : start + one.length], context.turned)
            for start, one in zip(starts, sequences, strict=False)
        ]
        return frames.reshape(-1, CLIP, *shape), fills

    def shape(self, context: Context) -> tuple[int | None, ...]:
        """`(16, H, W, C)`."""
        return (CLIP, context.size, context.size, self.channels)


class Colour(Pictures):
    """Colour pictures, red first."""

    name = "rgb"
    modalities = ("rgb",)


@dataclass(frozen=True)
class Depth(Pictures):
    """Depth pictures, gray; 1 is the farthest.

    Attributes:
        masked: the person is cut out by the mask.
    """

    masked: bool = False

    name = "depth"
    channels = 1

    @property
    def modalities(self) -> tuple[str, ...]:
        """Depth, and the mask where it is used."""
        return ("depth", "mask") if self.masked else ("depth",)


class SkeletonPictures(Pictures):
    """The skeleton, drawn as the 2019 model saw it."""

    name = "skeleton_image"
    modalities = ("skeleton",)
