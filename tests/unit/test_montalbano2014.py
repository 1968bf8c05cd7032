"""The reader of ChaLearn 2014 recordings, on small recordings made here."""

import functools
import io
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest

from gesture.base.errors import GestureError
from gesture.formats.chalearn import CLASS_NAMES
from gesture.formats.montalbano2014 import class_names, modalities, read, sources
from gesture.formats.sequence import Sequence
from gesture.formats.synthetic.files import VideoFile


@dataclass
class Options:
    context_frames: int = 5


@dataclass
class Recipe:
    """What to write into a small recording; 30 frames unless a test says otherwise."""

    name: str = "Sample0001"
    labels: str | None = "3,11,15\n20,21,25\n"
    frames: dict[str, int] = field(default_factory=dict)
    mask: int = 255
    joint: float = 1.0
    skeleton: str | None = None
    leave_out: str = ""


def write(folder: Path, recipe: Recipe) -> Path:
    """A recording whose colour is gray 5 * frame, depth 200 - 5 * frame, joints all equal to frame + 1."""
    count = {"color": 30, "depth": 30, "user": 30, "skeleton": 30, "data": 30} | recipe.frames
    rows = "".join(",".join([f"{recipe.joint * (frame + 1):g}"] * 180) + "\n" for frame in range(count["skeleton"]))
    members: dict[str, bytes] = {
        "color.mp4": video(*(5 * frame for frame in range(count["color"]))),
        "depth.mp4": video(*(200 - 5 * frame for frame in range(count["depth"]))),
        "user.mp4": video(*[recipe.mask] * count["user"]),
        "data.csv": f"{count['data']},20,3500\n".encode(),
        "skeleton.csv": (rows if recipe.skeleton is None else recipe.skeleton).encode(),
    }
    if recipe.labels is not None:
        members["labels.csv"] = recipe.labels.encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{recipe.name}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            if member != recipe.leave_out:
                archive.writestr(f"{recipe.name}_{member}", content)
    return path


@functools.cache
def video(*levels: int) -> bytes:
    file = VideoFile("gray", "POINT")
    for level in levels:
        file.add(np.full((480, 640), level, np.uint8))
    return file.finish()


def read_all(folder: Path, context: int = 5, size: int = 80) -> list[Sequence]:
    options = Options(context)
    return [one for source in sources(folder, options) for one in read(source, options, size)]


# ---- Sound recordings ------------------------------------------------------------------------------------------------


def test_a_gesture_is_cut_with_its_context_and_all_modalities_agree_on_the_frames(tmp_path: Path):
    write(tmp_path, Recipe())
    first, second = read_all(tmp_path)
    rgb, depth, mask, skeleton = first.arrays.values()
    assert (first.id, first.split, first.label, first.source) == (1, "training", 2, "Sample0001")
    assert (second.id, second.label) == (2, 19)
    assert first.length == 5 + 2 * 5
    frames = np.arange(5, 20)  # label 11-15 is 10-14 from 0, five more on both sides
    assert np.abs(rgb[:, 40, 40, 1].astype(int) - 5 * frames).max() <= 2
    assert np.abs(depth[:, 40, 40, 0].astype(int) - (200 - 5 * frames)).max() <= 2
    assert np.array_equal(skeleton[:, 7, 4], frames + 1)
    assert mask.all()
    assert first.max_depth_mm == 3500


def test_context_is_cut_at_the_ends_of_the_recording(tmp_path: Path):
    write(tmp_path, Recipe(labels="1,2,4\n2,20,30\n"))
    first, second = read_all(tmp_path, context=15)
    assert first.length == 4 + 15
    assert second.length == 4 + 15 - 4 + 11
    assert second.arrays["skeleton"][-1, 0, 0] == 30


