"""UTD-MHAD as its authors publish it: ``aA_sS_tT_skeleton.mat``, ``_depth.mat`` and ``_color.avi``, a file a recording.

Odd subjects are the training split, even ones the test split, as in the paper (Chen, Jafari, Kehtarnavaz 2015).
Kinect's pictures and X axis are those of a mirror; here they are turned round, so that the subject's right is left in
the image and X < 0, as everywhere else.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from gesture.base.errors import GestureError
from gesture.formats.images import gray_depth, resize
from gesture.formats.matlab import load
from gesture.formats.options import UtdMhadOptions
from gesture.formats.sequence import Sequence
from gesture.formats.source import Source

CLASS_NAMES = (
    "swipe left", "swipe right", "wave", "clap", "throw", "arm cross", "basketball shoot", "draw x",
    "draw circle clockwise", "draw circle counter-clockwise", "draw triangle", "bowling", "boxing", "baseball swing",
    "tennis swing", "arm curl", "tennis serve", "push", "knock", "catch", "pick up and throw", "jog", "walk",
    "sit to stand", "stand to sit", "lunge", "squat",
)  # fmt: skip
SUBJECTS, TRIALS = 8, 4
_DEPTH, _COLOUR = "_depth.mat", "_color.avi"
# Theirs begins with Head, ShoulderCenter, Spine, HipCenter; the limbs come in our order.
_JOINTS = [3, 2, 1, 0, *range(4, 20)]
# Focal lengths of Kinect 1 [px of 320x240 and of 640x480], as in Microsoft's NuiImageCamera.h.
_DEPTH_FOCAL, _COLOUR_FOCAL = 285.63, 531.15
_MARGIN = 1.2  # side of the crop / extent of the joints: hands, hair and feet reach beyond them
_WIDEST = 10.0  # side / distance: far beyond what a camera sees
_BODY_MM = 300  # how far the body reaches beyond the nearest and the farthest joint [mm]


def class_names(options: UtdMhadOptions) -> list[str]:
    """Names of the classes in label order."""
    return list(CLASS_NAMES)


def sources(folder: Path, options: UtdMhadOptions) -> list[Source]:
    """All recordings below the folder by action, subject and trial, which the id counts within a split.

    Raises:
        GestureError: no such folder, no recordings, or a name that is none of this data set.
    """
    if not folder.is_dir():
        raise GestureError(f"data.folder: {folder}: no such folder; expected files named a1_s1_t1_skeleton.mat")
    found: dict[tuple[int, int, int], Source] = {}
    for path in sorted(folder.rglob("a*_s*_t*_skeleton.mat")):
        name = path.name.removesuffix("_skeleton.mat")
        match = re.fullmatch(r"a(\d+)_s(\d+)_t(\d+)", name)
        action, subject, trial = (int(one) for one in match.groups()) if match else (0, 0, 0)
        if not (1 <= action <= len(CLASS_NAMES) and 1 <= subject <= SUBJECTS and 1 <= trial <= TRIALS):
            raise GestureError(f"{path}: expected an action of 1-{len(CLASS_NAMES)}, subject 1-8, trial 1-4")
        if (action, subject, trial) in found:
            raise GestureError(f"{path}: {name} is also at {found[action, subject, trial].path}: remove one of the two")
        number = ((action - 1) * SUBJECTS // 2 + (subject - 1) // 2) * TRIALS + trial
        split = "training" if subject % 2 else "test"
        found[action, subject, trial] = Source(
            name, path, split, (number,), (action - 1,), f"s{subject}", _further(path, name)
        )
    if not found:
        raise GestureError(f"{folder}: no files named a1_s1_t1_skeleton.mat in it or below it")
    return [found[key] for key in sorted(found)]


def modalities(sources: list[Source], options: UtdMhadOptions) -> tuple[str, ...]:
    """The skeleton, and what else every recording has files for; those that lack what others have are named."""
    everywhere: tuple[str, ...] = ("skeleton",)
    for ending, names in ((_DEPTH, ("depth", "mask")), (_COLOUR, ("rgb",))):
        without = [one.name for one in sources if _file(one, ending) is None]
        if not without:
            everywhere = (*names, *everywhere)
        elif len(without) < len(sources):
            more = f" and {len(without) - 1} more" if len(without) > 1 else ""
            warnings.warn(f"{without[0]}{more}: no {ending}, so the data counts as without {names[0]}", stacklevel=2)
    return everywhere


def read(source: Source, options: UtdMhadOptions, size: int) -> Iterator[Sequence]:
    """The one sequence of a recording, cut to the square around the person and scaled to `(size, size)`.

    The square holds the joints of all frames. Skeleton pixels are such that it is columns 140:460 and rows 10:330 of
    640x480, as in the other data sets. The mask is where the depth lies within 0.3 m of the range of the joints: raw
    depth may show the room. Where the files disagree about the number of frames, the least counts.

    Raises:
        GestureError: a file is damaged, or an array has another shape than published.
    """
    skeleton = _skeleton(source.path)
    square = _Square.around(skeleton, source)
    images: dict[str, np.ndarray] = {}
    if depth_path := _file(source, _DEPTH):
        images["depth"] = square.cut(_depth(depth_path), _DEPTH_FOCAL)
    if colour_path := _file(source, _COLOUR):
        images["rgb"] = _colour(colour_path, square, size)
    frames = _agreed_length(source, {"skeleton": skeleton, **images})
    skeleton = skeleton[:frames]
    arrays: dict[str, Any] = {}
    if "rgb" in images:
        arrays["rgb"] = images["rgb"][:frames]
    if "depth" in images:
        depth = images["depth"][:frames]
        arrays["depth"] = resize(gray_depth(depth, options.max_depth_mm), size, blend=False)
        arrays["mask"] = resize(_person(depth, skeleton).astype(np.uint8), size, blend=False) > 0
        arrays["max_depth_mm"] = options.max_depth_mm
    yield Sequence(
        id=source.ids[0],
        split=source.split,
        label=source.labels[0],
        subject=source.subject,
        source=source.name,
        skeleton=square.with_pixels(skeleton),
        **arrays,
    )


def _agreed_length(source: Source, arrays: dict[str, np.ndarray]) -> int:
    """The least of what the files say."""
    lengths = {name: len(array) for name, array in arrays.items()}
    said = ", ".join(f"{key} {value}" for key, value in lengths.items())
    if not min(lengths.values()):
        raise GestureError(f"{source.path}: a file without frames ({said}): remove the recording or download it again")
    if len(set(lengths.values())) > 1:
        warnings.warn(f"{source.name}: lengths disagree, the least is taken ({said} frames)", stacklevel=3)
    return min(lengths.values())


# ---- Files -----------------------------------------------------------------------------------------------------------


def _further(path: Path, name: str) -> tuple[Path, ...]:
    """The depth and colour of a recording, as far as there: beside the skeleton, or in the archives' own folders."""
    found = []
    for ending, folder in ((_DEPTH, "Depth"), (_COLOUR, "RGB")):
        places = (path.with_name(name + ending), path.parent.parent / folder / (name + ending))
        found += [one for one in places if one.is_file()][:1]
    return tuple(found)


