"""The person cut out of the depth pictures: the same wherever it stands and however tall it is."""

import numpy as np
import pytest

from gesture.formats.sequence import Sequence
from gesture.inputs.person import cut_out, relative_depth, square

SIZE = 80


def standing(top: int, left: int, scale: int, distance: int = 120, frames: int = 10) -> Sequence:
    """A person of 12 x 4 blocks whose arm, nearer by ten gray values, moves to the right."""
    depth = np.zeros((frames, SIZE, SIZE, 1), np.uint8)
    for number, picture in enumerate(depth):
        picture[top : top + 12 * scale, left : left + 4 * scale] = distance
        reach = (4 + number // 3) * scale
        picture[top + 3 * scale : top + 4 * scale, left + 4 * scale : left + reach] = distance - 10
    return Sequence(id=1, split="training", depth=depth, mask=depth > 0, max_depth_mm=4095)


def test_the_picture_does_not_depend_on_the_persons_place_and_height() -> None:
    one = relative_depth(cut_out(standing(10, 20, 4), 24), 5)
    other = relative_depth(cut_out(standing(16, 40, 3), 24), 5)
    differing = (np.abs(one - other).max(axis=-1) > 1e-6).mean()
    assert differing < 0.03, "but for pixels at the border"
    assert one[..., 1].mean() > 0.1


def test_depth_is_taken_from_the_persons_middle() -> None:
    near, far = (relative_depth(cut_out(standing(10, 20, 4, distance), 24), 5) for distance in (100, 200))
    np.testing.assert_allclose(near, far, atol=1e-6)
    assert near[-1, ..., 0].max() == pytest.approx(10 / 255 * 4095 / 500)
    assert near[0, ..., 0].max() == 0, "the arm is not out yet"
    assert set(np.unique(near[..., 1])) == {0, 1}


def test_the_square_holds_the_person_and_a_margin() -> None:
    down, right, side = square(standing(10, 20, 4).mask)
    assert side == pytest.approx(1.3 * 48)
    assert down == pytest.approx(10 + 24)
    assert 28 <= right <= 30


def test_what_lies_outside_the_picture_is_empty() -> None:
    cut = cut_out(standing(0, 0, 4), 24)
    assert cut.depth is not None
    assert not cut.depth[:, :2].any()
    assert cut.depth[:, 4:20].any()
    assert cut.depth.dtype == np.uint8
    assert cut.mask is not None
    assert cut.mask.dtype == np.bool_


def test_a_sequence_without_a_person_gives_zeros() -> None:
    empty = np.zeros((3, SIZE, SIZE, 1), np.uint8)
    sequence = Sequence(id=1, split="test", depth=empty, mask=empty > 0, max_depth_mm=4095)
    pictures = relative_depth(cut_out(sequence, 24), 5)
    assert pictures.shape == (5, 24, 24, 2)
    assert not pictures.any()


@pytest.mark.parametrize("frames", [1, 4, 25])
def test_every_sequence_gets_the_asked_number_of_frames_its_ends_included(frames: int) -> None:
    sequence = standing(10, 20, 4)
    pictures = relative_depth(cut_out(sequence, 24), frames)
    assert pictures.shape == (frames, 24, 24, 2)
    assert pictures.dtype == np.float32
    whole = relative_depth(cut_out(sequence, 24), sequence.length)
    assert np.array_equal(pictures[0], whole[0])
    assert frames == 1 or np.array_equal(pictures[-1], whole[-1])
