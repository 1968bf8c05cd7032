"""What the ChaLearn recordings of 2013 and 2014 share: a zip of three videos, cut into its labelled gestures."""

import re
import warnings
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar, Protocol

import numpy as np

from gesture.base.errors import GestureError, raise_all
from gesture.formats.npz import UNREADABLE
from gesture.formats.sequence import Sequence
from gesture.formats.source import Source
from gesture.formats.video import CroppedVideo

CLASS_NAMES = (
    "vattene", "vieniqui", "perfetto", "furbo", "cheduepalle", "chevuoi", "daccordo", "seipazzo", "combinato",
    "freganiente", "ok", "cosatifarei", "basta", "prendere", "noncenepiu", "fame", "tantotempo", "buonissimo",
    "messidaccordo", "sonostufo",
)  # fmt: skip
_MASK_LEVEL = 128


class Options(Protocol):
    """What the reader needs to know of a data set's options."""

    @property
    def context_frames(self) -> int:
        """Frames added before and after each label, cut at the recording's ends."""


@dataclass(frozen=True)
class Sample:
    """A recording and the split it belongs to."""

    path: Path
    split: str
    subject: str | None = None


@dataclass(frozen=True)
class _Window:
    """One gesture in its recording: id and class as in `Sequence`, frames `start` to `stop - 1`, 0-based."""

    id: int
    label: int | None
    start: int
    stop: int


# ---- One recording's files ------------------------------------------------------------------------------------------


class Recording(ABC):
    """An open sample; every problem with its bytes becomes a GestureError that names it."""

    annotations: ClassVar[tuple[str, ...]]
    """Members beside the three videos, without the sample's name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except UNREADABLE as error:
            raise GestureError(f"{path}: not a readable zip ({error}): truncated? Copy or download it again") from error
        # Macs leave a hidden ._Sample0001_color.mp4 beside each member.
        plain = [name for name in self._zip.namelist() if not PurePosixPath(name).name.startswith(".")]
        self._names = {name.rsplit("_", 1)[-1]: name for name in plain}
        for member in ("color.mp4", "depth.mp4", "user.mp4", *self.annotations):
            if member not in self._names:
                raise GestureError(f"{path}: has no {path.stem}_{member}: not a sample of this data set")

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def member(self, name: str) -> bytes:
        """A member's bytes, checked by their CRC."""
        try:
            return self._zip.read(self._names[name])
        except UNREADABLE as error:
            raise GestureError(f"{self.path}: {self._names[name]} is damaged ({error}): download it again") from error

    def text(self, name: str) -> str:
        """A member as text; bytes that are none become question marks, which no number has."""
        return self.member(name).decode("utf-8-sig", errors="replace")

    @abstractmethod
    def labels(self) -> list[tuple[int, int, int]]:
        """Class 1-20, first and last frame, 1-based, of each gesture; empty where nothing is labelled."""

    @abstractmethod
    def data(self) -> tuple[int, int]:
        """Number of frames and maxDepth in mm."""

    @abstractmethod
    def skeleton(self) -> np.ndarray:
        """`(N, 20, 9)` float32 as in `Sequence`."""

    def video(self, name: str, pixels: str, size: int) -> CroppedVideo:
        """A video, ready to be decoded to images of this pixel format and size."""
        return CroppedVideo(self.member(name), f"{self.path}: {self._names[name]}", pixels, size)


# ---- Which recordings there are -------------------------------------------------------------------------------------


def sample_paths(folder: Path, digits: int) -> dict[str, Path]:
    """Path of each recording by its name, sorted; archives may have been unpacked into folders of their own.

    Raises:
        GestureError: no such folder, nothing in it, or a sample is there twice.
    """
    name = f"Sample{'X' * digits}.zip"
    if not folder.is_dir():
        raise GestureError(f"{folder}: no such folder; expected {name} files in it")
    paths: dict[str, Path] = {}
    for path in sorted(folder.rglob("Sample*.zip")):
        if re.fullmatch(rf"Sample\d{{{digits}}}", path.stem):
            if path.stem in paths:
                raise GestureError(f"{path}: {path.stem} is also at {paths[path.stem]}: remove one of the two")
            paths[path.stem] = path
    if not paths:
        raise GestureError(f"{folder}: no {name} in it or below it")
    return dict(sorted(paths.items()))


