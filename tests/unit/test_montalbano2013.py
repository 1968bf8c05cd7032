"""The reader of ChaLearn 2013 recordings, on small recordings made here in that form."""

import functools
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from gesture.base.errors import GestureError
from gesture.formats.montalbano2013 import class_names, modalities, read, sources
from gesture.formats.options import MontalbanoOptions
from gesture.formats.sequence import JOINTS, Sequence
from gesture.formats.synthetic.files import VideoFile

OPTIONS = MontalbanoOptions(context_frames=2)
FRAMES = 20


@functools.cache
def video(*levels: int) -> bytes:
    file = VideoFile("gray", "POINT")
    for level in levels:
        file.add(np.full((480, 640), level, np.uint8))
    return file.finish()


def structs(*elements: dict[str, Any]) -> np.ndarray:
    """A 1xN MATLAB struct array; 0x0 where there is no element, as MATLAB writes it."""
    if not elements:
        return np.zeros((0, 0), [("WorldPosition", object)])
    array = np.empty((1, len(elements)), [(name, object) for name in elements[0]])
    for place, element in enumerate(elements):
        array[0, place] = tuple(element.values())
    return array


def user(frame: int, x: float = 0.0, names: tuple[str, ...] = JOINTS) -> dict[str, Any]:
    """A user whose joint number j has x + j / 100, rotation 0.5 and pixel (300 + j, frame)."""
    order = np.array([JOINTS.index(name) for name in names])
    world = np.stack([x + order / 100, np.ones(20), np.full(20, 2.0)], 1)
    pixels = np.stack([300 + order, np.full(20, frame)], 1).astype(np.uint16)
    return {
        "WorldPosition": world,
        "WorldRotation": np.full((20, 4), 0.5),
        "JointType": np.array([[name] for name in names], object),
        "PixelPosition": pixels,
    }


def label(name: str, begin: int, end: int) -> dict[str, Any]:
    return {"Name": name, "Begin": begin, "End": end}


def write(folder: Path, name: str, labels: list | None = None, users: list | None = None, mat: bytes = b"") -> Path:
    """A recording whose colour is gray 5 * frame; by default one user and two gestures."""
    labels = [label("perfetto", 5, 8), label("sonostufo", 12, 15)] if labels is None else labels
    users = [[user(frame)] for frame in range(FRAMES)] if users is None else users
    content = io.BytesIO()
    frames = structs(*({"Skeleton": structs(*one)} for one in users))
    what = {"NumFrames": FRAMES, "FrameRate": 20, "MaxDepth": 3500, "Frames": frames, "Labels": structs(*labels)}
    savemat(content, {"Video": what}, do_compression=True)
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        archive.writestr(f"{name}_color.mp4", video(*(5 * frame for frame in range(FRAMES))))
        archive.writestr(f"{name}_depth.mp4", video(*[90] * FRAMES))
        archive.writestr(f"{name}_user.mp4", video(*[255] * FRAMES))
        archive.writestr(f"{name}_data.mat", mat or content.getvalue())
    return folder / f"{name}.zip"


def read_all(folder: Path) -> list[Sequence]:
    return [one for source in sources(folder, OPTIONS) for one in read(source, OPTIONS, 16)]


def test_gestures_are_cut_at_the_labels_of_the_mat_file(tmp_path: Path):
    write(tmp_path / "training1", "Sample00001")
    first, second = read_all(tmp_path)
    assert (first.id, first.split, first.label, first.source) == (1, "training", 2, "Sample00001")
    assert (second.id, second.label, first.max_depth_mm) == (2, 19, 3500)
    frames = np.arange(2, 10)  # label 5-8 is 4-7 from 0, two more on both sides
    rgb, depth, mask, skeleton = first.arrays.values()
    assert np.abs(rgb[:, 8, 8, 1].astype(int) - 5 * frames).max() <= 2
    assert np.abs(depth.astype(int) - 90).max() <= 2
    assert mask.all()
    assert np.array_equal(skeleton[:, 3, 8], frames)
    assert skeleton[0, 11] == pytest.approx([0.11, 1, 2, 0.5, 0.5, 0.5, 0.5, 311, 2])
    assert class_names(OPTIONS)[second.label] == "sonostufo"
    assert modalities([], OPTIONS) == ("rgb", "depth", "mask", "skeleton")


def test_joints_are_ordered_by_their_names(tmp_path: Path):
    users = [[user(frame, names=JOINTS[::-1])] for frame in range(FRAMES)]
    write(tmp_path / "training", "Sample00001", users=users)
    assert np.array_equal(read_all(tmp_path)[0].arrays["skeleton"][0, :, 7], 300 + np.arange(20))


