"""ChaLearn LAP 2014 track 3 (Montalbano v2): ``SampleXXXX.zip`` recordings, cut into their labelled gestures."""

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from gesture.datasets.chalearn import CLASS_NAMES
from gesture.datasets.sequence import MODALITIES, Sequence
from gesture.datasets.source import Source
from gesture.datasets.video import CroppedVideo
from gesture.errors import GestureError

_SPLIT_ENDS = {"training": 470, "validation": 700, "test": 940}  # last sample number of each split
_KNOWN_BAD = {"Sample0539", "Sample0675"}  # damaged in the organisers' archives
_MEMBERS = ("color.mp4", "depth.mp4", "user.mp4", "data.csv", "skeleton.csv")
_MASK_LEVEL = 128


class Options(Protocol):
    """What the reader needs to know of a data set's options."""

    @property
    def context_frames(self) -> int:
        """Frames added before and after each label, cut at the recording's ends."""


@dataclass(frozen=True)
class _Window:
    """One gesture in its recording: id and class as in `Sequence`, frames `start` to `stop - 1`, 0-based."""

    id: int
    label: int | None
    start: int
    stop: int


def class_names(options: Options) -> list[str]:
    """Names of the classes in label order."""
    return list(CLASS_NAMES)


def modalities(sources: list[Source], options: Options) -> tuple[str, ...]:
    """What every recording has: all four."""
    return MODALITIES


# ---- Which recordings there are -------------------------------------------------------------------------------------


def sources(folder: Path, options: Options) -> list[Source]:
    """All labelled recordings below the folder, by sample number; reads only zip directories and ``_labels.csv``.

    Raises:
        GestureError: no such folder, no recordings, a damaged zip, a label that is none of this data set.
    """
    if not folder.is_dir():
        raise GestureError(f"{folder}: no such folder; expected SampleXXXX.zip files in it")
    paths = _sample_paths(folder)
    subjects = _subjects(folder / "subjects.csv")
    result: list[Source] = []
    unlabelled = []
    counts = dict.fromkeys(_SPLIT_ENDS, 0)
    for name, path in sorted(paths.items()):
        if name in _KNOWN_BAD:
            warnings.warn(f"{name}: known to be damaged in the official archives, skipped", stacklevel=2)
            continue
        with _Recording(path) as recording:
            labels = recording.labels()
        if not labels:
            unlabelled.append(name)
            continue
        split = _split(name, path)
        first = counts[split] + 1
        counts[split] += len(labels)
        ids = tuple(range(first, first + len(labels)))
        classes = tuple(gesture - 1 for gesture, _, _ in labels)
        result.append(Source(name, path, split, ids, classes, subjects.get(name)))
    if unlabelled:
        more = f" and {len(unlabelled) - 1} more" if len(unlabelled) > 1 else ""
        warnings.warn(f"{unlabelled[0]}{more}: no labels, so no sequences", stacklevel=2)
    return result


def _sample_paths(folder: Path) -> dict[str, Path]:
    """Path of each recording by its name; archives may have been unpacked into folders of their own."""
    paths: dict[str, Path] = {}
    for path in sorted(folder.rglob("Sample*.zip")):
        if re.fullmatch(r"Sample\d{4}", path.stem):
            if path.stem in paths:
                raise GestureError(f"{path}: {path.stem} is also at {paths[path.stem]}: remove one of the two")
            paths[path.stem] = path
    if not paths:
        raise GestureError(f"{folder}: no SampleXXXX.zip (four digits) in it or below it")
    return paths


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
    header, *rows = path.read_text(encoding="utf-8").splitlines() or [""]
    cells = [row.split(",") for row in rows if row]
    if header != "sample,subject" or any(len(row) != 2 for row in cells):
        raise GestureError(f"{path}: expected a header sample,subject and two cells a row")
    return {sample: subject for sample, subject in cells}


# ---- One recording's files ------------------------------------------------------------------------------------------