def _file(source: Source, ending: str) -> Path | None:
    return next((one for one in source.further if one.name.endswith(ending)), None)


def _load(path: Path, name: str, shape: tuple[int, int]) -> np.ndarray:
    """`(T, *shape)`: the files count frames last."""
    try:
        array = load(path.read_bytes(), str(path), name)
    except OSError as error:
        raise GestureError(f"{path}: cannot be read ({error})") from error
    array = np.asarray(array)
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[:2] != shape:
        raise GestureError(f"{path}: {name} has shape {array.shape}, expected {(*shape, 'T')}")
    return np.moveaxis(array, -1, 0)


def _skeleton(path: Path) -> np.ndarray:
    """`(T, 20, 3)` float32 in metres, our joints, X turned round."""
    with np.errstate(over="ignore"):
        world = _load(path, "d_skel", (20, 3))[:, _JOINTS].astype(np.float32)
    if not np.isfinite(world).all():
        raise GestureError(f"{path}: d_skel has values that are not finite")
    return world * np.array([-1, 1, 1], np.float32)


def _depth(path: Path) -> np.ndarray:
    """`(T, 240, 320, 1)` uint16 in mm, turned round."""
    depth = _load(path, "d_depth", (240, 320))
    if not ((depth >= 0) & (depth <= np.iinfo(np.uint16).max)).all():  # NaN is neither
        raise GestureError(f"{path}: d_depth has values that are no millimetres of 0 to 65535")
    return depth.astype(np.uint16)[:, :, ::-1, None]


