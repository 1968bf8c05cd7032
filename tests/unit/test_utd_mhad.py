"""The reader of UTD-MHAD, on files written here in the published form."""

import os
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.io import savemat

from gesture.base.errors import GestureError
from gesture.formats import utd_mhad
from gesture.formats.options import UtdMhadOptions
from gesture.formats.sequence import JOINTS, Sequence

OPTIONS = UtdMhadOptions()
FRAMES = 6
# A person 3 m away, seen as in a mirror: the right hand is raised at X > 0. World [m] by joint.
BODY = {
    "Head": (0, 0.6), "ShoulderCenter": (0, 0.4), "Spine": (0, 0.1), "HipCenter": (0, 0),
    "ShoulderLeft": (-0.2, 0.35), "ElbowLeft": (-0.25, 0.1), "WristLeft": (-0.3, -0.1), "HandLeft": (-0.3, -0.2),
    "ShoulderRight": (0.2, 0.35), "ElbowRight": (0.4, 0.35), "WristRight": (0.6, 0.4), "HandRight": (0.7, 0.4),
    "HipLeft": (-0.1, -0.1), "KneeLeft": (-0.1, -0.5), "AnkleLeft": (-0.1, -0.9), "FootLeft": (-0.1, -1.0),
    "HipRight": (0.1, -0.1), "KneeRight": (0.1, -0.5), "AnkleRight": (0.1, -0.9), "FootRight": (0.1, -1.0),
}  # fmt: skip
DISTANCE = 3.0


def skeleton(frames: int = FRAMES) -> np.ndarray:
    """`d_skel`, in the order of the data set's description; the head rises 1 cm a frame."""
    joints = np.array([(x, y, DISTANCE) for x, y in BODY.values()])
    array = np.repeat(joints[..., None], frames, 2)
    array[0, 1] += np.arange(frames) / 100
    return array


def spots(height: int, width: int, focal: float, radius: int) -> np.ndarray:
    """`(height, width)`: True around every joint, as the camera shows it."""
    picture = np.zeros((height, width), bool)
    for x, y in BODY.values():
        column, row = round(width / 2 + focal * x / DISTANCE), round(height / 2 - focal * y / DISTANCE)
        picture[row - radius : row + radius + 1, column - radius : column + radius + 1] = True
    return picture


def depth(frames: int = FRAMES, wall: int = 0) -> np.ndarray:
    """`d_depth`: the person's joints as squares, and a wall behind them if asked for."""
    picture = np.where(spots(240, 320, 285.63, 5), 1000 * DISTANCE, wall).astype(np.uint16)
    return np.repeat(picture[..., None], frames, 2)