def test_overlapping_and_unsorted_labels_keep_the_ids_of_their_rows(tmp_path: Path):
    write(tmp_path, Recipe(labels="9,20,24\n4,2,6\n5,4,8\n"))
    found = {one.id: (one.label, one.arrays["skeleton"][0, 0, 0]) for one in read_all(tmp_path, context=2)}
    assert found == {1: (8, 18.0), 2: (3, 1.0), 3: (4, 2.0)}


def test_images_are_the_crop_scaled_to_the_size_asked_for(tmp_path: Path):
    picture = np.zeros((480, 640), np.uint8)
    picture[10:330, 140:460] = 100
    picture[10:90, 140:220] = 250
    file = VideoFile("gray", "POINT")
    for _ in range(30):
        file.add(picture)
    path = write(tmp_path, Recipe(leave_out="depth.mp4"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("Sample0001_depth.mp4", file.finish())
    depth = read_all(tmp_path, size=40)[0].arrays["depth"]
    assert depth.shape[1:] == (40, 40, 1)
    assert np.abs(depth[0, 1:9, 1:9, 0].astype(int) - 250).max() <= 2
    assert np.abs(depth[0, 11:39, 11:39, 0].astype(int) - 100).max() <= 2
    assert depth[0, [0, -1, 0, -1], [-1, -1, 20, 0], 0].min() >= 95


def test_depth_is_expanded_as_the_official_tools_do_and_is_not_the_raw_luma(tmp_path: Path):
    ramp = np.tile(np.repeat(np.arange(0, 255, 8, dtype=np.uint8), 10), (480, 2))
    file = VideoFile("gray", "POINT")
    for _ in range(30):
        file.add(ramp)
    content = file.finish()
    path = write(tmp_path, Recipe(leave_out="depth.mp4"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("Sample0001_depth.mp4", content)
    depth = read_all(tmp_path, size=320)[0].arrays["depth"]
    with av.open(io.BytesIO(content), "r") as container:
        frame = list(container.decode(video=0))[5]
        official = frame.to_ndarray(format="bgr24")[10:330, 140:460].astype(int)
        luma = frame.to_ndarray(format="yuv420p")[10:330, 140:460].astype(int)
    ours = depth[0, :, :, 0].astype(int)
    assert np.abs(ours - official.mean(axis=-1)).max() <= 1
    assert np.abs(ours - ramp[10:330, 140:460]).max() <= 2
    assert np.abs(ours - luma).max() >= 12


def test_scaled_depth_is_the_mean_of_the_official_millimetres(tmp_path: Path):
    """Official: mean of a BGR frame's channels / 255 * maxDepth. One gray level off, and half for rounding means."""
    ramp = np.clip(np.add.outer(np.arange(480) / 8, np.arange(640) / 3.2), 0, 255).astype(np.uint8)
    file = VideoFile("gray", "POINT")
    for _ in range(30):
        file.add(ramp)
    content = file.finish()
    path = write(tmp_path, Recipe(leave_out="depth.mp4"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("Sample0001_depth.mp4", content)
    (first, _) = read_all(tmp_path, size=80)
    with av.open(io.BytesIO(content), "r") as container:
        frame = list(container.decode(video=0))[5].to_ndarray(format="bgr24")[10:330, 140:460]
    official = (frame.mean(axis=-1) / 255 * 3500).reshape(80, 4, 80, 4).mean(axis=(1, 3))
    millimetres = first.arrays["depth"][0, :, :, 0] / 255 * first.max_depth_mm
    assert np.abs(millimetres - official).max() <= 1.5 * 3500 / 255
    assert np.ptp(official) > 1500


def test_splits_follow_the_sample_numbers_and_ids_count_within_a_split(tmp_path: Path):
    for name in ("Sample0470", "Sample0471", "Sample0701", "Sample0700", "Sample0002"):
        write(tmp_path / "unpacked", Recipe(name))
    (tmp_path / "subjects.csv").write_text("sample,subject\nSample0470,Ada\n")
    found = {one.name: one for one in sources(tmp_path, Options())}
    assert list(found) == ["Sample0002", "Sample0470", "Sample0471", "Sample0700", "Sample0701"]
    assert [one.split for one in found.values()] == ["training", "training", "validation", "validation", "test"]
    assert [one.ids for one in found.values()] == [(1, 2), (3, 4), (1, 2), (3, 4), (1, 2)]
    assert found["Sample0470"].labels == (2, 19)
    assert (found["Sample0470"].subject, found["Sample0471"].subject) == ("Ada", None)


def test_there_are_twenty_class_names():
    assert len(set(CLASS_NAMES)) == 20
    assert class_names(Options())[0] == "vattene"
    assert modalities([], Options()) == ("rgb", "depth", "mask", "skeleton")


# ---- Faults of the genuine data are survived -------------------------------------------------------------------------


@pytest.mark.parametrize("member", ["color", "depth", "user", "skeleton", "data"])
def test_the_least_length_counts_where_the_members_disagree(tmp_path: Path, member: str):
    write(tmp_path, Recipe(frames={member: 24}))
    with pytest.warns(UserWarning, match="Sample0001") as caught:
        first, second = read_all(tmp_path)
    assert (first.length, second.length) == (15, 24 - 15)
    texts = [str(one.message) for one in caught]
    assert any("lengths disagree" in text and "24" in text for text in texts)
    assert any("gesture 2 ends at frame 25 of 24" in text for text in texts)


def test_a_gesture_beyond_the_last_frame_is_left_out(tmp_path: Path):
    write(tmp_path, Recipe(labels="3,11,15\n4,40,50\n"))
    with pytest.warns(UserWarning, match="Sample0001: gesture 2 ends at frame 50 of 30"):
        found = read_all(tmp_path)
    assert [one.id for one in found] == [1]


def test_an_empty_mask_is_named(tmp_path: Path):
    write(tmp_path, Recipe(mask=0, labels="3,11,15\n"))
    with pytest.warns(UserWarning, match="Sample0001: gesture 1 .* mask is empty"):
        (one,) = read_all(tmp_path)
    assert not one.arrays["mask"].any()


def test_a_zero_skeleton_is_named(tmp_path: Path):
    write(tmp_path, Recipe(joint=0, labels="3,11,15\n"))
    with pytest.warns(UserWarning, match="Sample0001: gesture 1 .* skeleton is all zero"):
        (one,) = read_all(tmp_path)
    assert not one.arrays["skeleton"].any()


def test_joints_that_are_no_numbers_become_unseen_ones(tmp_path: Path):
    broken = ["1"] * 180
    broken[9] = "nan"
    write(tmp_path, Recipe(labels="3,11,15\n", skeleton=",".join(broken) + "\n" + (",".join(["1"] * 180) + "\n") * 29))
    with pytest.warns(UserWarning, match="Sample0001: 1 joints are not finite"):
        (one,) = read_all(tmp_path, context=30)
    assert not one.arrays["skeleton"][0, 1].any()
    assert one.arrays["skeleton"].sum() == 29 * 180 + 19 * 9


def test_hidden_files_that_macs_leave_in_a_zip_are_overlooked(tmp_path: Path):
    path = write(tmp_path, Recipe(labels="3,11,15\n"))
    with zipfile.ZipFile(path, "a") as archive:
        for member in ("color.mp4", "data.csv", "labels.csv"):
            archive.writestr(f"__MACOSX/._Sample0001_{member}", b"neither")
    assert [one.id for one in read_all(tmp_path)] == [1]


@pytest.mark.parametrize("labels", [None, ""])
def test_recordings_without_labels_give_no_sequences(tmp_path: Path, labels: str | None):
    write(tmp_path, Recipe("Sample0701", labels=labels))
    write(tmp_path, Recipe("Sample0702", labels=labels))
    write(tmp_path, Recipe())
    with pytest.warns(UserWarning, match="Sample0701 and 1 more: no labels"):
        assert [one.name for one in sources(tmp_path, Options())] == ["Sample0001"]


def test_the_two_recordings_that_are_known_to_be_bad_are_skipped(tmp_path: Path):
    write(tmp_path, Recipe())
    (tmp_path / "Sample0539.zip").write_bytes(b"not a zip at all")
    with pytest.warns(UserWarning, match="Sample0539: known to be damaged"):
        assert [one.name for one in sources(tmp_path, Options())] == ["Sample0001"]


# ---- Mistakes are refused in one line --------------------------------------------------------------------------------


def test_a_missing_or_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(GestureError, match="no such folder"):
        sources(tmp_path / "nowhere", Options())
    with pytest.raises(GestureError, match=r"no SampleXXXX\.zip"):
        sources(tmp_path, Options())


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99])
def test_a_truncated_zip_is_refused_before_anything_is_read(tmp_path: Path, kept: float):
    path = write(tmp_path, Recipe("Sample0002"))
    write(tmp_path, Recipe())
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(GestureError, match=r"Sample0002\.zip: not a readable zip") as error:
        sources(tmp_path, Options())
    assert "\n" not in str(error.value)


def test_damaged_bytes_inside_a_zip_are_refused_when_read(tmp_path: Path):
    path = write(tmp_path, Recipe())
    content = bytearray(path.read_bytes())
    content[1000] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(GestureError, match=r"Sample0001\.zip: Sample0001_color\.mp4 is damaged"):
        read_all(tmp_path)


def test_a_file_that_is_no_video_is_refused(tmp_path: Path):
    path = write(tmp_path, Recipe(leave_out="depth.mp4"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("Sample0001_depth.mp4", b"neither")
    with pytest.raises(GestureError, match=r"Sample0001_depth\.mp4: not a readable video"):
        read_all(tmp_path)


def test_a_recording_without_a_depth_range_is_refused(tmp_path: Path):
    path = write(tmp_path, Recipe(leave_out="data.csv"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("Sample0001_data.csv", b"30,20,0")
    with pytest.raises(GestureError, match=r"Sample0001\.zip: its maxDepth is 0 mm, expected a depth of at least 1 mm"):
        read_all(tmp_path)


def test_a_missing_member_is_refused(tmp_path: Path):
    write(tmp_path, Recipe(leave_out="user.mp4"))
    with pytest.raises(GestureError, match=r"has no Sample0001_user\.mp4"):
        sources(tmp_path, Options())


@pytest.mark.parametrize("labels", ["21,1,5\n", "0,1,5\n", "1,9,5\n", "1,0,5\n", "1,2\n", "one,2,3\n", "\u20ac,2,3\n"])
def test_a_wrong_label_names_its_file_and_line(tmp_path: Path, labels: str):
    write(tmp_path, Recipe(labels="3,11,15\n" + labels))
    with pytest.raises(GestureError, match=r"Sample0001_labels\.csv line 2"):
        sources(tmp_path, Options())


def test_a_skeleton_with_a_wrong_number_of_columns_is_refused(tmp_path: Path):
    write(tmp_path, Recipe(skeleton="1,2,3\n" * 30))
    with pytest.raises(GestureError, match=r"skeleton\.csv: expected 180 numbers a frame"):
        read_all(tmp_path)


def test_sample_numbers_outside_the_challenge_are_refused(tmp_path: Path):
    write(tmp_path, Recipe("Sample0941"))
    with pytest.raises(GestureError, match="1 to 940"):
        sources(tmp_path, Options())


def test_the_same_sample_twice_is_refused(tmp_path: Path):
    path = write(tmp_path / "a", Recipe())
    (tmp_path / "b").mkdir()
    shutil.copy(path, tmp_path / "b")
    with pytest.raises(GestureError, match="remove one of the two"):
        sources(tmp_path, Options())


def test_a_wrong_subjects_file_is_refused(tmp_path: Path):
    write(tmp_path, Recipe())
    (tmp_path / "subjects.csv").write_text("sample;subject\nSample0001;Ada\n")
    with pytest.raises(GestureError, match="expected a header sample,subject"):
        sources(tmp_path, Options())
