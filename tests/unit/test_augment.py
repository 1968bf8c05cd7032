"""Augmentation: off changes nothing, on changes all modalities alike and repeats itself from its seed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gesture.catalog import INPUTS
from gesture.config.settings import Augmentation, parse
from gesture.formats.sequence import JOINTS, MODALITIES, Sequence
from gesture.inputs.augment import STREAMS, augment, bend, disturb, flip, lose_one, retimed, shift, warped, zoom
from gesture.inputs.batch import images_of
from gesture.inputs.pictures import Colour
from gesture.inputs.skeleton_image import draw

EVERYTHING = Augmentation(
    translation=0.3,
    speed=0.4,
    frame_jitter=2,
    time_warp=0.5,
    scale=0.3,
    gamma=1,
    horizontal_flip=0.5,
    modality_dropout=0.5,
    joint_noise=0.05,
)
BLUE = np.array([0, 0, 255])


def person(length: int = 30, modalities: tuple[str, ...] = MODALITIES, height: int = 6, width: int = 4) -> Sequence:
    """Random pictures that agree on the person: colour and depth are not 0 where the mask is, and only there."""
    rng = np.random.default_rng(length)
    mask = rng.random((length, height, width, 1)) > 0.5
    skeleton = rng.normal(1, 0.2, (length, 20, 9)).astype(np.float32)
    skeleton[..., 7:] = rng.integers((140, 10), (460, 330), (length, 20, 2))
    skeleton[: length // 5] = 0  # as Kinect begins
    arrays: dict[str, Any] = {
        "rgb": rng.integers(1, 256, (length, height, width, 3), np.uint8) * mask,
        "depth": rng.integers(1, 256, (length, height, width, 1), np.uint8) * mask,
        "mask": mask,
        "skeleton": skeleton,
    }
    return Sequence(1, "training", 0, max_depth_mm=4095, **arrays).only(modalities)


def same(one: Sequence, other: Sequence) -> bool:
    return list(one.arrays) == list(other.arrays) and all(
        array.dtype == other.arrays[name].dtype and np.array_equal(array, other.arrays[name])
        for name, array in one.arrays.items()
    )


def generator(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


# ---- All of them -----------------------------------------------------------------------------------------------------


@given(st.integers(1, 400), st.sets(st.sampled_from(MODALITIES), min_size=1), st.integers(0, 99))
def test_whatever_is_on_the_result_is_a_sequence_of_the_same_kind(length: int, present: set[str], seed: int) -> None:
    before = person(length, tuple(present))
    after = augment(before, EVERYTHING, generator(seed))
    assert list(after.arrays) == list(before.arrays)
    assert round(length / 1.4) <= after.length <= round(length / 0.6)
    for name, array in after.arrays.items():
        assert array.shape == (after.length, *before.arrays[name].shape[1:])
        assert array.dtype == before.arrays[name].dtype
    assert "skeleton" not in present or np.isfinite(after.arrays["skeleton"]).all()


@given(st.integers(1, 400), st.integers(0, 99))
def test_off_means_that_not_a_byte_changes(length: int, seed: int) -> None:
    assert same(augment(person(length), Augmentation(), generator(seed)), person(length))


def test_the_same_seed_and_step_give_the_same_bytes_and_others_do_not() -> None:
    assert all(
        same(augment(person(), EVERYTHING, generator(1, k)), augment(person(), EVERYTHING, generator(1, k)))
        for k in range(9)
    )
    results = [augment(person(), EVERYTHING, generator(*seed)) for seed in ((1, 7), (1, 8), (2, 7))]
    assert not same(results[0], results[1])
    assert not same(results[0], results[2])


def test_what_one_change_does_depends_neither_on_the_others_nor_on_the_modalities() -> None:
    for seed in range(9):
        alone = augment(
            person(modalities=("rgb",)), Augmentation(translation=0.3, horizontal_flip=0.5), generator(seed)
        )
        others = Augmentation(translation=0.3, horizontal_flip=0.5, joint_noise=0.1, gamma=1e-9)
        together = augment(person(), others, generator(seed))
        np.testing.assert_array_equal(alone.arrays["rgb"], together.arrays["rgb"])


def test_later_sequences_of_a_batch_do_not_depend_on_the_lengths_of_the_earlier() -> None:
    results = []
    for length in (20, 40):
        rng = generator(5)
        augment(person(length), EVERYTHING, rng)
        results.append(augment(person(30), EVERYTHING, rng))
    assert same(*results)


def test_the_set_up_of_2019_has_none_on(repository: Path) -> None:
    experiment = parse(yaml.safe_load((repository / "config/smnet.yaml").read_text()), "smnet.yaml")
    assert {variant.training.augmentation for variant in experiment.variants.values()} == {Augmentation()}


# ---- Time ------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 400), st.floats(-0.9, 0.9), st.floats(0, 10), st.integers(0, 99))
def test_time_never_runs_backwards_and_no_frame_is_farther_off_than_asked(
    length: int, faster: float, jitter: float, seed: int
) -> None:
    frames = retimed(length, faster, jitter, generator(seed))
    assert len(frames) == max(1, round(length / (1 + faster)))
    assert (np.diff(frames) >= 0).all()
    assert np.abs(frames - np.linspace(0, length - 1, len(frames))).max() <= jitter + 0.5
    assert 0 <= frames.min() <= frames.max() < length


@given(st.integers(1, 400), st.floats(-0.9, 0.9), st.floats(-0.9, 0.9))
def test_a_warp_shows_as_many_frames_in_order_from_the_first_to_the_last(
    length: int, early: float, late: float
) -> None:
    frames = warped(length, early, late)
    assert len(frames) == length
    assert (frames[0], frames[-1]) == (0, length - 1)
    assert (np.diff(frames) >= 0).all()


def test_a_warp_is_faster_early_and_slower_late_or_the_other_way_round() -> None:
    assert warped(101, 0.8, 0)[50] == round(50 + 100 * 0.8 / (2 * np.pi))
    assert warped(101, -0.8, 0)[50] == round(50 - 100 * 0.8 / (2 * np.pi))
    np.testing.assert_array_equal(warped(101, 0, 0), np.arange(101))
    assert warped(101, 0, 0.8)[25] > 25
    assert warped(101, 0, 0.8)[75] < 75


def test_jitter_and_tempo_are_the_same_for_all_modalities() -> None:
    numbers = np.arange(30)
    counting: dict[str, Any] = {
        "rgb": np.tile(numbers, (4, 4, 3, 1)).T.reshape(30, 4, 4, 3).astype(np.uint8),
        "skeleton": np.tile(numbers, (20 * 9, 1)).T.reshape(30, 20, 9).astype(np.float32),
    }
    after = augment(Sequence(1, "training", **counting), Augmentation(speed=0.3, frame_jitter=3), generator(2))
    shown = after.arrays["rgb"][:, 0, 0, 0]
    assert list(shown) != list(range(30))
    np.testing.assert_array_equal(after.arrays["skeleton"][:, 0, 0], shown)


# ---- Place -----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 400), st.sets(st.sampled_from(MODALITIES), min_size=1))
def test_a_mirror_image_of_a_mirror_image_is_the_original(length: int, present: set[str]) -> None:
    before = person(length, tuple(present)).arrays
    again = flip(flip(before))
    for name, array in before.items():
        np.testing.assert_array_equal(again[name], array)


def test_a_mirror_image_has_left_and_right_joints_swapped_and_x_turned_round() -> None:
    before = person().arrays["skeleton"][-1]
    after = flip({"skeleton": before[None]})["skeleton"][0]
    for here, there in (("HandLeft", "HandRight"), ("HipRight", "HipLeft"), ("Head", "Head"), ("Spine", "Spine")):
        x, y, z, qx, qy, qz, qw, u, v = before[JOINTS.index(here)]
        expected = [-x, y, z, qx, -qy, -qz, qw, 599 - u, v]
        assert after[JOINTS.index(there)] == pytest.approx(expected)


def test_a_mirrored_orientation_is_that_of_the_mirrored_body() -> None:
    def rotation(q: np.ndarray) -> np.ndarray:
        x, y, z, w = q / np.linalg.norm(q)
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        return np.eye(3) + 2 * w * cross + 2 * cross @ cross

    before = person().arrays["skeleton"]
    after = flip({"skeleton": before})["skeleton"]
    mirror = np.diag([-1, 1, 1])
    spine = JOINTS.index("Spine")
    turned = mirror @ rotation(before[-1, spine, 3:7].astype(float)) @ mirror
    np.testing.assert_allclose(rotation(after[-1, spine, 3:7].astype(float)), turned, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        Augmentation(horizontal_flip=1),
        Augmentation(translation=0.4),
        Augmentation(scale=0.5),
        Augmentation(horizontal_flip=0.5, translation=0.4, scale=0.3, speed=0.3, frame_jitter=2, time_warp=0.5),
    ],
)
def test_the_mask_stays_on_the_person_in_colour_and_depth(changes: Augmentation) -> None:
    for seed in range(9):
        after = augment(person(height=7, width=9), changes, generator(seed)).arrays
        np.testing.assert_array_equal(after["mask"], after["depth"] > 0)
        np.testing.assert_array_equal(after["mask"][..., 0], after["rgb"].all(axis=-1))


@pytest.mark.parametrize("size", [40, 80])
@pytest.mark.parametrize(
    "changes",
    [
        Augmentation(horizontal_flip=1),
        Augmentation(translation=0.25),
        Augmentation(horizontal_flip=1, translation=0.25),
    ],
)
def test_the_skeleton_picture_stays_over_the_colour(changes: Augmentation, size: int) -> None:
    """Where the colour shows a joint, the picture drawn from the changed skeleton has that joint's blue."""
    rng = generator(3)
    skeleton = np.ones((20, 20, 9), np.float32)
    # One joint in sight, the others far outside; multiples of 4 px, of which the crop keeps one in 4 (or 8).
    skeleton[..., 7:] = 9999
    skeleton[:, JOINTS.index("HandLeft"), 7:] = rng.integers((240, 110), (360, 230), (20, 2)) // 8 * 8 + 4
    rgb = np.zeros((20, size, size, 3), np.uint8)
    places = ((skeleton[:, JOINTS.index("HandLeft"), 7:] - (140, 10)) * (size / 320)).astype(int)
    rgb[np.arange(20), places[:, 1], places[:, 0]] = 255
    after = augment(Sequence(1, "training", rgb=rgb, skeleton=skeleton), changes, rng)
    picture = draw(after.arrays["skeleton"], size)
    seen = after.arrays["rgb"].any(axis=-1)
    assert seen.sum() == 20
    assert (picture[seen] == BLUE).all()


