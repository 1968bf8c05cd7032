"""The joints of every frame, for networks that resample them themselves."""

from collections.abc import Sequence as Sequences

import numpy as np

from gesture.formats.sequence import Sequence
from gesture.inputs.batch import pad
from gesture.inputs.kind import Context, InputKind


class Skeleton(InputKind):
    """Joints `(B, T, 20, 9)` float32 as they are stored, zero-padded to the longest of the batch."""

    name = "skeleton"
    modalities = ("skeleton",)

    def load(self, sequences: Sequences[Sequence], context: Context) -> np.ndarray:
        """The joints of a batch."""
        return pad([one.arrays["skeleton"] for one in sequences], max(one.length for one in sequences))

    def shape(self, context: Context) -> tuple[int | None, ...]:
        """`(T, 20, 9)`."""
        return (None, 20, 9)
