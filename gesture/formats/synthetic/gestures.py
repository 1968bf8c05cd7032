"""The twenty gestures as paths of the wrist, and the five hand shapes."""

from dataclasses import dataclass

import numpy as np

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Gesture:
    """One gesture of one arm; vectors are (outwards, up, forwards) from the acting side, metres for a height of 1.75 m.

    Attributes:
        anchor: ``shoulder`` of the acting arm, ``face`` or ``chest`` on the mid-line.
        centre: middle of the path, seen from the anchor.
        swing: times sin of the phase.
        circle: times cos of the phase; with a swing it draws an ellipse.
        sweep: runs once from minus half to plus half of it.
        cycles: fewest and most rounds of the phase.
        shape: hand shape, a key of `SHAPES`.
        along: where the straight fingers point.
        palm: where the palm looks.
        hands: 1, or 2 in mirror image; the second half a round later if `alternate`.
    """

    anchor: str
    centre: Vector
    shape: str
    along: Vector
    palm: Vector
    swing: Vector = (0, 0, 0)
    circle: Vector = (0, 0, 0)
    sweep: Vector = (0, 0, 0)
    cycles: tuple[int, int] = (2, 3)
    hands: int = 1
    alternate: bool = False


_FRONT: Vector = (-0.03, -0.04, 0.36)

# Confusions are planned. 3/11: one path, two hand shapes. 2/3/15: one place, three directions, one of them towards
# the camera. 4/8/18: 8-15 cm apart at the face. 5/13 and 7/19: two-handed, one place, two directions.
GESTURES = {
    1: Gesture("shoulder", (0.12, 0.02, 0.38), "open", (0.3, 0.9, 0.4), (0.2, 0, 1), swing=(0.15, 0.06, 0.09)),
    2: Gesture("shoulder", _FRONT, "open", (-0.2, 0.5, 0.8), (0, 1, -0.3), swing=(0, 0.04, 0.13)),
    3: Gesture("shoulder", _FRONT, "point", (-0.1, 0.7, 0.7), (-0.4, 0, 1), swing=(0.14, 0, 0.02), cycles=(1, 2)),
    4: Gesture("face", (0.13, -0.13, 0.14), "point", (-0.5, 0.85, -0.1), (-0.6, 0, -0.8), swing=(0, 0.035, 0)),
    5: Gesture("chest", (0.15, -0.2, 0.32), "open", (-0.1, 0, 1), (0, 1, 0), swing=(0, 0.09, 0), hands=2),
    6: Gesture("shoulder", (-0.06, -0.14, 0.3), "purse", (-0.1, 1, 0.2), (-0.3, 0, -1), swing=(0, 0.09, 0.05)),
    7: Gesture("chest", (0.11, -0.04, 0.34), "point", (-0.2, 0.2, 1), (0, -1, 0), swing=(0.06, 0, 0), hands=2),
    8: Gesture(
        "face", (0.2, -0.07, 0.11), "point", (-0.5, 0.8, -0.2), (-0.9, 0, -0.3),
        swing=(0, 0.03, 0), circle=(0.01, 0, 0.03),
    ),
    9: Gesture("chest", (0.06, 0.0, 0.3), "open", (-0.1, 1, 0.3), (-1, 0, 0), swing=(0, 0.06, 0.07), hands=2),
    10: Gesture(
        "face", (0.08, -0.23, 0.26), "open", (-0.3, 0.9, 0.1), (0, 0, -1), swing=(0, 0.03, 0.11), cycles=(1, 2)
    ),
    11: Gesture("shoulder", _FRONT, "ring", (-0.1, 0.7, 0.7), (-0.4, 0, 1), swing=(0.14, 0, 0.02), cycles=(1, 2)),
    12: Gesture("face", (0.1, -0.16, 0.18), "fist", (-0.6, 0.7, 0), (-0.2, 0, -1), swing=(0.05, 0.02, 0)),
    13: Gesture("chest", (0.15, -0.2, 0.32), "open", (-0.1, 0, 1), (0, -1, 0), swing=(0.13, 0, 0), hands=2),
    14: Gesture("shoulder", (0.14, 0.1, 0.26), "open", (-0.1, 1, 0.2), (-0.8, 0, 0.5), swing=(0.05, 0.06, 0.1)),
    15: Gesture("shoulder", _FRONT, "point", (-0.2, 0.6, 0.8), (-0.4, 0, 1), swing=(0.02, 0.13, 0)),
    16: Gesture("chest", (0.1, -0.27, 0.18), "open", (-1, 0, 0.1), (0, -1, 0), swing=(0.07, 0, 0.01)),
    17: Gesture(
        "shoulder", (0.1, 0.2, 0.1), "open", (0, 0.9, -0.4), (-0.3, 0, 1), swing=(0, 0.09, 0), circle=(0, 0, 0.09)
    ),
    18: Gesture("face", (0.15, -0.22, 0.13), "point", (-0.4, 0.9, -0.1), (-0.5, 0, -0.9), swing=(0.03, 0, 0.02)),
    19: Gesture(
        "chest", (0.08, -0.04, 0.34), "point", (-0.2, 0.2, 1), (0, -1, 0),
        swing=(0, 0.01, 0.07), hands=2, alternate=True,
    ),
    20: Gesture("face", (0.12, -0.16, 0.18), "open", (-1, 0.1, 0.1), (0, -1, 0), sweep=(0, 0.22, 0), cycles=(1, 1)),
}  # fmt: skip

