"""The skeleton as a picture: red bones, blue joints on white, as the 2019 model saw it."""

import numpy as np
from PIL import Image, ImageDraw

# From the outer to the inner joint: spine chain, left arm, right arm, right leg, left leg.
BONES = (
    (1, 0), (2, 1), (3, 2),
    (4, 2), (5, 4), (6, 5), (7, 6),
    (8, 2), (9, 8), (10, 9), (11, 10),
    (16, 0), (17, 16), (18, 17), (19, 18),
    (12, 0), (13, 12), (14, 13), (15, 14),
)  # fmt: skip
# Crop of the 640x480 picture that the stored images show: rows 10..330, columns 140..460 [px].
LEFT, TOP, SIDE = 140, 10, 320


def draw(skeleton: np.ndarray, size: int) -> np.ndarray:
    """Draws every frame of a skeleton `(T, 20, 9)` float32; returns `(T, size, size, 3)` uint8.

    At size 80 lines are 3 pixels wide and joints have a radius of 2, other sizes in proportion.
    """
    pixels = np.trunc(skeleton[..., 7:9]).astype(np.float64)
    points = np.trunc((pixels - (LEFT, TOP)) * (size / SIDE)).astype(np.int64)
    width, radius = max(1, round(size * 3 / 80)), max(1, round(size / 40))
    return np.stack([_frame(frame, size, width, radius) for frame in points])


def _frame(points: np.ndarray, size: int, width: int, radius: int) -> np.ndarray:
    image = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(image)
    joints = [(int(x), int(y)) for x, y in points]
    for outer, inner in BONES:
        pen.line([joints[outer], joints[inner]], fill=(255, 0, 0), width=width)
    for x, y in joints:
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=(0, 0, 255))
    return np.asarray(image)
