"""The built-in data set: true to the format, a function of its seed, and without short cuts to the labels."""

import hashlib
import io
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict

from gesture.base.errors import GestureError
from gesture.formats.options import SyntheticOptions
from gesture.formats.sequence import SPLITS, Sequence
from gesture.formats.synthetic import PRESETS, class_names, generate, read, sources
from gesture.formats.synthetic.body import CX, CY, FX, FY, pose, project
from gesture.formats.synthetic.gestures import GESTURES, SHAPES
from gesture.formats.synthetic.motion import perform
from gesture.formats.synthetic.presets import Part, Plan, Preset, plans
from gesture.formats.synthetic.render import pictures
from gesture.formats.synthetic.sensor import skeleton

SEED = 7
OPTIONS = SyntheticOptions(preset="tiny", seed=SEED)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "tiny"
    steps: list[tuple[int, int]] = []
    paths = generate(folder, "tiny", SEED, 1, lambda done, total: steps.append((done, total)))
    assert steps == [(number, len(paths)) for number in range(1, len(paths) + 1)]
    return folder


@pytest.fixture(scope="session")
def clips(tiny: Path) -> list[Sequence]:
    return [clip for source in sources(tiny, OPTIONS) for clip in read(source, OPTIONS, 80)]


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name.removeprefix(path.stem + "_"): archive.read(name) for name in archive.namelist()}


def decode(content: bytes) -> np.ndarray:
    """All frames in gray: `(N, 480, 640)` uint8."""
    with av.open(io.BytesIO(content), "r") as container:
        return np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])


def digests(folder: Path) -> dict[str, str]:
    """Of the CSVs of all samples: videos may differ between builds of the encoder."""
    return {
        path.stem + name: hashlib.sha256(content).hexdigest()
        for path in sorted(folder.glob("*.zip"))
        for name, content in members(path).items()
        if name.endswith(".csv")
    }


def psnr(one: np.ndarray, two: np.ndarray) -> float:
    """Decibels between every tenth frame of two videos."""
    noise = np.square(one[::10].astype(np.float32) - two[::10]).mean()
    return float(10 * np.log10(255**2 / max(noise, 1e-9)))


# ---- Sizes and splits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_splits_share_no_subject_and_keep_to_their_sample_numbers(name: str):
    all_plans = plans(PRESETS[name], SEED)
    people = {split: {one.subject for one in all_plans if one.split == split} for split in SPLITS}
    assert sum(map(len, people.values())) == len(set.union(*people.values()))
    assert len(people["training"]) >= 2
    ranges = {"training": range(1, 471), "validation": range(471, 701), "test": range(701, 941)}
    assert all(one.number in ranges[one.split] for one in all_plans)
    assert len({one.number for one in all_plans}) == len(all_plans)


@pytest.mark.parametrize(("name", "most"), [("tiny", 12), ("demo", 200), ("default", 1680)])
def test_presets_have_the_clips_they_promise_and_balanced_classes(name: str, most: int):
    preset = PRESETS[name]
    all_plans = plans(preset, SEED)
    assert sum(len(one.classes) for one in all_plans) <= most
    for split in ("training", "test"):
        counts = Counter(label for one in all_plans if one.split == split for label in one.classes)
        assert set(counts) == set(range(1, preset.classes + 1))
        assert max(counts.values()) - min(counts.values()) <= 1


def test_small_presets_name_the_classes_that_they_have():
    assert len(class_names(OPTIONS)) == PRESETS["tiny"].classes
    assert len(class_names(SyntheticOptions(preset="default"))) == len(GESTURES) == 20


def test_the_gestures_use_five_hand_shapes():
    assert {gesture.shape for gesture in GESTURES.values()} == set(SHAPES)
    assert len(SHAPES) == 5


# ---- Files -----------------------------------------------------------------------------------------------------------