def write_colour(path: Path, frames: int = FRAMES) -> None:
    """A video that is red around the joints and green elsewhere."""
    person = spots(480, 640, 531.15, 10)[..., None]
    picture = np.where(person, (200, 30, 30), (30, 120, 30)).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=15)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        stream.codec_context.bit_rate = 8_000_000
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def write(folder: Path, name: str = "a1_s1_t1", wall: int = 0, with_colour: bool = True, **frames: int) -> Path:
    """One recording in the three folders of the published archives."""
    for part in ("Skeleton", "Depth", "RGB"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    savemat(folder / f"Skeleton/{name}_skeleton.mat", {"d_skel": skeleton(frames.get("skeleton", FRAMES))})
    savemat(folder / f"Depth/{name}_depth.mat", {"d_depth": depth(frames.get("depth", FRAMES), wall)})
    if with_colour:
        write_colour(folder / f"RGB/{name}_color.avi", frames.get("colour", FRAMES))
    return folder


def read_all(folder: Path, size: int = 80) -> list[Sequence]:
    return [one for source in utd_mhad.sources(folder, OPTIONS) for one in utd_mhad.read(source, OPTIONS, size)]


def at_joints(images: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """The first image's values where the first skeleton's pixels fall in the crop."""
    size = images.shape[1]
    columns = np.floor((joints[0, :, 7] - 140) * size / 320).astype(int)
    rows = np.floor((joints[0, :, 8] - 10) * size / 320).astype(int)
    return images[0, rows, columns]


def test_skeleton_depth_mask_and_colour_lie_over_each_other(tmp_path: Path):
    (one,) = read_all(write(tmp_path))
    rgb, gray, mask, joints = one.arrays.values()
    assert (one.id, one.split, one.label, one.subject, one.source) == (1, "training", 0, "s1", "a1_s1_t1")
    assert at_joints(mask, joints).all()
    assert (at_joints(gray, joints) == round(3000 / 4095 * 255)).all()
    colours = at_joints(rgb, joints).astype(int)
    assert (colours[:, 0] > colours[:, 1] + 60).all()
    assert np.array_equal(mask, gray > 0)
    assert 0.05 < mask.mean() < 0.5
    assert rgb[:, 5, 5, 1].min() > 80


def test_joints_come_in_our_order_with_the_right_hand_at_negative_x_and_left_in_the_image(tmp_path: Path):
    (one,) = read_all(write(tmp_path))
    joints = one.arrays["skeleton"][0]
    expected = [(-BODY[name][0], BODY[name][1], DISTANCE) for name in JOINTS]
    assert joints[:, :3] == pytest.approx(np.array(expected), abs=1e-6)
    assert not joints[:, 3:7].any()
    right, left = (joints[JOINTS.index(name)] for name in ("HandRight", "HandLeft"))
    assert right[7] < 300 < left[7]
    assert joints[:, 7:].min() > 10
    assert one.arrays["skeleton"][-1, 3, 1] == pytest.approx(0.65)


def test_a_room_behind_the_person_is_not_in_the_mask(tmp_path: Path):
    (alone,) = read_all(write(tmp_path / "alone", with_colour=False))
    (room,) = read_all(write(tmp_path / "room", wall=3600, with_colour=False))
    assert np.array_equal(room.arrays["mask"], alone.arrays["mask"])
    assert room.arrays["depth"][0, 2, 2, 0] == round(3600 / 4095 * 255)


def test_a_person_at_the_edge_is_shown_in_an_image_that_goes_on_with_zeros(tmp_path: Path):
    folder = write(tmp_path)
    world = skeleton()
    world[:, 0] -= 1.4
    savemat(folder / "Skeleton/a1_s1_t1_skeleton.mat", {"d_skel": world})
    (one,) = read_all(folder)
    assert one.arrays["rgb"].shape == (FRAMES, 80, 80, 3)
    assert not one.arrays["rgb"][:, :, -10:].any()
    assert one.arrays["rgb"][:, :, 2].any()


def test_subjects_make_the_split_and_names_make_the_ids(tmp_path: Path):
    for name in ("a27_s8_t4", "a1_s2_t1", "a2_s1_t1", "a1_s3_t2", "a1_s1_t4", "a10_s7_t1"):
        write(tmp_path, name, with_colour=False)
    found = [(one.name, one.split, one.ids, one.labels) for one in utd_mhad.sources(tmp_path, OPTIONS)]
    assert found == [
        ("a1_s1_t4", "training", (4,), (0,)), ("a1_s2_t1", "test", (1,), (0,)), ("a1_s3_t2", "training", (6,), (0,)),
        ("a2_s1_t1", "training", (17,), (1,)), ("a10_s7_t1", "training", (157,), (9,)),
        ("a27_s8_t4", "test", (432,), (26,)),
    ]  # fmt: skip
    assert len(set(utd_mhad.class_names(OPTIONS))) == 27


def test_colour_and_depth_may_be_missing(tmp_path: Path):
    write(tmp_path, with_colour=False)
    sources = utd_mhad.sources(tmp_path, OPTIONS)
    assert utd_mhad.modalities(sources, OPTIONS) == ("depth", "mask", "skeleton")
    assert list(read_all(tmp_path)[0].arrays) == ["depth", "mask", "skeleton"]
    (tmp_path / "Depth/a1_s1_t1_depth.mat").unlink()
    assert utd_mhad.modalities(utd_mhad.sources(tmp_path, OPTIONS), OPTIONS) == ("skeleton",)
    assert list(read_all(tmp_path)[0].arrays) == ["skeleton"]


def test_a_recording_that_lacks_what_the_others_have_is_named(tmp_path: Path):
    for trial in range(1, 4):
        write(tmp_path, f"a1_s1_t{trial}", with_colour=trial == 1)
    with pytest.warns(UserWarning, match=r"a1_s1_t2 and 1 more: no _color\.avi, so the data counts as without rgb"):
        found = utd_mhad.modalities(utd_mhad.sources(tmp_path, OPTIONS), OPTIONS)
    assert found == ("depth", "mask", "skeleton")


@pytest.mark.parametrize("path", ["Skeleton/{}_skeleton.mat", "Depth/{}_depth.mat", "RGB/{}_color.avi"])
def test_each_file_of_a_recording_is_part_of_its_fingerprint(tmp_path: Path, path: str):
    path = path.format("a1_s1_t1")
    write(tmp_path)
    fingerprints = [one.fingerprint for one in utd_mhad.sources(tmp_path, OPTIONS)]
    assert [one.fingerprint for one in utd_mhad.sources(tmp_path, OPTIONS)] == fingerprints
    changed = (tmp_path / path).stat()
    os.utime(tmp_path / path, ns=(changed.st_atime_ns, changed.st_mtime_ns + 1))
    assert [one.fingerprint for one in utd_mhad.sources(tmp_path, OPTIONS)] != fingerprints


def test_all_files_may_lie_in_one_folder(tmp_path: Path):
    write(tmp_path / "parts")
    for path in list((tmp_path / "parts").glob("*/*")):
        path.rename(tmp_path / path.name)
    assert utd_mhad.modalities(utd_mhad.sources(tmp_path, OPTIONS), OPTIONS) == ("rgb", "depth", "mask", "skeleton")
    assert read_all(tmp_path)[0].length == FRAMES


@pytest.mark.parametrize("part", ["skeleton", "depth", "colour"])
def test_the_least_length_counts_where_the_files_disagree(tmp_path: Path, part: str):
    write(tmp_path, **{part: 4})
    with pytest.warns(UserWarning, match="a1_s1_t1: lengths disagree"):
        assert read_all(tmp_path)[0].length == 4


def test_one_frame_is_enough(tmp_path: Path):
    assert read_all(write(tmp_path, skeleton=1, depth=1, colour=1))[0].length == 1


@pytest.mark.parametrize("name", ["a28_s1_t1", "a1_s9_t1", "a1_s1_t5", "a1_s1_tx"])
def test_a_name_of_another_data_set_is_refused(tmp_path: Path, name: str):
    write(tmp_path, name, with_colour=False)
    with pytest.raises(GestureError, match=rf"{name}_skeleton\.mat: expected an action of 1-27"):
        utd_mhad.sources(tmp_path, OPTIONS)


def test_a_video_without_a_single_frame_is_refused(tmp_path: Path):
    write(tmp_path)
    path = tmp_path / "RGB/a1_s1_t1_color.avi"
    path.write_bytes(path.read_bytes()[: path.read_bytes().index(b"movi") + 4])
    with pytest.raises(GestureError, match=r"a1_s1_t1.*a file without frames \(skeleton 6, depth 6, rgb 0\)"):
        read_all(tmp_path)


def test_a_video_of_another_size_is_refused(tmp_path: Path):
    write(tmp_path)
    with av.open(str(tmp_path / "RGB/a1_s1_t1_color.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=15)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((240, 320, 3), np.uint8))))
        container.mux(stream.encode(None))
    with pytest.raises(GestureError, match="expected a video of 640x480, got 320x240"):
        read_all(tmp_path)


def test_folders_without_recordings_or_with_one_twice_are_refused(tmp_path: Path):
    with pytest.raises(GestureError, match="no such folder"):
        utd_mhad.sources(tmp_path / "nowhere", OPTIONS)
    with pytest.raises(GestureError, match=r"no files named a1_s1_t1_skeleton\.mat"):
        utd_mhad.sources(tmp_path, OPTIONS)
    write(tmp_path / "once", with_colour=False)
    write(tmp_path / "again", with_colour=False)
    with pytest.raises(GestureError, match="remove one of the two"):
        utd_mhad.sources(tmp_path, OPTIONS)


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("Skeleton/a1_s1_t1_skeleton.mat", {"d_skel": np.zeros((20, 2, 5))}, r"d_skel has shape \(20, 2, 5\)"),
        ("Skeleton/a1_s1_t1_skeleton.mat", {"d_skel": np.zeros((20, 3, 5))}, "no frame has a joint in front"),
        ("Skeleton/a1_s1_t1_skeleton.mat", {"d_skel": np.full((20, 3, 5), np.nan)}, "not finite"),
        ("Skeleton/a1_s1_t1_skeleton.mat", {"d_skel": np.zeros((20, 3, 0))}, r"d_skel has shape \(0,\)"),
        ("Depth/a1_s1_t1_depth.mat", {"d_depth": np.zeros((240, 320, 0))}, r"d_depth has shape \(0,\)"),
        ("Depth/a1_s1_t1_depth.mat", {"depth": np.zeros((240, 320, 5))}, "no MATLAB file with d_depth"),
        ("Depth/a1_s1_t1_depth.mat", None, "no MATLAB file with d_depth"),
        ("RGB/a1_s1_t1_color.avi", None, "not a readable video"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, path: str, content: dict | None, message: str):
    write(tmp_path)
    if content is None:
        (tmp_path / path).write_bytes(b"neither")
    else:
        savemat(tmp_path / path, content)
    with pytest.raises(GestureError, match=message) as caught:
        read_all(tmp_path)
    assert path in str(caught.value)