def test_joints_that_were_not_seen_stay_unseen() -> None:
    changes = Augmentation(translation=0.4, scale=0.4, horizontal_flip=1, joint_noise=0.1)
    after = augment(person(30), changes, generator(1)).arrays["skeleton"]
    assert not after[:6].any()
    assert after[6:].any(axis=-1).all()


def test_a_shift_moves_picture_and_pixels_and_leaves_the_world_alone() -> None:
    images = np.zeros((1, 8, 8, 1), np.uint8)
    images[0, 2, 3] = 1
    skeleton = person().arrays["skeleton"]
    moved = shift({"depth": images, "skeleton": skeleton}, 0.25, -0.125)
    assert moved["depth"][0, 4, 2] == 1
    np.testing.assert_array_equal(moved["skeleton"][6:, :, 7:], skeleton[6:, :, 7:] + (-40, 80))
    np.testing.assert_array_equal(moved["skeleton"][..., :7], skeleton[..., :7])


def test_a_zoom_enlarges_picture_and_pixels_about_the_centre_and_leaves_the_world_alone() -> None:
    images = np.zeros((1, 8, 8, 1), np.uint8)
    images[0, 3:5, 4:6] = 1
    skeleton = person().arrays["skeleton"]
    zoomed = zoom({"mask": images > 0, "skeleton": skeleton}, 2)
    expected = np.zeros((8, 8), bool)
    expected[2:6, 4:8] = True
    np.testing.assert_array_equal(zoomed["mask"][0, ..., 0], expected)
    centre = np.array([300, 170])
    np.testing.assert_allclose(zoomed["skeleton"][6:, :, 7:] - centre, 2 * (skeleton[6:, :, 7:] - centre))
    np.testing.assert_array_equal(zoomed["skeleton"][..., :7], skeleton[..., :7])


