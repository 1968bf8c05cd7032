"""Gray values as float32: of a byte there are 256, so each is computed once and looked up.

The values are those of computing every pixel in float64, to the bit.
"""

import sys
from math import sqrt

import numpy as np

GRAYS = np.arange(256, dtype=np.uint8)
LEAST_DEVIATION = 1e-6
# Bytes whose squares are summed at once: they stay in the cache, and the sum fits into 32 bits.
CHUNK = 32768
# From so many bytes on, a table of pairs is made up for.
PAIRS_FROM = 1 << 18
# Of NumPy's variance, a pairwise sum of squares in float64; some hundred times what its rounding can do.
ROUNDING = 1e-12


def standardised(images: np.ndarray, out: np.ndarray) -> None:
    """Writes images of bytes minus their mean over their population standard deviation, both of the whole array.

    Args:
        images: uint8 of any shape.
        out: float32, the same shape, C order.
    """
    total, squares = sums(images)
    table = table_of(total, squares, images.size)
    if table is None:
        table = _table(total / images.size, max(float(images.std(dtype=np.float64)), LEAST_DEVIATION))
    look_up(table, images, out)


def sums(images: np.ndarray) -> tuple[int, int]:
    """The sum of all bytes and of their squares, exact."""
    values, total, squares = np.ascontiguousarray(images).reshape(-1), 0, 0
    for start in range(0, len(values), CHUNK):
        wide = values[start : start + CHUNK].astype(np.uint16)
        total += int(wide.sum(dtype=np.uint32))
        wide *= wide
        squares += int(wide.sum(dtype=np.uint32))
    return total, squares


def table_of(total: int, squares: int, count: int) -> np.ndarray | None:
    """What each gray value becomes when so many values with these sums are standardised, `(256,)` float32.

    NumPy's own deviation differs from the exact one by its rounding, which seldom, once in some thousand sequences,
    might show in a float32: then None.
    """
    mean = total / count
    deviation = max(sqrt((count * squares - total**2) / count**2), LEAST_DEVIATION)
    low, high = (_table(mean, deviation * factor) for factor in (1 - ROUNDING, 1 + ROUNDING))
    return low if np.array_equal(low, high) or deviation == LEAST_DEVIATION else None


def _table(mean: float, deviation: float) -> np.ndarray:
    return np.asarray(((GRAYS - np.float64(mean)) / np.float64(deviation)).astype(np.float32))


def look_up(table: np.ndarray, images: np.ndarray, out: np.ndarray) -> None:
    """Writes for each byte of the images what the table `(256,)` float32 says; two at a time, if there are many."""
    images = np.ascontiguousarray(images)
    if images.size < PAIRS_FROM or images.size % 2:
        np.take(table, images, out=out, mode="clip")
        return
    pairs = np.empty((256, 256, 2), np.float32)
    pairs[..., 0], pairs[..., 1] = (table, table[:, None]) if sys.byteorder == "little" else (table[:, None], table)
    values, twice = out.reshape(-1).view(np.float64), images.reshape(-1).view(np.uint16)
    entries = pairs.reshape(-1).view(np.float64)
    for start in range(0, len(twice), CHUNK):
        part = slice(start, start + CHUNK)
        np.take(entries, twice[part], out=values[part], mode="clip")
