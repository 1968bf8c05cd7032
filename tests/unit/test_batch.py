"""Batches: clips as the paper cuts them, order and changes as pure functions of (seed, step)."""

from pathlib import Path
from types import MappingProxyType

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gesture.config.settings import Augmentation
from gesture.formats.sequence import Sequence
from gesture.inputs.batch import Inputs, cut, images_of, load_batch, pad, subtract_mean_image
from gesture.inputs.gray import standardised
from gesture.inputs.order import batch_at, steps_per_epoch
from gesture.inputs.pictures import Colour, Depth
from gesture.inputs.skeleton import Skeleton
from gesture.inputs.skeleton_image import draw


@given(st.lists(st.integers(1, 70), min_size=1, max_size=5))
def test_a_sequence_owns_one_clip_more_than_its_whole_sixteens(lengths: list[int]) -> None:
    arrays = [np.full((n, 2, 2, 1), number + 1, np.uint8) for number, n in enumerate(lengths)]
    counts = np.array(lengths) // 16 + 1
    clips = cut(arrays, counts)
    assert clips.shape == (counts.sum(), 16, 2, 2, 1)
    frames = clips.reshape(-1, 2, 2, 1)
    starts = np.concatenate([[0], np.cumsum(counts)]) * 16
    for number, length in enumerate(lengths):
        own = frames[starts[number] : starts[number + 1]]
        assert (own[:length] == number + 1).all()
        assert (own[length:] == 0).all()


@given(st.integers(1, 50), st.integers(1, 9), st.integers(0, 5))
def test_an_epoch_sees_every_sequence_once(sequences: int, batch: int, epoch: int) -> None:
    steps = steps_per_epoch(sequences, batch)
    seen = [batch_at(epoch * steps + step, sequences, batch, seed=3) for step in range(steps)]
    assert sorted(np.concatenate(seen)) == list(range(sequences))


def test_epochs_and_seeds_differ_and_repeat_themselves() -> None:
    first, again, next_epoch = (batch_at(step, 40, 40, seed=1) for step in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != next_epoch).any()
    assert (first != batch_at(0, 40, 40, seed=2)).any()


def test_standardised_images_have_mean_zero_and_deviation_one_and_flat_ones_stay_finite() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)
    values = np.empty(images.shape, np.float32)
    standardised(images, values)
    assert abs(values.mean()) < 1e-5
    assert abs(values.std() - 1) < 1e-5
    standardised(np.full_like(images, 255), values)
    assert (values == 0).all()


def test_what_stands_still_vanishes_from_motion_images() -> None:
    images = np.full((6, 4, 4, 3), 90, np.uint8)
    images[:, 0, 0] = np.arange(6)[:, None] * 40
    values = np.empty(images.shape, np.float32)
    subtract_mean_image(images, values)
    assert (values[:, 1:] == 0).all()
    assert values[:, 0, 0].std() > 1


def test_the_mask_cuts_the_person_out_of_the_depth() -> None:
    depth, mask = np.full((2, 4, 4, 1), 51, np.uint8), np.zeros((2, 4, 4, 1), bool)
    mask[:, 1] = True
    person = Sequence(1, "test", depth=depth, mask=mask, max_depth_mm=4095)
    inputs = Depth(masked=True)
    np.testing.assert_allclose(images_of(person, "depth", inputs, 4), mask * 0.2, rtol=1e-6)


def test_padding_is_zero_past_the_end() -> None:
    padded = pad([np.ones((2, 3)), np.ones((4, 3))], 4)
    assert padded.sum(axis=(1, 2)).tolist() == [6, 12]
    assert (padded[0, 2:] == 0).all()


def sequence(length: int = 30) -> Sequence:
    rng = np.random.default_rng(0)
    return Sequence(
        1,
        "training",
        0,
        rgb=rng.integers(0, 256, (length, 8, 8, 3), np.uint8),
        skeleton=rng.normal(size=(length, 20, 9)).astype(np.float32),
    )


class Few:
    """Records held in memory."""

    manifest = MappingProxyType({"size": 8})

    def read(self, position: int) -> Sequence:
        return sequence(20 + position)

    def labels(self, positions: np.ndarray) -> np.ndarray:
        return positions.astype(np.int32)


def test_a_step_repeats_its_batch_and_the_next_step_changes_it_otherwise() -> None:
    changes = Augmentation(translation=0.25, speed=0.3, horizontal_flip=0.5, joint_noise=0.01)
    inputs = Inputs((Colour(), Skeleton()))
    one, again, other = (
        load_batch(Few(), np.arange(3), inputs, changes, np.random.default_rng([1, step, 1])) for step in (7, 7, 8)
    )
    assert all(one[name].tobytes() == again[name].tobytes() for name in one)
    assert one["rgb"].tobytes() != other["rgb"].tobytes()
    assert one["skeleton"].shape == (3, one["length"].max(), 20, 9)


def test_mixup_names_a_partner_and_a_share_for_each_and_changes_nothing_else() -> None:
    inputs = Inputs((Skeleton(),))
    mixing, plain = Augmentation(joint_noise=0.01, mixup=0.4), Augmentation(joint_noise=0.01)
    one, again, other, without = (
        load_batch(Few(), np.arange(9), inputs, changes, np.random.default_rng([1, step, 1]))
        for changes, step in ((mixing, 7), (mixing, 7), (mixing, 8), (plain, 7))
    )
    assert sorted(one["partner"]) == list(range(9))
    assert ((one["share"] >= 0) & (one["share"] <= 1)).all()
    assert all(one[name].tobytes() == again[name].tobytes() for name in one)
    assert one["share"].tobytes() != other["share"].tobytes()
    assert all(one[name].tobytes() == array.tobytes() for name, array in without.items())
    assert set(one) - set(without) == {"partner", "share"}
    assert "partner" not in load_batch(Few(), np.arange(9), inputs), "nothing is mixed when evaluating"


def test_what_the_network_does_not_see_is_no_substitute_for_a_lost_modality() -> None:
    alone = Inputs((Skeleton(),))
    batch = load_batch(Few(), np.arange(9), alone, Augmentation(modality_dropout=1), np.random.default_rng(0))
    assert batch["skeleton"].any(axis=(1, 2, 3)).all()


def test_the_skeleton_picture_equals_the_2019_drawing_pixel_for_pixel() -> None:
    with np.load(Path(__file__).parent.parent / "data" / "skeleton_raster.npz", allow_pickle=False) as file:
        skeleton, image = file["skeleton"].reshape(-1, 20, 9), file["image"]
    np.testing.assert_array_equal(draw(skeleton, 80), image)
