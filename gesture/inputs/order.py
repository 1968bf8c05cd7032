"""Which sequences make up the batch of a step: a pure function of (seed, epoch, step), so resuming is slicing."""

import math
from functools import lru_cache

import numpy as np

from gesture.base.streams import Stream


def steps_per_epoch(sequences: int, batch: int) -> int:
    """Number of steps in which every sequence is seen once; the last batch may be short."""
    return math.ceil(sequences / batch)


def batch_at(step: int, sequences: int, batch: int, seed: int) -> np.ndarray:
    """Positions in the training set, `(<= batch,)` int64, that step ``step`` (counted from 0) trains on.

    Every epoch is a fresh permutation; real clips are laid out flat, so sorting by length would save nothing.
    """
    epoch, within = divmod(step, steps_per_epoch(sequences, batch))
    return epoch_order(epoch, sequences, seed)[within * batch : (within + 1) * batch]


@lru_cache(maxsize=2)
def epoch_order(epoch: int, sequences: int, seed: int) -> np.ndarray:
    """The permutation of an epoch, `(sequences,)` int64, read-only; kept, since every step of the epoch asks for it."""
    order = np.random.default_rng(Stream.ORDER.entropy(seed, epoch)).permutation(sequences)
    order.setflags(write=False)
    return order
