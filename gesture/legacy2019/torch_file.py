"""Tensors out of files that torch saved, without torch and without running what is in them.

A pickle may call any function it names, so a file of weights is a program. Here it may name the few below, which only
lay out arrays. Read are the zip files of torch 1.6 and later, the files of pickles before them, and plain pickles.
"""

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gesture.base.errors import GestureError

_MAGIC = 0x1950A86A20F9469CFC6C  # first pickle in torch's files before the zip form
_DTYPES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "<i1", "ByteStorage": "<u1", "BoolStorage": "?",
}  # fmt: skip

Fetch = Callable[[str, np.dtype, int], np.ndarray]


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a saved state, also of one inside other dictionaries: their keys are joined by dots.

    Raises:
        GestureError: the file is damaged, or names anything but tensors and dictionaries; nothing of it is run.
    """
    try:
        if zipfile.is_zipfile(path):
            content = _from_zip(path)
        else:
            with path.open("rb") as file:
                content = _from_pickles(file, path.stat().st_size)
    except _ForbiddenError as error:
        raise GestureError(
            f"{path}: names {error}, which no file of weights needs; nothing was run. "
            "Save the state_dict alone, from a source that you trust"
        ) from None
    except Exception as error:  # a damaged pickle raises almost anything
        raise GestureError(f"{path}: not readable as a file of torch ({type(error).__name__}: {error})") from error
    return dict(_flat(content, ""))


class _ForbiddenError(Exception):
    pass


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, fetch: Fetch) -> None:
        super().__init__(file)
        self._fetch = fetch

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _DTYPES:
            return np.dtype(_DTYPES[name])
        if (module, name) not in _ALLOWED:
            raise _ForbiddenError(f"{module}.{name}")
        return _ALLOWED[module, name]

    def persistent_load(self, identity: Any) -> np.ndarray:
        _, dtype, key, _, count, *_ = identity
        return self._fetch(str(key), dtype, int(count))


def _from_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        (pickled,) = [name for name in archive.namelist() if name.endswith("data.pkl")]
        folder = pickled.removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("numbers are big-endian")

        def fetch(key: str, dtype: np.dtype, count: int) -> np.ndarray:
            return np.frombuffer(archive.read(f"{folder}data/{key}"), dtype, count)

        with archive.open(pickled) as file:
            return _Unpickler(io.BytesIO(file.read()), fetch).load()


def _from_pickles(file: BinaryIO, size: int) -> Any:
    storages: dict[str, np.ndarray] = {}

    def fetch(key: str, dtype: np.dtype, count: int) -> np.ndarray:
        if not 0 <= count * dtype.itemsize <= size:
            raise ValueError(f"storage {key} is larger than the file")
        # Its numbers follow after the pickle: tensors are views that see them then.
        return storages.setdefault(key, np.zeros(count, dtype))

    content = _Unpickler(file, fetch).load()
    if content != _MAGIC:
        return content
    _protocol, _system, content, keys = (_Unpickler(file, fetch).load() for _ in range(4))
    for key in keys:
        storage = storages[str(key)]
        if int.from_bytes(file.read(8), "little") != len(storage):
            raise ValueError(f"storage {key} has another length than its tensors")
        storage[:] = np.frombuffer(file.read(storage.nbytes), storage.dtype, len(storage))
    return content


def _tensor(storage: np.ndarray, offset: int, size: Any, stride: Any, *_: Any) -> np.ndarray:
    """A view of a storage; strides are those of numbers, not bytes."""
    size, stride = tuple(map(int, size)), tuple(map(int, stride))
    last = offset + sum((extent - 1) * step for extent, step in zip(size, stride, strict=True))
    if min((offset, *size, *stride)) < 0 or (math.prod(size) and last >= len(storage)):
        raise ValueError("a tensor reaches beyond its storage")
    byte_stride = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, byte_stride, writeable=False)


def _parameter(tensor: np.ndarray, *_: Any) -> np.ndarray:
    return tensor


def _storage(data: bytes) -> Any:
    return _from_pickles(io.BytesIO(data), len(data))


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): _storage,
}


def _flat(value: Any, prefix: str) -> list[tuple[str, np.ndarray]]:
    if isinstance(value, np.ndarray):
        return [(prefix, value)]
    if not isinstance(value, Mapping):
        return []
    return [one for key, item in value.items() for one in _flat(item, f"{prefix}.{key}" if prefix else str(key))]
