"""The skeleton's picture is Pillow's, bone by bone and joint by joint, for people and for nonsense alike."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from gesture.inputs.skeleton_image import draw

# Written out as in the 2019 program's order: spine, left arm, right arm, right leg, left leg; outer joint first.
BONES = (
    (1, 0), (2, 1), (3, 2),
    (4, 2), (5, 4), (6, 5), (7, 6),
    (8, 2), (9, 8), (10, 9), (11, 10),
    (16, 0), (17, 16), (18, 17), (19, 18),
    (12, 0), (13, 12), (14, 13), (15, 14),
)  # fmt: skip


def by_pillow(skeleton: np.ndarray, size: int) -> np.ndarray:
    """The same pictures the slow way, one call a bone and a joint."""
    width, radius = max(1, round(size * 3 / 80)), max(1, round(size / 40))
    pictures = []
    for frame in skeleton:
        joints = [
            tuple(int((int(p) - o) * (size / 320)) for p, o in zip(j[7:9], (140, 10), strict=True)) for j in frame
        ]
        image = Image.new("RGB", (size, size), "white")
        pen = ImageDraw.Draw(image)
        for outer, inner in BONES:
            pen.line([joints[outer], joints[inner]], fill=(255, 0, 0), width=width)
        for x, y in joints:
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=(0, 0, 255))
        pictures.append(np.asarray(image))
    return np.stack(pictures)


def skeleton_of(pixels: np.ndarray) -> np.ndarray:
    skeleton = np.zeros((*pixels.shape[:2], 9), np.float32)
    skeleton[..., 7:9] = pixels
    return skeleton


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    spread=st.sampled_from([0, 5, 40, 120, 400, 3000, 1e5]),
    size=st.sampled_from([80, 80, 80, 16, 33, 112]),
)
def test_random_skeletons_look_as_pillow_draws_them(seed: int, spread: float, size: int) -> None:
    rng = np.random.default_rng(seed)
    skeleton = skeleton_of(rng.normal((300, 170), spread, (12, 20, 2)))
    np.testing.assert_array_equal(draw(skeleton, size), by_pillow(skeleton, size))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_neighbouring_frames_do_not_touch_however_far_out_joints_lie(seed: int) -> None:
    """Joints around every border of the picture and of the strip that the frames are drawn on."""
    rng = np.random.default_rng(seed)
    rows = rng.choice([-45, -41, -40, -39, -3, 0, 79, 80, 83, 119, 120, 121, 125], (12, 20))
    columns = rng.integers(-60, 140, (12, 20))
    skeleton = skeleton_of(np.stack([columns * 4 + 140, rows * 4 + 10], axis=-1))
    np.testing.assert_array_equal(draw(skeleton, 80), by_pillow(skeleton, 80))


def test_people_that_wild_frames_stand_between_are_drawn_too() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.normal((300, 170), 60, (9, 20, 2))
    pixels[[0, 4, 5, 8], 3] = (1e6, -1e6)
    skeleton = skeleton_of(pixels)
    np.testing.assert_array_equal(draw(skeleton, 80), by_pillow(skeleton, 80))
