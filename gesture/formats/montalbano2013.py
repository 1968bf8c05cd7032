"""ChaLearn 2013 (Montalbano v1): ``SampleNNNNN.zip`` recordings, annotated in a MATLAB file."""

import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gesture.base.errors import GestureError
from gesture.formats.chalearn import (
    CLASS_NAMES,
    Options,
    Recording,
    Sample,
    gestures,
    labelled_sources,
    sample_paths,
)
from gesture.formats.matlab import load
from gesture.formats.sequence import JOINTS, MODALITIES, SPLITS, Sequence
from gesture.formats.source import Source

# Excluded by the organisers.
_EXCLUDED = {"training": {223, 225, 228}, "validation": set(range(629, 640)), "test": set()}
# Field of a skeleton -> its columns in `Sequence`.
_COLUMNS = {"WorldPosition": slice(0, 3), "WorldRotation": slice(3, 7), "PixelPosition": slice(7, 9)}


def class_names(options: Options) -> list[str]:
    """Names of the classes in label order."""
    return list(CLASS_NAMES)


def modalities(sources: list[Source], options: Options) -> tuple[str, ...]:
    """What every recording has: all four."""
    return MODALITIES


def sources(folder: Path, options: Options) -> list[Source]:
    """All labelled recordings below the folder, by sample number.

    The split is told by a folder on the way: the first whose name begins with a split's, such as ``training1``.

    Raises:
        GestureError: no recordings, one that is in no split's folder, or a damaged zip.
    """
    samples = []
    for name, path in sample_paths(folder, digits=5).items():
        split = _split(folder, path)
        if int(name.removeprefix("Sample")) in _EXCLUDED[split]:
            warnings.warn(f"{name}: excluded by the organisers, skipped", stacklevel=2)
        else:
            samples.append(Sample(path, split))
    return labelled_sources(samples, Recording2013)


def read(source: Source, options: Options, size: int) -> Iterator[Sequence]:
    """The gestures of one recording.

    Raises:
        GestureError: the zip or one of its members is damaged.
    """
    return gestures(source, Recording2013, options, size)


def _split(folder: Path, path: Path) -> str:
    for part in path.relative_to(folder).parts[:-1]:
        for split in SPLITS:
            if part.lower().startswith(split):
                return split
    raise GestureError(f"{path}: must lie in a folder named training…, validation… or test… below {folder}")


class Recording2013(Recording):
    """A sample with its annotations in a struct ``Video`` of ``_data.mat``."""

    annotations = ("data.mat",)

    @cached_property
    def _video(self) -> Any:
        return load(self.member("data.mat"), f"{self.path}: data.mat", "Video")

    def _field(self, struct: Any, name: str) -> Any:
        try:
            return getattr(struct, name)
        except AttributeError:
            raise GestureError(f"{self.path}: data.mat: a struct has no field {name}") from None

    def labels(self) -> list[tuple[int, int, int]]:
        """The entries of ``Labels``; those that cannot be meant are left out with a warning."""
        rows = []
        for label in _structs(self._field(self._video, "Labels")):
            name, begin, end = (self._field(label, field) for field in ("Name", "Begin", "End"))
            try:
                row = (CLASS_NAMES.index(str(name).strip().lower()) + 1, int(begin), int(end))
            except (ValueError, TypeError):
                row = (0, 0, 0)
            if 1 <= row[1] <= row[2]:
                rows.append(row)
            else:
                warnings.warn(f"{self.path.stem}: label {name} of frames {begin}-{end} left out", stacklevel=2)
        return rows

    def data(self) -> tuple[int, int]:
        """Number of frames and maxDepth in mm."""
        values = [self._field(self._video, name) for name in ("NumFrames", "MaxDepth")]
        try:
            frames, max_depth_mm = (int(value) for value in values)
        except (TypeError, ValueError):
            raise GestureError(f"{self.path}: data.mat: NumFrames, MaxDepth are {values}, expected integers") from None
        return frames, max_depth_mm

    def skeleton(self) -> np.ndarray:
        """`(N, 20, 9)` float32 as in `Sequence`; zeros where no user was seen, the middle one of several."""
        frames = _structs(self._field(self._video, "Frames"))
        users = [_structs(self._field(frame, "Skeleton")) for frame in frames]
        result = np.zeros((len(frames), 20, 9), np.float32)
        for frame, candidates in enumerate(users):
            seen = [one for one in map(self._joints, candidates) if one.any()]
            if seen:
                result[frame] = min(seen, key=lambda joints: abs(float(joints[0, 0])))
        self._warn(sum(not one for one in users), "without a user: zeros")
        self._warn(sum(len(one) > 1 for one in users), "with several users: the one in the middle is taken")
        return result

    def _warn(self, count: int, what: str) -> None:
        if count:
            warnings.warn(f"{self.path.stem}: {count} frames {what}", stacklevel=3)

    def _joints(self, user: Any) -> np.ndarray:
        """`(20, 9)` of one user in our order of joints; zeros where the arrays are empty."""
        joints = np.zeros((20, 9), np.float32)
        for name, columns in _COLUMNS.items():
            values = np.asarray(self._field(user, name))
            if values.size == joints[:, columns].size:
                joints[:, columns] = values
            elif values.size:
                raise GestureError(f"{self.path}: data.mat: {name} has shape {values.shape}, expected 20 joints")
        names = [str(one).strip() for one in np.atleast_1d(getattr(user, "JointType", ()))]
        return joints[[names.index(one) for one in JOINTS]] if set(names) == set(JOINTS) else joints


def _structs(value: Any) -> list[Any]:
    """The elements of a struct array, however few: loadmat gives one element bare, and none as an empty array."""
    return [one for one in np.atleast_1d(value) if hasattr(one, "_fieldnames")]