def _colour(path: Path, square: "_Square", size: int) -> np.ndarray:
    """The square of each image, turned round and scaled: `(T, size, size, 3)` uint8; one whole image is held."""
    frames = []
    try:
        with av.open(str(path), "r") as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1  # one process a recording: threads would only fight
            for frame in container.decode(stream):
                image = frame.to_ndarray(format="rgb24")
                if image.shape != (480, 640, 3):
                    raise GestureError(f"{path}: expected a video of 640x480, got {frame.width}x{frame.height}")
                frames.append(resize(square.cut(image[None, :, ::-1], _COLOUR_FOCAL), size, blend=True))
    except (av.FFmpegError, IndexError, ValueError, AttributeError) as error:
        raise GestureError(f"{path}: not a readable video ({error})") from error
    return np.concatenate(frames) if frames else np.zeros((0, size, size, 3), np.uint8)


# ---- The person in the picture ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Square:
    """Where the person is, in units that fit both cameras: X/Z to the right and -Y/Z downwards."""

    left: float
    top: float
    side: float

    @classmethod
    def around(cls, skeleton: np.ndarray, source: Source) -> "_Square":
        """The square with a margin around all joints of all frames."""
        seen = skeleton[skeleton[..., 2] > 0]
        if not len(seen):
            raise GestureError(f"{source.path}: no frame has a joint in front of the camera")
        points = seen[:, :2] / seen[:, 2:] * (1, -1)
        low, high = points.min(axis=0), points.max(axis=0)
        side = _MARGIN * max(float((high - low).max()), 0.1)
        if side > _WIDEST:
            raise GestureError(f"{source.path}: joints lie {side:.3g} times their distance apart: the file is damaged")
        left, top = (low + high - side) / 2
        return cls(float(left), float(top), side)

    def cut(self, images: np.ndarray, focal: float) -> np.ndarray:
        """The square from `(T, H, W, C)`; zeros where it reaches beyond the image."""
        height, width = images.shape[1:3]
        left, top = round(width / 2 + focal * self.left), round(height / 2 + focal * self.top)
        side = max(1, round(focal * self.side))
        result = np.zeros((len(images), side, side, images.shape[3]), images.dtype)
        rows = slice(max(top, 0), max(min(top + side, height), 0))
        columns = slice(max(left, 0), max(min(left + side, width), 0))
        inside = images[:, rows, columns]
        row, column = rows.start - top, columns.start - left
        result[:, row : row + inside.shape[1], column : column + inside.shape[2]] = inside
        return result

    def with_pixels(self, world: np.ndarray) -> np.ndarray:
        """`(T, 20, 9)` as in `Sequence`: the square is columns 140:460 and rows 10:330; no orientation is known."""
        full = np.zeros((*world.shape[:2], 9), np.float32)
        full[..., :3] = world
        distance = world[..., 2:]
        points = world[..., :2] / np.where(distance > 0, distance, 1) * (1, -1)
        pixels = (140, 10) + 320 * (points - (self.left, self.top)) / self.side
        full[..., 7:] = np.where(distance > 0, pixels, 0)
        return full


def _person(depth: np.ndarray, skeleton: np.ndarray) -> np.ndarray:
    """Where `(T, H, W, 1)` depth in mm is as far away as the body; bool."""
    distance = skeleton[..., 2] * 1000
    near = np.where(distance > 0, distance, np.inf).min(axis=1) - _BODY_MM
    far = distance.max(axis=1) + _BODY_MM
    return (depth > 0) & (depth >= near[:, None, None, None]) & (depth <= far[:, None, None, None])
