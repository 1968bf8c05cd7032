"""The skeleton as a picture: red bones, blue joints on white, as the 2019 model saw it."""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from gesture.inputs.gray import standardised, table_of

# Chains of joints; each bone runs from the outer joint to the inner one, and Pillow's lines depend on the direction.
CHAINS = (
    (3, 2, 1, 0),  # head and spine
    (7, 6, 5, 4, 2),  # left arm
    (11, 10, 9, 8, 2),  # right arm
    (19, 18, 17, 16, 0),  # right leg
    (15, 14, 13, 12, 0),  # left leg
)
RED, BLUE = (255, 0, 0), (0, 0, 255)
# Crop of the 640x480 picture that the stored images show: rows 10..330, columns 140..460 [px].
LEFT, TOP, SIDE = 140, 10, 320


def draw(skeleton: np.ndarray, size: int) -> np.ndarray:
    """Draws every frame of a skeleton `(T, 20, 9)` float32; returns `(T, size, size, 3)` uint8.

    At size 80 lines are 3 pixels wide and joints have a radius of 2, other sizes in proportion.
    """
    bones, joints = _strokes(skeleton, size)
    pictures = np.full((len(skeleton), size, size, 3), 255, np.uint8)
    _paint(pictures, np.flatnonzero(bones), RED)
    _paint(pictures, joints, BLUE)
    return pictures


def draw_standardised(skeleton: np.ndarray, size: int, out: np.ndarray) -> None:
    """Writes what `draw` gives, standardised over the whole sequence, without the picture between.

    Args:
        skeleton: `(T, 20, 9)` float32.
        size: height and width [px].
        out: `(T, size, size, 3)` float32, C order.
    """
    bones, joints = _strokes(skeleton, size)
    blue = np.zeros(bones.size, np.bool_)
    blue[joints] = True
    coloured = int(np.count_nonzero(bones.reshape(-1) | blue))
    bright = 3 * bones.size - 2 * coloured  # a coloured pixel has one channel of 255, a white one three
    table = table_of(255 * bright, 255**2 * bright, 3 * bones.size)
    if table is None:
        standardised(draw(skeleton, size), out)
        return
    dark, light = table[0], table[255]
    out.fill(light)
    _paint(out, np.flatnonzero(bones), (None, dark, dark))  # they stay light where red and blue are 255
    _paint(out, joints, (dark, dark, light))


def _strokes(skeleton: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """What is under bones, `(T, size, size)` bool, and the flat indices of the pixels of joints."""
    pixels = np.trunc(skeleton[..., 7:9]).astype(np.float64)
    points = np.trunc((pixels - (LEFT, TOP)) * (size / SIDE)).astype(np.int64)
    bones = _bones(points, size, max(1, round(size * 3 / 80)))
    return bones, _joints(points, size, max(1, round(size / 40)))


def _paint(pictures: np.ndarray, where: np.ndarray, colour: tuple[Any, Any, Any]) -> None:
    """Colours the pixels with these flat indices; three scatters of bytes cost a third of one of triples."""
    values = pictures.reshape(-1)
    for channel, value in enumerate(colour):
        if value is not None:
            values[3 * where + channel] = value


def _bones(points: np.ndarray, size: int, width: int) -> np.ndarray:
    """Which pixels are under bones, `(T, size, size)` bool; ``points`` are columns and rows, `(T, 20, 2)`.

    The frames are drawn below one another on one tall image, with as much blank between them. A frame with joints
    farther out than half of that gets an image of its own.
    """
    height = 2 * size
    near = (np.abs(points[..., 1] - size // 2) <= size).all(axis=1)
    placed = points[near]
    placed[..., 1] += height * np.arange(len(placed))[:, None]
    under = np.empty((len(points), size, size), np.bool_)
    under[near] = _lines(placed, height * len(placed), size, width).reshape(-1, height, size)[:, :size]
    for frame in np.flatnonzero(~near):
        under[frame] = _lines(points[[frame]], size, size, width)
    return under


def _lines(points: np.ndarray, rows: int, columns: int, width: int) -> np.ndarray:
    """Pillow's lines along all chains, `(rows, columns)` bool."""
    image = Image.new("L", (columns, rows))
    pen = ImageDraw.Draw(image)
    for chain in CHAINS:
        for line in points[:, chain].reshape(-1, 2 * len(chain)).tolist():
            pen.line(line, fill=1, width=width)
    return np.asarray(image).view(np.bool_)


def _joints(points: np.ndarray, size: int, radius: int) -> np.ndarray:
    """Flat indices of the pixels of all joints: Pillow's disc, which is the same everywhere, moved to each."""
    disc = Image.new("L", (2 * radius + 1, 2 * radius + 1))
    ImageDraw.Draw(disc).ellipse([0, 0, 2 * radius, 2 * radius], fill=1)
    down, right = np.nonzero(np.asarray(disc))
    rows, columns = points[..., 1, None] + (down - radius), points[..., 0, None] + (right - radius)
    inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
    frames = np.arange(len(points))[:, None, None]
    return np.asarray(((frames * size + rows) * size + columns)[inside])
