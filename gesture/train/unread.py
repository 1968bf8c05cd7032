"""Losses that a device may still be computing: read some steps later, so that no step waits for the one before."""

import time
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf


class Done(NamedTuple):
    """A step that is computed.

    Attributes:
        step: 0-based, counted from stage 1.
        loss: of its batch.
        scale: of the loss, after it; see `gesture.train.loss_scale`.
        samples: sequences of its batch.
    """

    step: int
    loss: float
    scale: float
    samples: int


class Unread:
    """The steps that were called and not yet read, in order.

    Args:
        lag: most of them, see `gesture.networks.layers.runtime.lag`; 0 reads each at once.
    """

    def __init__(self, lag: int) -> None:
        self._lag = lag
        self._steps: deque[tuple[int, tf.Tensor, int, float]] = deque()
        self._read_at = 0.0
        self._longest = 0.0

    def __len__(self) -> int:
        """How many are unread."""
        return len(self._steps)

    def called(self, step: int, loss_and_scale: tf.Tensor, samples: int, began: float) -> None:
        """Remembers a step.

        Args:
            step: 0-based, counted from stage 1.
            loss_and_scale: `(2,)` float32.
            samples: sequences of its batch.
            began: when its batch was asked for, by `time.monotonic` [s].
        """
        self._steps.append((step, loss_and_scale, samples, began))

    def done(self, everything: bool) -> Iterator[Done]:
        """Reads the steps that are more than the lag behind, or all; waits for them."""
        while len(self._steps) > (0 if everything else self._lag):
            step, loss_and_scale, samples, began = self._steps.popleft()
            loss, scale = loss_and_scale.numpy().tolist()
            now = time.monotonic()
            self._longest = max(self._longest, now - max(began, self._read_at))
            self._read_at = now
            yield Done(step, loss, scale, samples)

    def seconds(self) -> float:
        """How long what is unread may still take, by the longest step read so far [s]."""
        return len(self._steps) * self._longest