# ---- Values ----------------------------------------------------------------------------------------------------------


def test_brightness_bends_the_middle_and_keeps_black_white_and_order() -> None:
    ramp = np.arange(256, dtype=np.uint8)
    dark, light = bend(ramp, 2.0), bend(ramp, 0.5)
    assert (dark[0], dark[255], light[0], light[255]) == (0, 255, 0, 255)
    assert dark[128] < 128 < light[128]
    assert (np.diff(dark.astype(int)) >= 0).all()
    np.testing.assert_array_equal(bend(ramp, 1.0), ramp)


def test_brightness_reaches_the_network_and_touches_colour_alone() -> None:
    after = augment(person(), Augmentation(gamma=1), generator(4))
    inputs = Colour()
    assert np.abs(images_of(after, "rgb", inputs, 4) - images_of(person(), "rgb", inputs, 4)).max() > 0.1
    for name in ("depth", "mask", "skeleton"):
        np.testing.assert_array_equal(after.arrays[name], person().arrays[name])


def test_skeleton_noise_has_its_size_and_moves_the_pixels_with_the_world() -> None:
    before = np.full((400, 20, 9), 2, np.float32)
    change = disturb(before, 0.02, generator(0)) - before
    assert change[..., :3].std() == pytest.approx(0.02, rel=0.05)
    assert not change[..., 3:7].any()
    np.testing.assert_allclose(change[..., 7], change[..., 0] * 250, atol=1e-3)
    np.testing.assert_allclose(change[..., 8], change[..., 1] * -262.5, atol=1e-3)


