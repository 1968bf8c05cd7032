"""Bring your own: a folder with `sequences.csv` and one `.npz` a sequence.

`sequences.csv` has the columns `Id,split,label,subject,file`; label (1-based) and subject may be empty. Each `.npz`
holds any of `rgb` (T,H,W,3) uint8, `depth` (T,H,W,1) uint8 gray or uint16 millimetres, `mask` (T,H,W,1), `skeleton`
(T,20,3|7|9): world x y z [m], then quaternion, then pixel x y of a 640x480 image.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gesture.base.errors import GestureError, raise_all
from gesture.formats.images import gray_depth, resize
from gesture.formats.npz import UNREADABLE, read_npz
from gesture.formats.options import ArraysOptions
from gesture.formats.sequence import MODALITIES, Sequence
from gesture.formats.sequence_list import LIST, read_list
from gesture.formats.source import Source

# Kinect pinhole of the ChaLearn recordings: u = cx + fx X/Z, v = cy - fy Y/Z [px of 640x480].
FX, FY, CX, CY = 500.0, 525.0, 310.0, 260.0


def class_names(options: ArraysOptions) -> list[str]:
    """Names of the classes in label order."""
    return options.class_names or [f"class {number}" for number in range(1, options.classes + 1)]


def sources(folder: Path, options: ArraysOptions) -> list[Source]:
    """All sequences listed in `sequences.csv`, in its order.

    Raises:
        GestureError: the folder, the list or a file is missing, or a row is wrong; up to ten problems at once.
    """
    if not folder.is_dir():
        raise GestureError(f"data.folder: {folder}: no such folder; expected one with {LIST}")
    return [
        Source(row.file, folder / row.file, row.split, (row.id,), (row.label,), row.subject)
        for row in read_list(folder, options)
    ]


def modalities(sources: list[Source], options: ArraysOptions) -> tuple[str, ...]:
    """What every file has; only the files' tables of contents are read.

    Raises:
        GestureError: files are no `.npz`; up to ten are named.
    """
    common = set(MODALITIES)
    problems: list[str] = []
    for source in sources:
        try:
            with zipfile.ZipFile(source.path) as archive:
                common &= options.available(archive.namelist())
        except UNREADABLE as error:
            problems.append(f"{source.path}: not a readable .npz file ({error})")
    raise_all(problems)
    return tuple(name for name in MODALITIES if name in common)


def read(source: Source, options: ArraysOptions, size: int) -> Iterator[Sequence]:
    """The one sequence of a file, images scaled to ``size`` x ``size``.

    Raises:
        GestureError: an array has a shape or type that the format does not allow.
    """
    arrays = read_npz(source.path, MODALITIES)
    if options.mask_from_depth and "depth" in arrays:
        arrays["mask"] = arrays["depth"]
    try:
        made: dict[str, Any] = {name: _convert(name, array, options, size) for name, array in arrays.items()}
        yield Sequence(
            id=source.ids[0],
            split=source.split,
            label=source.labels[0],
            subject=source.subject,
            source=source.name,
            max_depth_mm=options.max_depth_mm if "depth" in made else None,
            **made,
        )
    except ValueError as error:
        raise GestureError(f"{source.path}: {error}") from error


def _convert(name: str, array: np.ndarray, options: ArraysOptions, size: int) -> np.ndarray:
    if name == "skeleton":
        return _full_skeleton(array)
    if array.ndim != 4 or array.shape[-1] != (3 if name == "rgb" else 1):
        raise ValueError(f"{name} has shape {array.shape}, expected (T, H, W, {3 if name == 'rgb' else 1})")
    if name == "mask":
        array = (array > 0).astype(np.uint8)
    elif name == "depth" and array.dtype == np.uint16:
        array = gray_depth(array, options.max_depth_mm)
    elif array.dtype != np.uint8:
        raise ValueError(f"{name} is {array.dtype}, expected uint8" + (" or uint16 [mm]" * (name == "depth")))
    array = resize(array, size, blend=name == "rgb")
    return array.astype(np.bool_) if name == "mask" else array


def _full_skeleton(array: np.ndarray) -> np.ndarray:
    """World-only skeletons get zero quaternions and pixels by the pinhole."""
    if array.ndim != 3 or array.shape[1] != 20 or array.shape[2] not in (3, 7, 9):
        raise ValueError(f"skeleton has shape {array.shape}, expected (T, 20, 3), (T, 20, 7) or (T, 20, 9)")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"skeleton is {array.dtype}, expected numbers")
    full = np.zeros((len(array), 20, 9), np.float32)
    with np.errstate(over="ignore"):
        full[..., : array.shape[2]] = array
    if not np.isfinite(full).all():  # also what is a number in float64 only
        raise ValueError("skeleton has values that are not finite; write 0 for joints that were not seen")
    if array.shape[2] < 9:
        x, y, z = (full[..., axis] for axis in range(3))
        seen = z > 0
        depth = np.where(seen, z, 1.0)
        full[..., 7] = np.where(seen, CX + FX * x / depth, 0.0)
        full[..., 8] = np.where(seen, CY - FY * y / depth, 0.0)
    return full