def test_a_sample_has_the_layout_of_chalearn_2014(tiny: Path):
    path = tiny / "Sample0001.zip"
    found = members(path)
    assert set(found) == {"color.mp4", "depth.mp4", "user.mp4", "data.csv", "labels.csv", "skeleton.csv"}
    frames, rate, max_depth = map(int, found["data.csv"].decode().split(","))
    assert rate == 20
    assert 2505 <= max_depth <= 4095
    rows = [line.split(",") for line in found["skeleton.csv"].decode().splitlines()]
    assert len(rows) == frames
    assert {len(row) for row in rows} == {180}
    for name in ("color.mp4", "depth.mp4", "user.mp4"):
        with av.open(io.BytesIO(found[name]), "r") as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 640, 480)
            assert (stream.average_rate, stream.frames) == (20, frames)
    labels = [tuple(map(int, line.split(","))) for line in found["labels.csv"].decode().splitlines()]
    assert len(labels) == PRESETS["tiny"].training.gestures
    assert all(1 <= gesture <= 20 and 1 <= begin < end <= frames for gesture, begin, end in labels)


def test_world_joints_projected_by_the_pinhole_are_the_pixel_columns(tiny: Path):
    values = np.loadtxt(io.BytesIO(members(tiny / "Sample0471.zip")["skeleton.csv"]), delimiter=",").reshape(-1, 20, 9)
    lost = (values == 0).all(axis=(1, 2))
    assert lost.sum() in (3, 4)
    assert lost[: lost.sum()].all()
    x, y, z = np.moveaxis(values[~lost, :, :3], -1, 0)
    assert z.min() > 0.5
    assert np.abs(CX + FX * x / z - values[~lost, :, 7]).max() < 0.51
    assert np.abs(CY - FY * y / z - values[~lost, :, 8]).max() < 0.51
    assert np.abs(np.linalg.norm(values[~lost, :, 3:7], axis=-1) - 1).max() < 1e-4
    head, hip = values[~lost, 3], values[~lost, 0]
    assert (head[:, 8] < hip[:, 8]).all()
    right, left = values[~lost, 8], values[~lost, 4]
    assert (right[:, 7] < left[:, 7]).all(), "not mirrored: the subject's right is on the image's left"


def test_the_pictures_show_the_person_where_the_skeleton_says(tiny: Path):
    plan = plans(PRESETS["tiny"], SEED)[0]
    script = perform(plan, SEED)
    body = pose(script, SEED)
    content = members(tiny / f"{plan.name}.zip")
    user, depth = decode(content["user.mp4"]), decode(content["depth.mp4"])
    for frame in range(0, len(user), 20):
        for joint in (1, 2, 3, 5, 9):
            column, row = np.rint(project(body.joints[frame, joint])).astype(int)
            assert user[frame, row, column] > 128
            if joint in (1, 2):
                millimetres = depth[frame, row, column] / 255 * script.recording.max_depth_mm
                assert abs(millimetres - 1000 * body.joints[frame, joint, 2]) < 350
    share = (user > 128).mean()
    assert 0.05 < share < 0.5


def test_read_clips_match_the_plan_and_hold_their_labels(tiny: Path, clips: list[Sequence]):
    expected = [
        (one.split, label - 1, f"S{one.subject:02d}", one.name)
        for one in plans(PRESETS["tiny"], SEED)
        for label in one.classes
    ]
    assert [(clip.split, clip.label, clip.subject, clip.source) for clip in clips] == expected
    for split in SPLITS:
        ids = [clip.id for clip in clips if clip.split == split]
        assert ids == list(range(1, len(ids) + 1))
    for clip in clips:
        assert set(clip.arrays) == {"rgb", "depth", "mask", "skeleton"}
        assert 24 + 15 <= clip.length <= 65 + 2 * 15


def test_clips_hold_movement_and_a_wall_behind_the_person(clips: list[Sequence]):
    for clip in clips:
        rgb, depth, mask, _ = clip.arrays.values()
        person, room = depth[mask], depth[~mask & (depth > 0)]
        # Percentiles: at silhouettes the codec blends body and wall.
        assert np.percentile(person, 90) < np.percentile(room, 50)
        assert (mask.any(axis=0) & ~mask.all(axis=0)).mean() > 0.02
        assert np.ptp(rgb, axis=0).max() > 40


# ---- A function of the seed, safe to kill ----------------------------------------------------------------------------


def test_another_seed_gives_other_people_movements_and_noise():
    plan = plans(PRESETS["tiny"], SEED)[0]
    one, two = (perform(plan, seed) for seed in (SEED, SEED + 1))
    assert one.subject != two.subject
    assert one.recording != two.recording
    assert one.labels != two.labels
    body = pose(one, SEED)
    assert not np.array_equal(skeleton(body, SEED, plan.number), skeleton(body, SEED + 1, plan.number))


