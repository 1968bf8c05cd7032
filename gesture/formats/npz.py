"""NumPy's `.npz` files as strangers write them: nothing in them is run, and no header is believed."""

import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO

import numpy as np

from gesture.base.disk import is_refusal
from gesture.base.errors import GestureError

# What zipfile and NumPy raise at damaged bytes; a RuntimeError where an entry is encrypted.
UNREADABLE = (
    ValueError, OSError, EOFError, KeyError, IndexError, RuntimeError, MemoryError, OverflowError, SyntaxError,
    struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile,
)  # fmt: skip
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npz(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """The arrays of these names, as far as the file has them.

    Raises:
        GestureError: the file is damaged, holds Python objects, or a header speaks of other sizes than there are bytes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            return {name: _array(archive, entries[name]) for name in names if name in entries}
    except UNREADABLE as error:
        if isinstance(error, OSError) and is_refusal(error):
            raise
        raise GestureError(f"{path}: cannot be read ({error or type(error).__name__})") from error


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(entry) as file:
        _check_header(file, entry)
    # Its memory is allocated as the header says: only now is that safe.
    with archive.open(entry) as file:
        array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):
            raise ValueError(f"{entry.filename}: goes on after its array")
    return array


def _check_header(file: IO[bytes], entry: zipfile.ZipInfo) -> None:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"{entry.filename}: has version {version} of NumPy's form, expected 1.0 or 2.0")
    shape, _, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError(f"{entry.filename}: holds Python objects, which are not loaded; save plain numbers")
    needed, there = math.prod(shape) * dtype.itemsize, entry.file_size - file.tell()
    if needed != there or min(shape, default=0) < 0:
        raise ValueError(f"{entry.filename}: its header says {needed} bytes {shape} {dtype}, there are {there}")