# Movements that mean nothing: scratching the head, rubbing the chin, straightening the shirt, a stretch, a shrug.
DISTRACTORS = (
    Gesture("face", (0.14, 0.06, 0.04), "open", (-0.7, 0.7, 0), (-0.5, -0.5, -0.5), swing=(0.03, 0.02, 0)),
    Gesture("face", (0.08, -0.22, 0.15), "fist", (-0.5, 0.8, 0), (0, 0, -1), swing=(0.02, 0.02, 0)),
    Gesture("chest", (0.08, -0.15, 0.2), "fist", (-0.8, 0.2, 0.3), (0, 0, -1), swing=(0.02, 0.05, 0.02)),
    Gesture("shoulder", (0.3, 0.1, 0.2), "fist", (0.5, 0.8, 0.2), (-0.3, 0, 1), sweep=(0.1, 0.2, 0), cycles=(1, 1)),
    Gesture("chest", (0.3, -0.1, 0.2), "open", (0.4, 0.2, 0.8), (0, 1, 0), swing=(0.02, 0.05, 0), hands=2),
)


def _hand_shapes() -> dict[str, np.ndarray]:
    """Knuckle, middle and tip of thumb, index, middle, ring and little finger: `(5, 3, 3)` metres.

    Axes: along the hand, thumbwards, out of the palm; the wrist is 0.
    """
    base = np.array([[0.03, 0.035, 0.01], [0.085, 0.03, 0], [0.09, 0.01, 0], [0.087, -0.011, 0], [0.08, -0.03, 0]])
    spread = np.array([[0, 0, 0], [1, 0.25, 0], [1, 0.07, 0], [1, -0.1, 0], [1, -0.3, 0]])
    lengths = np.array([0, 0.047, 0.052, 0.048, 0.038])[:, None]
    straight = np.stack([base, base + spread * lengths, base + 1.9 * spread * lengths], axis=1)
    straight[0, 1:] = [[0.062, 0.066, 0.012], [0.085, 0.09, 0.015]]
    curled = np.stack([base, base + np.array([0.012, 0, 0.038]), base + np.array([-0.035, 0, 0.036])], axis=1)
    curled[0, 1:] = [[0.06, 0.035, 0.035], [0.07, 0.002, 0.046]]
    point = curled.copy()
    point[1] = straight[1]
    ring = straight.copy()
    ring[0, 1:] = [[0.062, 0.066, 0.028], [0.102, 0.064, 0.05]]
    ring[1, 1:] = [[0.128, 0.044, 0.026], [0.108, 0.062, 0.052]]
    purse = np.stack([base, base + np.array([0.035, 0, 0.005]), np.tile([0.155, 0.005, 0.035], (5, 1))], axis=1)
    purse[0, 1] = [0.08, 0.035, 0.04]
    return {"open": straight, "fist": curled, "point": point, "ring": ring, "purse": purse}


SHAPES = _hand_shapes()
RELAXED = 0.6 * SHAPES["open"] + 0.4 * SHAPES["fist"]
