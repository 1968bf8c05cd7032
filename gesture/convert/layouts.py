"""Arrays of a sequence as bytes, exactly, in two layouts, each encode beside its decode.

Lean: images as they are, the mask one bit a pixel: nothing to do on reading. Compact: every frame as its difference
to the one before, then Zstandard: what stands still costs next to nothing.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import zstandard

_DTYPES: dict[str, Any] = {"rgb": np.uint8, "depth": np.uint8, "mask": np.bool_, "skeleton": "<f4"}
# Differences are taken of these, modulo their range, so that none is rounded or overflows.
_INTEGERS: dict[str, Any] = {"rgb": np.uint8, "depth": np.uint8, "mask": np.uint8, "skeleton": "<u4"}
# Higher levels, up to 3 at least, make the differences no smaller.
_LEVEL = 1


def to_lean(name: str, array: np.ndarray) -> bytes:
    """Bytes of a modality's array `(T, ...)`."""
    array = array.astype(_DTYPES[name], copy=False)
    return (np.packbits(array, bitorder="little") if name == "mask" else array).tobytes()


def from_lean(name: str, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """The array that `to_lean` was given; it is read-only, a view of the bytes."""
    if name != "mask":
        return np.frombuffer(data, _DTYPES[name]).reshape(shape)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=math.prod(shape), bitorder="little")
    return bits.view(np.bool_).reshape(shape)


def to_compact(name: str, array: np.ndarray) -> bytes:
    """Compressed differences of a modality's array `(T, ...)`; equal arrays give equal bytes."""
    frames = np.ascontiguousarray(array, _DTYPES[name]).view(_INTEGERS[name])
    differences = frames.copy()
    differences[1:] -= frames[:-1]
    return zstandard.ZstdCompressor(level=_LEVEL).compress(differences.tobytes())


def from_compact(name: str, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """The array that `to_compact` was given."""
    plain = zstandard.ZstdDecompressor().decompress(data)
    differences = np.frombuffer(plain, _INTEGERS[name]).reshape(shape)
    frames = differences.copy()
    # Frame by frame is fifty times faster than `np.add.accumulate` along the first axis.
    for before, now in pairwise(frames):
        now += before
    return frames.view(_DTYPES[name])
