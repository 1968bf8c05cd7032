"""The tfrecords of 2019: ZLIB files ``<split>-NN-of-MM`` of float32 arrays, one sequence a record.

Byte features (little-endian float32): `rgb` (T,80,80,3), `depth` (T,80,80,1), `segmentation` (T,80,80,3), all 0-255,
`skeleton` (T,180); integers `length`, `label` (0-based), `id`. `skeleton_img` is not needed: it is drawn on reading.
"""

import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from google.protobuf.message import DecodeError

from gesture.base.errors import GestureError
from gesture.convert.example import Example
from gesture.convert.shard import read_stream
from gesture.formats.chalearn import CLASS_NAMES
from gesture.formats.images import resize
from gesture.formats.options import SmnetOptions
from gesture.formats.sequence import MODALITIES, SPLITS, Sequence
from gesture.formats.source import Source
from gesture.inputs.skeleton_image import draw

_SIDE = 80
_MASK_LEVEL = 128
_DRAWN = "skeleton_img"
# Name there -> name and trailing shape here.
_ARRAYS: dict[str, tuple[str, tuple[int, ...]]] = {
    "rgb": ("rgb", (_SIDE, _SIDE, 3)),
    "depth": ("depth", (_SIDE, _SIDE, 1)),
    "segmentation": ("mask", (_SIDE, _SIDE, 3)),
    "skeleton": ("skeleton", (20, 9)),
}


def class_names(options: SmnetOptions) -> list[str]:
    """Names of the classes in label order."""
    return list(CLASS_NAMES)


def sources(folder: Path, options: SmnetOptions) -> list[Source]:
    """The files by split and number; each is read once for the ids and labels in it.

    Raises:
        GestureError: a file is missing or damaged, or an id occurs twice in a split.
    """
    found: list[Source] = []
    seen: dict[tuple[str, int], Path] = {}
    for split, path in paths(folder):
        ids: list[int] = []
        labels: list[int | None] = []
        for where, features in _records(path):
            number, label = _integer(where, features, "id"), _integer(where, features, "label")
            if (split, number) in seen:
                raise GestureError(f"{where}: id {number} is also in {seen[split, number]}; ids must be unique")
            if not 0 <= label < len(CLASS_NAMES):
                raise GestureError(f"{where}: label {label}, expected 0 to {len(CLASS_NAMES) - 1}")
            seen[split, number] = path
            ids.append(number)
            labels.append(label if split != "test" or options.test_labels else None)
        found.append(Source(path.name, path, split, tuple(ids), tuple(labels)))
    return found


def paths(folder: Path) -> list[tuple[str, Path]]:
    """Split and path of each file, after looking that no shard is missing.

    Raises:
        GestureError: there is no such file, or one of a set is missing.
    """
    if not folder.is_dir():
        raise GestureError(f"data.folder: {folder}: no such folder; expected tfrecords named training-01-of-20")
    found = []
    for split in SPLITS:
        names = {path.name for path in folder.iterdir() if re.fullmatch(rf"{split}-\d\d-of-\d\d", path.name)}
        totals = sorted({name[-2:] for name in names})
        if len(totals) > 1:
            raise GestureError(f"{folder}: {split} files of {' and of '.join(totals)}: expected one set of shards")
        expected = [f"{split}-{number:02d}-of-{total}" for total in totals for number in range(1, int(total) + 1)]
        missing = [name for name in expected if name not in names]
        if missing:
            raise GestureError(f"{folder}: {missing[0]} is missing ({len(names)} of {len(expected)} are there)")
        found += [(split, folder / name) for name in expected]
    if not found:
        raise GestureError(f"{folder}: no tfrecords named <split>-NN-of-MM, such as training-01-of-20")
    return found