def labelled_sources(samples: Iterable[Sample], kind: type[Recording]) -> list[Source]:
    """The recordings that have labels; ids count the gestures of a split in the order of the samples.

    Raises:
        GestureError: a damaged zip, or a label that is none of this data set.
    """
    result: list[Source] = []
    unlabelled = []
    counts: dict[str, int] = {}
    problems: list[str] = []
    for sample in samples:
        name = sample.path.stem
        try:
            with kind(sample.path) as recording:
                labels = recording.labels()
        except GestureError as error:
            problems.append(str(error))
            continue
        if not labels:
            unlabelled.append(name)
            continue
        first = counts.get(sample.split, 0) + 1
        counts[sample.split] = first + len(labels) - 1
        ids = tuple(range(first, first + len(labels)))
        classes = tuple(gesture - 1 for gesture, _, _ in labels)
        result.append(Source(name, sample.path, sample.split, ids, classes, sample.subject))
    raise_all(problems)
    if unlabelled:
        more = f" and {len(unlabelled) - 1} more" if len(unlabelled) > 1 else ""
        count = f"{len(unlabelled)} of {len(result) + len(unlabelled)} recordings left out: "
        warnings.warn(f"{count}{unlabelled[0]}{more}: no labels, so no sequences", stacklevel=2)
    return result


# ---- One recording's gestures ---------------------------------------------------------------------------------------


def gestures(source: Source, kind: type[Recording], options: Options, size: int) -> Iterator[Sequence]:
    """Cuts one recording into its gestures; each video is decoded once, and only the frames of open gestures are held.

    Images are rows 10:330 and columns 140:460, averaged to `(size, size)`; skeleton pixels stay those of 640x480.
    Faults that occur in the genuine data are survived with a warning.

    Raises:
        GestureError: the zip or one of its members is damaged.
    """
    with kind(source.path) as recording:
        skeleton = _finite(source.name, recording.skeleton())
        declared, max_depth_mm = recording.data()
        if max_depth_mm < 1:
            raise GestureError(f"{source.path}: its maxDepth is {max_depth_mm} mm, expected a depth of at least 1 mm")
        videos = {
            "rgb": recording.video("color.mp4", "rgb24", size),
            "depth": recording.video("depth.mp4", "gray", size),
            "mask": recording.video("user.mp4", "gray", size),
        }
        rows = recording.labels()
    frames = _agreed_length(source.path, source.name, declared, skeleton, videos)
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


def _finite(name: str, skeleton: np.ndarray) -> np.ndarray:
    """The skeleton with joints that are no numbers as the sensor writes those it does not see: all zero."""
    wrong = ~np.isfinite(skeleton).all(axis=-1)
    if wrong.any():
        warnings.warn(f"{name}: {wrong.sum()} joints are not finite: zeros", stacklevel=3)
    return np.where(wrong[..., None], np.float32(0), skeleton)


def _agreed_length(path: Path, name: str, declared: int, skeleton: np.ndarray, videos: dict[str, CroppedVideo]) -> int:
    """The least of what the five members say.

    Raises:
        GestureError: one of them has no frames; none of the recording would be left.
    """
    lengths = {"data.csv": declared, "skeleton": len(skeleton), **{key: video.frames for key, video in videos.items()}}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{key} {value}" for key, value in lengths.items())
        warnings.warn(f"{name}: lengths disagree, the least is taken ({said} frames)", stacklevel=3)
    if min(lengths.values()) < 1:
        nothing = ", ".join(key for key, value in lengths.items() if value < 1)
        raise GestureError(f"{path}: {nothing} without frames: remove the recording or download it again")
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
