"""A sum of floating-point arrays that does not depend on the order of its terms."""

import math

import numpy as np


class ExactSum:
    """Sum of float64 arrays that is the same to the last bit in any order.

    Each term is cut into a coarse and a fine part on two fixed grids, so wide that no addition ever rounds. What is
    below the fine grid (2**-90 of the bound) is dropped.
    """

    def __init__(self, terms: int, bound: float, shape: tuple[int, ...]) -> None:
        """``terms`` arrays of ``shape`` with absolute values of at most ``bound`` will be added."""
        self._coarse_grid = 2.0 ** (math.ceil(math.log2(terms * bound)) - 52)
        self._fine_grid = self._coarse_grid * 2.0 ** (math.ceil(math.log2(terms)) - 52)
        self._coarse, self._fine = np.zeros(shape, order="F"), np.zeros(shape, order="F")

    def add(self, rows: slice, values: np.ndarray) -> None:
        """Adds to some rows."""
        coarse = _on_grid(values, self._coarse_grid)
        self._coarse[rows] += coarse
        self._fine[rows] += _on_grid(values - coarse, self._fine_grid)

    def total(self, rows: slice = slice(None)) -> np.ndarray:
        """The sum, rounded once; of all rows or of some."""
        return np.asarray(self._coarse[rows] + self._fine[rows])


def _on_grid(values: np.ndarray, grid: float) -> np.ndarray:
    """The nearest multiples of a power of two; scaling by one rounds nothing."""
    found = values * (1 / grid)
    np.rint(found, out=found)
    found *= grid
    return found