def stored(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file as they are stored, for the 2019 network: `id`, `label`, `length`, float32 arrays 0-255.

    `skeleton_img` is drawn where a file has none.

    Raises:
        GestureError: the file is damaged, or an array does not fit its length or is missing.
    """
    shapes = {name: shape for name, (_, shape) in _ARRAYS.items()} | {_DRAWN: (_SIDE, _SIDE, 3)}
    for where, features in _records(path):
        record: dict[str, Any] = {name: _integer(where, features, name) for name in ("id", "label", "length")}
        for name, shape in shapes.items():
            if name in features:
                values = features[name].bytes_list.value
                record[name] = _array(f"{where}: {name}", values, record["length"], shape)
            elif name != _DRAWN:
                raise GestureError(f"{where}: no {name}, which the 2019 network needs")
        if _DRAWN not in record:
            record[_DRAWN] = draw(record["skeleton"], _SIDE).astype(np.float32)
        yield record


def modalities(sources: list[Source], options: SmnetOptions) -> tuple[str, ...]:
    """What the first record of every file has.

    Raises:
        GestureError: a file is damaged at its start.
    """
    common = set(MODALITIES)
    for source in sources:
        for _, features in _records(source.path):
            common &= {ours for theirs, (ours, _) in _ARRAYS.items() if theirs in features}
            break
    return tuple(name for name in MODALITIES if name in common)


def read(source: Source, options: SmnetOptions, size: int) -> Iterator[Sequence]:
    """The sequences of a file in its order, images as uint8 of `(size, size)`.

    Raises:
        GestureError: the file is damaged, or an array does not fit its length.
    """
    for (where, features), number, label in zip(_records(source.path), source.ids, source.labels, strict=True):
        length = _integer(where, features, "length")
        arrays: dict[str, Any] = {}
        for theirs, (ours, shape) in _ARRAYS.items():
            if theirs in features:
                array = _array(f"{where}: {theirs}", features[theirs].bytes_list.value, length, shape)
                arrays[ours] = _convert(ours, array, options.bgr, size)
        try:
            yield Sequence(
                id=number,
                split=source.split,
                label=label,
                source=source.name,
                max_depth_mm=options.max_depth_mm if "depth" in arrays else None,
                **arrays,
            )
        except ValueError as error:
            raise GestureError(f"{where}: {error}") from error


def _records(path: Path) -> Iterator[tuple[str, Any]]:
    """Where each record is, for errors, and its features; one record is held at a time."""
    number = 1
    try:
        with path.open("rb") as file:
            stream = cast(BinaryIO, io.BufferedReader(_Inflated(file), 1 << 20))
            for number, data in enumerate(read_stream(stream), 1):
                yield f"{path}: record {number}", Example.FromString(data).features.feature
                number += 1
    except (OSError, EOFError, ValueError, zlib.error, DecodeError) as error:
        raise GestureError(f"{path}: record {number}: {error}: the file is damaged, copy it again") from error


class _Inflated(io.RawIOBase):
    """The plain bytes of a ZLIB file, inflated piece by piece: a whole file would be gigabytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._inflate = file, zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._file.read(1 << 16)
            data = self._inflate.decompress(packed, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            if not packed:
                raise EOFError("ends early")
        return 0


def _integer(where: str, features: Any, name: str) -> int:
    values: Any = features[name].int64_list.value if name in features else ()
    if len(values) != 1:
        raise GestureError(f"{where}: {len(values)} values of {name!r}, expected one integer")
    return int(values[0])


def _array(where: str, values: Any, length: int, shape: tuple[int, ...]) -> np.ndarray:
    """`(length, *shape)` float32; frames beyond the length, which files from before the converter have, are cut."""
    frame_bytes = 4 * int(np.prod(shape))
    data = values[0] if len(values) == 1 else b""
    if length < 1 or len(data) < length * frame_bytes or len(data) % frame_bytes:
        raise GestureError(f"{where}: {len(data)} bytes, expected {frame_bytes} for each of {length} frames")
    array = np.frombuffer(data, "<f4").reshape(-1, *shape)[:length]
    if not np.isfinite(array).all():
        raise GestureError(f"{where}: has values that are not finite")
    return array


def _convert(name: str, array: np.ndarray, bgr: bool, size: int) -> np.ndarray:
    if name == "skeleton":
        return array.astype(np.float32)
    if name == "mask":
        array = 255.0 * (array.mean(axis=-1, keepdims=True) > _MASK_LEVEL)
    images = resize(np.rint(np.clip(array, 0, 255)).astype(np.uint8), size, blend=name == "rgb")
    if name == "mask":
        return images > _MASK_LEVEL
    return np.ascontiguousarray(images[..., ::-1]) if name == "rgb" and bgr else images
