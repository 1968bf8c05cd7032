"""Files as torch saves them, written without torch: a pickle that names torch's functions, and raw numbers."""

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

_NAMES = {"float32": "FloatStorage", "float16": "HalfStorage"}


class Lying:
    """An array whose tensor claims another size."""

    def __init__(self, array: np.ndarray, size: tuple[int, ...]) -> None:
        self.array, self.size = array, size


class _Storage:
    def __init__(self, key: str, array: np.ndarray) -> None:
        self.key, self.array = key, array


@contextmanager
def _torch():
    """Modules of torch's names, so that a pickle may refer to them."""
    torch, utils, storage = (types.ModuleType(name) for name in ("torch", "torch._utils", "torch.storage"))
    for name in _NAMES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    for module, name in ((utils, "_rebuild_tensor_v2"), (storage, "_load_from_bytes")):
        function = types.FunctionType((lambda *_: None).__code__, {}, name)
        function.__module__, function.__qualname__ = module.__name__, name
        setattr(module, name, function)
    modules = {module.__name__: module for module in (torch, utils, storage)}
    sys.modules.update(modules)
    try:
        yield torch
    finally:
        for name in modules:
            del sys.modules[name]


class _Pickler(pickle.Pickler):
    def __init__(self, file: Any, torch: Any, plain: bool = False) -> None:
        super().__init__(file, protocol=4 if plain else 2)
        self.torch, self.plain, self.storages = torch, plain, []

    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, np.ndarray | Lying):
            return NotImplemented
        array, size = (value.array, value.size) if isinstance(value, Lying) else (value, value.shape)
        # A view that begins after two numbers of another tensor, as torch's often do.
        flat = np.concatenate([np.full(2, np.nan, array.dtype), np.ascontiguousarray(array).ravel()])
        storage = _Storage(str(len(self.storages)), flat)
        self.storages.append(storage)
        strides = [int(np.prod(size[place + 1 :])) for place in range(len(size))]
        held = _bytes_of(storage, self.torch) if self.plain else storage
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (held, 2, size, tuple(strides), False, OrderedDict())

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, _Storage):
            return None
        kind = getattr(self.torch, _NAMES[value.array.dtype.name])
        return ("storage", kind, value.key, "cpu", len(value.array), *((None,) if self.legacy else ()))

    legacy = False


class _LegacyPickler(_Pickler):
    legacy = True


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def __reduce__(self):
        return sys.modules["torch.storage"]._load_from_bytes, (self.data,)


def _bytes_of(storage: _Storage, torch: Any) -> _Bytes:
    file = io.BytesIO()
    _write_pickles(file, storage, torch)
    return _Bytes(file.getvalue())


def _write_pickles(file: Any, value: Any, torch: Any) -> None:
    for head in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        pickle.dump(head, file, protocol=2)
    pickler = _LegacyPickler(file, torch)
    pickler.dump(value)
    storages = [value] if isinstance(value, _Storage) else pickler.storages
    pickle.dump([storage.key for storage in storages], file, protocol=2)
    for storage in storages:
        file.write(len(storage.array).to_bytes(8, "little") + storage.array.tobytes())


def write_pickles(path: Path, value: dict[str, Any]) -> None:
    """As `torch.save` before version 1.6."""
    with _torch() as torch, path.open("wb") as file:
        _write_pickles(file, OrderedDict(value), torch)


def write_plain(path: Path, value: dict[str, Any]) -> None:
    """As `pickle.dump` of a state."""
    with _torch() as torch, path.open("wb") as file:
        _Pickler(file, torch, plain=True).dump(OrderedDict(value))


def write_zip(path: Path, value: dict[str, Any]) -> None:
    """As `torch.save` since version 1.6."""
    pickled = io.BytesIO()
    with _torch() as torch:
        pickler = _Pickler(pickled, torch)
        pickler.dump(OrderedDict(value))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled.getvalue())
        archive.writestr("archive/byteorder", b"little")
        for storage in pickler.storages:
            archive.writestr(f"archive/data/{storage.key}", storage.array.tobytes())
