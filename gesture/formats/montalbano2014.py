"""ChaLearn LAP 2014 track 3 (Montalbano v2): ``SampleXXXX.zip`` recordings, cut into their labelled gestures."""

import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gesture.base.errors import GestureError, raise_all
from gesture.formats.chalearn import (
    CLASS_NAMES,
    Options,
    Recording,
    Sample,
    gestures,
    labelled_sources,
    sample_paths,
)
from gesture.formats.sequence import MODALITIES, Sequence
from gesture.formats.sequence_list import text_of
from gesture.formats.source import Source

_SPLIT_ENDS = {"training": 470, "validation": 700, "test": 940}  # last sample number of each split
_KNOWN_BAD = {"Sample0539", "Sample0675"}  # damaged in the organisers' archives


def class_names(options: Options) -> list[str]:
    """Names of the classes in label order."""
    return list(CLASS_NAMES)


def modalities(sources: list[Source], options: Options) -> tuple[str, ...]:
    """What every recording has: all four."""
    return MODALITIES


def sources(folder: Path, options: Options) -> list[Source]:
    """All labelled recordings below the folder, by sample number; reads only zip directories and ``_labels.csv``.

    Raises:
        GestureError: no such folder, no recordings, a damaged zip, a label that is none of this data set.
    """
    subjects = _subjects(folder / "subjects.csv")
    samples = []
    for name, path in sample_paths(folder, digits=4).items():
        if name in _KNOWN_BAD:
            warnings.warn(f"{name}: known to be damaged in the official archives, skipped", stacklevel=2)
        else:
            samples.append(Sample(path, _split(name, path), subjects.get(name)))
    return labelled_sources(samples, Recording2014)


def read(source: Source, options: Options, size: int) -> Iterator[Sequence]:
    """The gestures of one recording.

    Raises:
        GestureError: the zip or one of its members is damaged.
    """
    return gestures(source, Recording2014, options, size)


def _split(name: str, path: Path) -> str:
    number = int(name.removeprefix("Sample"))
    for split, last in _SPLIT_ENDS.items():
        if 1 <= number <= last:
            return split
    raise GestureError(f"{path}: sample numbers run from 1 to {last}")


def _subjects(path: Path) -> dict[str, str]:
    """Subject of each sample; empty where there is no such file, as in the genuine data."""
    if not path.is_file():
        return {}
    problems: list[str] = []
    header, *rows = text_of(path, problems).splitlines() or [""]
    if header != "sample,subject":
        raise GestureError(f"{path}:1: expected a header sample,subject and two cells a row")
    cells = {number: row.split(",") for number, row in enumerate(rows, 2) if row}
    problems += [
        f"{path}:{number}: has {len(row)} cells, expected sample,subject"
        for number, row in cells.items()
        if len(row) != 2
    ]
    raise_all(problems)
    return {row[0]: row[1] for row in cells.values()}


class Recording2014(Recording):
    """A sample with its annotations in header-less CSVs."""

    annotations = ("data.csv", "skeleton.csv")

    def labels(self) -> list[tuple[int, int, int]]:
        """Rows of ``_labels.csv``: class 1-20, first and last frame, 1-based; empty where there is no such file."""
        if "labels.csv" not in self._names:
            return []
        rows = []
        problems: list[str] = []
        for number, line in enumerate(self.text("labels.csv").splitlines(), start=1):
            if not line.strip():
                continue
            where = f"{self.path}: {self._names['labels.csv']} line {number}"
            try:
                gesture, begin, end = (int(cell) for cell in line.split(","))
            except ValueError:
                problems.append(f"{where}: {line[:80]!r}, expected id,begin,end as integers")
                continue
            if not 1 <= gesture <= len(CLASS_NAMES) or not 1 <= begin <= end:
                expected = f"expected an id of 1-{len(CLASS_NAMES)} and 1 <= begin <= end"
                problems.append(f"{where}: {line[:80]!r}, {expected}")
            rows.append((gesture, begin, end))
        raise_all(problems)
        return rows

    def data(self) -> tuple[int, int]:
        """Number of frames and maxDepth in mm."""
        text = self.text("data.csv").strip()
        try:
            frames, _, max_depth_mm = (int(float(cell)) for cell in text.split(","))
        except (ValueError, OverflowError):
            raise GestureError(f"{self.path}: data.csv holds {text!r}, expected frames,fps,maxDepth") from None
        return frames, max_depth_mm

    def skeleton(self) -> np.ndarray:
        """`(N, 20, 9)` float32 as in `Sequence`: the file has the same order."""
        text = self.text("skeleton.csv")
        try:
            rows = np.loadtxt(io.StringIO(text), delimiter=",", dtype=np.float32, ndmin=2) if text.strip() else ()
            return np.reshape(rows, (-1, 20, 9)).astype(np.float32)
        except ValueError as error:
            raise GestureError(f"{self.path}: skeleton.csv: expected 180 numbers a frame ({error})") from None
