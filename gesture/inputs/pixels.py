"""Which pixels of a sequence's pictures are shown where: all changes of time and place together, gathered once."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Pixels:
    """Frames, rows and columns of pictures that are shown, in order; None = all as they are.

    Attributes:
        frames: `(T,)` int64.
        rows: `(H,)` int64.
        columns: `(W,)` int64.
    """

    frames: np.ndarray | None = None
    rows: np.ndarray | None = None
    columns: np.ndarray | None = None

    def of(
        self, frames: np.ndarray | None = None, rows: np.ndarray | None = None, columns: np.ndarray | None = None
    ) -> "Pixels":
        """What these show of what the others show."""
        return Pixels(*(_after(*pair) for pair in ((self.frames, frames), (self.rows, rows), (self.columns, columns))))

    def still(self) -> "Pixels":
        """The same without the choice of frames."""
        return replace(self, frames=None)

    def gathered(self, images: np.ndarray) -> np.ndarray:
        """These pixels of pictures `(T, H, W, C)` of bytes or booleans; the pictures themselves if nothing changes."""
        if self.frames is None and self.rows is None and self.columns is None:
            return images
        length, height, width, channels = images.shape
        frames, rows, columns = (
            np.arange(count) if chosen is None else chosen
            for count, chosen in ((length, self.frames), (height, self.rows), (width, self.columns))
        )
        # A row is one piece of memory; within rows, bytes are gathered faster than triples.
        lines = images.reshape(length * height, width * channels)
        lines = lines.take((frames[:, None] * height + rows).ravel(), axis=0)
        if self.columns is not None:
            lines = lines.take((columns[:, None] * channels + np.arange(channels)).ravel(), axis=1)
        return lines.reshape(len(frames), len(rows), len(columns), channels)


def _after(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    if first is None or second is None:
        return second if first is None else first
    return first[second]
