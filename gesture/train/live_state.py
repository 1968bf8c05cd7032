"""The state of a running stage as one file: every variable's bytes, one after another, and a checksum.

Laying them out as HDF5, as the result of a stage is, would take longer than writing them, and training waits.
"""

import math
import os
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gesture.base.errors import GestureError

_PIECE = 1 << 20  # bytes


def write_live_state(path: Path, variables: Sequence[keras.Variable]) -> int:
    """Writes the variables' values, little-endian, in their order, and forces them to the disk.

    Returns:
        The CRC-32 of the file: it tells damage, several times as fast as a digest.
    """
    # Of tensors, not of variables: NumPy then shows their memory and copies nothing.
    arrays = [np.ascontiguousarray(tf.convert_to_tensor(one.value)).reshape(-1).view(np.uint8) for one in variables]
    with ThreadPoolExecutor(1) as pool, path.open("wb") as file:
        checksum = pool.submit(_checksum, arrays)  # while the disk works
        for array in arrays:
            file.write(array.data)
        file.flush()
        os.fsync(file.fileno())
        return checksum.result()


def _checksum(pieces: Iterable[Any]) -> int:
    checksum = 0
    for piece in pieces:
        checksum = zlib.crc32(piece, checksum)
    return checksum


def check_live_state(path: Path, checksum: int) -> None:
    """Reads the file once.

    Raises:
        GestureError: it is not what was written.
    """
    with path.open("rb", buffering=0) as file:
        found = _checksum(iter(lambda: file.read(_PIECE), b""))
    if found != checksum:
        raise GestureError(f"{path}: wrong checksum")


def read_live_state(path: Path, variables: Sequence[keras.Variable]) -> None:
    """Gives variables of the same shapes and order the values that `write_live_state` wrote.

    Raises:
        GestureError: the file has another size than the variables; none of them is changed.
    """
    found, expected = path.stat().st_size, sum(map(size_of, variables))
    if found != expected:
        raise GestureError(f"{path}: has {found} bytes, the variables of this network {expected}")
    with path.open("rb") as file:
        for variable in variables:
            values = np.frombuffer(file.read(size_of(variable)), np.dtype(variable.dtype))
            variable.assign(values.reshape(variable.shape))


def size_of(variable: keras.Variable) -> int:
    """Bytes of a variable's values."""
    return math.prod(variable.shape) * np.dtype(variable.dtype).itemsize
