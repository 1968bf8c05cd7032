"""What a kind of input is: one array of the batch, made from sequences."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from collections.abc import Sequence as Sequences
from typing import Literal, NamedTuple

import numpy as np

from gesture.formats.sequence import Sequence


class Context(NamedTuple):
    """What all sequences of the records have in common.

    Attributes:
        size: height and width of the stored images [px].
        turned: the pictures of this batch were zoomed or shifted, see `gesture.inputs.batch.subtract_mean_image`.
    """

    size: int
    turned: bool = False


class InputKind(ABC):
    """One kind of input with its options, which are the arguments that it is made with.

    Attributes:
        name: its name in `gesture.catalog.INPUTS`, and its key in the batch.
        rows: what a row of its array is: a `sequence`, or a `clip` of 16 frames.
        padded: for clips, whether every sequence has as many as the longest of its batch, as in 2019.
        dtype: of its array.
    """

    name: str
    rows: Literal["sequence", "clip"] = "sequence"
    padded: bool = False
    dtype: str = "float32"

    @property
    @abstractmethod
    def modalities(self) -> tuple[str, ...]:
        """What it is made from."""

    def prepare(self, sequence: Sequence) -> Sequence:
        """The sequence as it is to be augmented; unchanged unless a kind says otherwise."""
        return sequence

    @abstractmethod
    def load(self, sequences: Sequences[Sequence], context: Context) -> np.ndarray:
        """The array of a batch `(rows, *shape)`, from its sequences after augmentation."""

    def lay_out(self, sequences: Sequences[Sequence], context: Context) -> tuple[np.ndarray, list[Callable[[], None]]]:
        """The array of a batch, and what writes each sequence's part of it, in any order or at once.

        A kind that computes much overrides it, so that threads may share the work.
        """
        return self.load(sequences, context), []

    @abstractmethod
    def shape(self, context: Context) -> tuple[int | None, ...]:
        """Shape of a row; None where it differs between batches."""