@settings(max_examples=30)
@given(st.sets(st.sampled_from(MODALITIES), min_size=1), st.floats(0, 1, exclude_max=True))
def test_one_stream_is_lost_and_never_the_only_one(present: set[str], which: float) -> None:
    before = person(5, tuple(present)).arrays
    after = lose_one(before, which)
    lost = [names for names in STREAMS if any(name in after and not after[name].any() for name in names)]
    streams = [names for names in STREAMS if any(name in before for name in names)]
    assert len(lost) == (len(streams) > 1)
    for name, array in before.items():
        assert after[name].dtype == array.dtype
        assert after[name].any() != any(name in names for names in lost)


@pytest.mark.parametrize("motion", [False, True])
@pytest.mark.parametrize("name", ["rgb", "depth", "skeleton_image"])
def test_a_lost_modality_is_all_zero_to_the_network(name: str, motion: bool) -> None:
    arrays: dict[str, Any] = {key: np.zeros_like(array) for key, array in person().arrays.items()}
    inputs = INPUTS[name](motion=motion, **({"masked": True} if name == "depth" else {}))
    assert not images_of(Sequence(1, "training", max_depth_mm=4095, **arrays), name, inputs, 80).any()


def test_every_stream_is_lost_at_times_and_at_the_probability_asked_for() -> None:
    lost = []
    for seed in range(300):
        after = augment(person(3), Augmentation(modality_dropout=0.5), generator(seed)).arrays
        lost += [name for name in ("rgb", "depth", "skeleton") if not after[name].any()]
    assert 110 < len(lost) < 190
    assert min(map(lost.count, ("rgb", "depth", "skeleton"))) > 25