class _Recording:
    """An open ``SampleXXXX.zip``; every problem with its bytes becomes a GestureError that names it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise GestureError(f"{path}: not a readable zip ({error}): truncated? Copy or download it again") from error
        self._names = {name.rsplit("_", 1)[-1]: name for name in self._zip.namelist()}
        missing = [member for member in _MEMBERS if member not in self._names]
        if missing:
            raise GestureError(f"{path}: has no {path.stem}_{missing[0]}: not a ChaLearn 2014 sample")

    def __enter__(self) -> "_Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def member(self, name: str) -> bytes:
        """A member's bytes, checked by their CRC."""
        try:
            return self._zip.read(self._names[name])
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise GestureError(f"{self.path}: {self._names[name]} is damaged ({error}): download it again") from error

    def labels(self) -> list[tuple[int, int, int]]:
        """Rows of ``_labels.csv``: class 1-20, first and last frame, 1-based; empty where there is no such file."""
        if "labels.csv" not in self._names:
            return []
        rows = []
        for number, line in enumerate(self.member("labels.csv").decode().splitlines(), start=1):
            if not line.strip():
                continue
            where = f"{self.path}: {self._names['labels.csv']} line {number}"
            try:
                gesture, begin, end = (int(cell) for cell in line.split(","))
            except ValueError:
                raise GestureError(f"{where}: {line!r}, expected id,begin,end as integers") from None
            if not 1 <= gesture <= len(CLASS_NAMES) or not 1 <= begin <= end:
                raise GestureError(f"{where}: {line!r}, expected an id of 1-{len(CLASS_NAMES)} and 1 <= begin <= end")
            rows.append((gesture, begin, end))
        return rows

    def data(self) -> tuple[int, int]:
        """Number of frames and maxDepth in mm."""
        text = self.member("data.csv").decode().strip()
        try:
            frames, _, max_depth_mm = (int(float(cell)) for cell in text.split(","))
        except ValueError:
            raise GestureError(f"{self.path}: data.csv holds {text!r}, expected frames,fps,maxDepth") from None
        return frames, max_depth_mm

    def video(self, name: str, pixels: str, size: int) -> CroppedVideo:
        """A video, ready to be decoded to images of this pixel format and size."""
        return CroppedVideo(self.member(name), f"{self.path}: {self._names[name]}", pixels, size)

    def skeleton(self) -> np.ndarray:
        """`(N, 20, 9)` float32 as in `Sequence`: the file has the same order."""
        text = self.member("skeleton.csv").decode()
        try:
            rows = np.loadtxt(io.StringIO(text), delimiter=",", dtype=np.float32, ndmin=2) if text.strip() else ()
            return np.reshape(rows, (-1, 20, 9)).astype(np.float32)
        except ValueError as error:
            raise GestureError(f"{self.path}: skeleton.csv: expected 180 numbers a frame ({error})") from None


# ---- One recording's gestures ---------------------------------------------------------------------------------------


def read(source: Source, options: Options, size: int) -> Iterator[Sequence]:
    """Cuts one recording into its gestures; each video is decoded once, and only the frames of open gestures are held.

    Images are rows 10:330 and columns 140:460, averaged to `(size, size)`; skeleton pixels stay those of 640x480.
    Faults that occur in the genuine data are survived with a warning.

    Raises:
        GestureError: the zip or one of its members is damaged.
    """
    with _Recording(source.path) as recording:
        skeleton = recording.skeleton()
        declared, max_depth_mm = recording.data()
        videos = {
            "rgb": recording.video("color.mp4", "rgb24", size),
            "depth": recording.video("depth.mp4", "gray", size),
            "mask": recording.video("user.mp4", "gray", size),
        }
        rows = recording.labels()
    frames = _agreed_length(source.name, declared, skeleton, videos)
    windows = _windows(source, rows, options.context_frames, frames)
    for window, images in _cut(windows, videos):
        mask = images["mask"][..., None] > _MASK_LEVEL
        joints = skeleton[window.start : window.stop]
        _warn_if_empty(source.name, window, mask, joints)
        yield Sequence(
            id=window.id,
            split=source.split,
            label=window.label,
            subject=source.subject,
            source=source.name,
            rgb=images["rgb"],
            depth=images["depth"][..., None],
            max_depth_mm=max_depth_mm,
            mask=mask,
            skeleton=joints,
        )


def _agreed_length(name: str, declared: int, skeleton: np.ndarray, videos: dict[str, CroppedVideo]) -> int:
    """The least of what the five members say."""
    lengths = {"data.csv": declared, "skeleton": len(skeleton), **{key: video.frames for key, video in videos.items()}}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{key} {value}" for key, value in lengths.items())
        warnings.warn(f"{name}: lengths disagree, the least is taken ({said} frames)", stacklevel=3)
    return min(lengths.values())


def _windows(source: Source, rows: list[tuple[int, int, int]], context: int, frames: int) -> list[_Window]:
    """The gestures with their context, cut at the recording's ends, in order of their end."""
    windows = []
    for clip, label, (_, begin, end) in zip(source.ids, source.labels, rows, strict=True):
        if end > frames:
            warnings.warn(f"{source.name}: gesture {clip} ends at frame {end} of {frames}", stacklevel=3)
        if begin <= frames:
            windows.append(_Window(clip, label, max(0, begin - 1 - context), min(frames, end + context)))
    return sorted(windows, key=lambda window: (window.stop, window.id))


def _cut(windows: list[_Window], videos: dict[str, CroppedVideo]) -> Iterator[tuple[_Window, dict[str, np.ndarray]]]:
    """Runs through the videos in step and yields each window when its last frame has come."""
    wanted = sorted({frame for window in windows for frame in range(window.start, window.stop)})
    pending = list(windows)
    held: dict[int, dict[str, np.ndarray]] = {}
    decoders = {name: video.images(wanted) for name, video in videos.items()}
    for frame in wanted:
        held[frame] = {name: next(decoder) for name, decoder in decoders.items()}
        while pending and pending[0].stop == frame + 1:
            window = pending.pop(0)
            clip = [held[i] for i in range(window.start, window.stop)]
            yield window, {name: np.stack([images[name] for images in clip]) for name in videos}
            oldest = min((rest.start for rest in pending), default=frame + 1)
            held = {i: images for i, images in held.items() if i >= oldest}


def _warn_if_empty(name: str, window: _Window, mask: np.ndarray, joints: np.ndarray) -> None:
    where = f"{name}: gesture {window.id} (frames {window.start + 1}-{window.stop})"
    if not mask.any():
        warnings.warn(f"{where}: the mask is empty", stacklevel=3)
    if not joints.any():
        warnings.warn(f"{where}: the skeleton is all zero", stacklevel=3)