def test_the_split_is_told_by_the_folder(tmp_path: Path):
    for number, place in enumerate(("training1/a", "Validation2", "test", "training2"), 1):
        write(tmp_path / place, f"Sample{number:05d}")
    found = [(one.name, one.split, one.ids) for one in sources(tmp_path, OPTIONS)]
    assert found == [
        ("Sample00001", "training", (1, 2)), ("Sample00002", "validation", (1, 2)), ("Sample00003", "test", (1, 2)),
        ("Sample00004", "training", (3, 4)),
    ]  # fmt: skip
    write(tmp_path / "elsewhere", "Sample00009")
    with pytest.raises(GestureError, match=r"Sample00009\.zip: must lie in a folder named training"):
        sources(tmp_path, OPTIONS)


def test_samples_that_the_organisers_exclude_are_skipped(tmp_path: Path):
    for split, number in (("training", 223), ("training", 629), ("validation", 639), ("validation", 225)):
        write(tmp_path / split, f"Sample{number:05d}")
    with pytest.warns(UserWarning, match="excluded by the organisers") as caught:
        assert [one.name for one in sources(tmp_path, OPTIONS)] == ["Sample00225", "Sample00629"]
    assert [str(one.message)[:11] for one in caught] == ["Sample00223", "Sample00639"]


def test_frames_without_a_user_become_zeros_and_are_counted(tmp_path: Path):
    users = [[] if frame in (2, 3) else [user(frame)] for frame in range(FRAMES)]
    write(tmp_path / "training", "Sample00001", users=users)
    with pytest.warns(UserWarning, match="Sample00001: 2 frames without a user"):
        skeleton = read_all(tmp_path)[0].arrays["skeleton"]
    assert [bool(frame.any()) for frame in skeleton[:4]] == [False, False, True, True]


def test_of_several_users_the_one_in_the_middle_counts(tmp_path: Path):
    empty = {name: np.zeros((0, 0)) for name in user(0)}
    users = [[user(frame, -1.2), empty, user(frame, 0.1)] for frame in range(FRAMES)]
    write(tmp_path / "training", "Sample00001", users=users)
    with pytest.warns(UserWarning, match="Sample00001: 20 frames with several users"):
        skeleton = read_all(tmp_path)[0].arrays["skeleton"]
    assert skeleton[:, 0, 0] == pytest.approx(0.1)


def test_one_label_and_no_labels_are_read_too(tmp_path: Path):
    write(tmp_path / "training", "Sample00001", labels=[label("ok", 1, 3)])
    write(tmp_path / "training", "Sample00002", labels=[])
    with pytest.warns(UserWarning, match="Sample00002: no labels"):
        (one,) = sources(tmp_path, OPTIONS)
    assert one.labels == (10,)


@pytest.mark.parametrize("wrong", [label("ciao", 1, 3), label("ok", 0, 3), label("ok", 9, 3), label("ok", [], 3)])
def test_a_label_that_cannot_be_meant_is_left_out_with_a_warning(tmp_path: Path, wrong: dict):
    write(tmp_path / "training", "Sample00001", labels=[wrong, label("basta", 5, 9)])
    with pytest.warns(UserWarning, match=f"Sample00001: label {wrong['Name']} .* left out"):
        assert [one.label for one in read_all(tmp_path)] == [12]


@pytest.mark.parametrize("mat", [b"no mat file at all", b"MATLAB 5.0".ljust(200)])
def test_a_damaged_mat_file_is_refused(tmp_path: Path, mat: bytes):
    write(tmp_path / "training", "Sample00001", mat=mat)
    with pytest.raises(GestureError, match=r"Sample00001\.zip: data\.mat: no MATLAB file"):
        sources(tmp_path, OPTIONS)


def test_a_truncated_or_changed_mat_file_never_ends_in_a_traceback(tmp_path: Path):
    with zipfile.ZipFile(write(tmp_path / "training", "Sample00001")) as archive:
        whole = archive.read("Sample00001_data.mat")
    for kept in range(0, len(whole), len(whole) // 7):
        write(tmp_path / "training", "Sample00001", mat=whole[:kept] or b"-")
        with pytest.raises(GestureError, match=r"Sample00001\.zip: data\.mat"):
            sources(tmp_path, OPTIONS)


def test_a_mat_file_without_what_is_needed_is_refused(tmp_path: Path):
    content = io.BytesIO()
    savemat(content, {"Video": {"NumFrames": 3}})
    write(tmp_path / "training", "Sample00001", mat=content.getvalue())
    with pytest.raises(GestureError, match="a struct has no field Labels"):
        sources(tmp_path, OPTIONS)