def test_a_killed_run_goes_on_with_the_same_files_and_keeps_what_is_complete(tiny: Path, tmp_path: Path):
    folder = tmp_path / "copy"
    shutil.copytree(tiny, folder)
    first, second, third, _ = sorted(folder.glob("*.zip"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:5000])
    kept = third.stat().st_mtime_ns
    assert generate(folder, "tiny", SEED, 2) == sorted(folder.glob("*.zip"))
    assert third.stat().st_mtime_ns == kept
    assert digests(folder) == digests(tiny)
    for video in ("color.mp4", "depth.mp4", "user.mp4"):
        assert psnr(decode(members(first)[video]), decode(members(tiny / first.name)[video])) > 50
    assert {path.name for path in folder.iterdir()} == {path.name for path in tiny.iterdir()}


def test_two_data_sets_are_not_mixed_in_one_folder(tiny: Path):
    with pytest.raises(GestureError, match="use another folder"):
        generate(tiny, "tiny", SEED + 1, 1)
    with pytest.raises(GestureError, match="no preset 'huge'"):
        generate(tiny, "huge", SEED, 1)


# ---- No short cuts: what does not show the gesture must not tell it --------------------------------------------------

CLASSES, CONTEXT = 10, 15


@dataclass(frozen=True)
class Glimpses:
    """Of each clip: class, subject, length, what its first frame shows, and the joints in its middle."""

    labels: np.ndarray
    subjects: np.ndarray
    length: np.ndarray
    rgb: np.ndarray
    depth: np.ndarray
    skeleton: np.ndarray
    middle: np.ndarray


@pytest.fixture(scope="session")
def glimpses() -> Glimpses:
    """400 clips without encoding a video: the motion, the skeleton and one picture of each."""
    preset = Preset(CLASSES, 4, 1.0, Part(20, 40, 10), Part(1, 1, 1), Part(1, 1, 1))
    rows = [row for plan in plans(preset, SEED) if plan.split == "training" for row in _glimpse(plan)]
    return Glimpses(*(np.array(column) for column in zip(*rows, strict=True)))


def _glimpse(plan: Plan) -> Iterator[tuple[Any, ...]]:
    script = perform(plan, SEED)
    body = pose(script, SEED)
    world = skeleton(body, SEED, plan.number)[..., :3]
    joints = (world - world[:, 2:3]).reshape(len(world), -1)
    windows = [(max(0, one.begin - 1 - CONTEXT), min(len(joints), one.end + CONTEXT)) for one in script.labels]
    drawn = pictures(script, body, [start for start, _ in windows])
    for label, (start, stop), picture in zip(script.labels, windows, drawn, strict=True):
        rgb, depth = _shrink(picture.colour.mean(axis=-1)), _shrink(picture.depth)
        yield label.gesture, plan.subject, [stop - start], rgb, depth, joints[start], joints[(start + stop) // 2]


def _shrink(picture: np.ndarray) -> np.ndarray:
    """The reader's crop, 16 x 16 values, from a picture of 160 x 120."""
    return picture[2:82, 35:115].reshape(16, 5, 16, 5).mean(axis=(1, 3)).ravel()


def _accuracy(features: np.ndarray, glimpses: Glimpses) -> float:
    """Of a strong off-the-shelf classifier on people it has not seen."""
    model = ExtraTreesClassifier(60, random_state=0)
    guess = cross_val_predict(model, features, glimpses.labels, groups=glimpses.subjects, cv=GroupKFold(4))
    return float((guess == glimpses.labels).mean())


def _chance_limit(glimpses: Glimpses) -> float:
    """What guessing exceeds once in ten thousand times (3.7 deviations)."""
    chance = 1 / CLASSES
    return chance + 3.7 * np.sqrt(chance * (1 - chance) / len(glimpses.labels))


@pytest.mark.parametrize("shown", ["length", "rgb", "depth", "skeleton"])
def test_neither_the_length_nor_the_first_frame_tells_the_class(glimpses: Glimpses, shown: str):
    assert _accuracy(getattr(glimpses, shown), glimpses) < _chance_limit(glimpses)


def test_the_middle_frame_tells_it_so_these_controls_can_fail(glimpses: Glimpses):
    assert _accuracy(glimpses.middle, glimpses) > 2 * _chance_limit(glimpses)
