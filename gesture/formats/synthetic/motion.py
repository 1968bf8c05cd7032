"""The movement of one sample: when each gesture is performed, and where the wrists and fingers are in each frame."""

from dataclasses import dataclass

import numpy as np

from gesture.formats.synthetic.gestures import DISTRACTORS, GESTURES, RELAXED, SHAPES, Gesture
from gesture.formats.synthetic.people import Recording, Subject, draw_recording, draw_subject
from gesture.formats.synthetic.presets import Plan

LEFT, RIGHT = 0, 1
_SIDES = np.array([1.0, -1.0])  # the subject's left is the image's right, X > 0


@dataclass(frozen=True)
class Label:
    """One labelled gesture: class id 1-20, first and last frame, 1-based and inclusive as in ``_labels.csv``."""

    gesture: int
    begin: int
    end: int


@dataclass(frozen=True)
class Wrists:
    """What the arms are asked to do, in body coordinates (X left, Y up, Z away from the camera), hip centre at 0.

    Attributes:
        position: `(N, 2, 3)` wrist targets in metres, left first.
        along: `(N, 2, 3)` where the straight fingers point.
        palm: `(N, 2, 3)` where the palm looks.
        fingers: `(N, 2, 5, 3, 3)` joints of the fingers in the hand's own axes.
    """

    position: np.ndarray
    along: np.ndarray
    palm: np.ndarray
    fingers: np.ndarray


@dataclass(frozen=True)
class Script:
    """One sample before it is drawn: the people, the labels and the movement of the wrists."""

    plan: Plan
    subject: Subject
    recording: Recording
    labels: list[Label]
    wrists: Wrists


@dataclass(frozen=True)
class _Movement:
    """One gesture or distractor in time; `label` is None for the latter."""

    gesture: Gesture
    begin: int
    length: int
    label: int | None


def perform(plan: Plan, seed: int) -> Script:
    """Plays one sample: a pure function of the plan and the seed."""
    subject = draw_subject(seed, plan.subject, plan.variety)
    recording = draw_recording(seed, plan.number, plan.variety)
    rng = np.random.default_rng([seed, 3, plan.number])
    movements, frames = _schedule(plan, subject, rng)
    wrists = _at_rest(subject, frames, rng)
    for movement in movements:
        _add(movement, wrists, subject, rng)
    labels = [
        Label(m.label, m.begin + 1 + int(rng.integers(-2, 3)), m.begin + m.length + int(rng.integers(-2, 3)))
        for m in movements
        if m.label is not None
    ]
    return Script(plan, subject, recording, labels, wrists)


def body_scale(subject: Subject) -> float:
    """Size of the body relative to the one that `GESTURES` is written for."""
    return subject.height / 1.75


def wander(rng: np.random.Generator, frames: int, shape: tuple[int, ...], period: tuple[float, float]) -> np.ndarray:
    """Smooth noise of unit deviation: `(frames, *shape)`, three sinusoids with periods in this range of frames."""
    rate = 2 * np.pi / rng.uniform(*period, (3, *shape))
    phase = rng.uniform(0, 2 * np.pi, (3, *shape))
    time = np.arange(frames).reshape(-1, 1, *[1] * len(shape))
    return np.sin(rate * time + phase).sum(axis=1) * np.sqrt(2 / 3)


def _schedule(plan: Plan, subject: Subject, rng: np.random.Generator) -> tuple[list[_Movement], int]:
    """Gestures one after the other with pauses between them; in 12 % of the pauses a distractor."""
    movements: list[_Movement] = []
    now = int(rng.integers(14, 24))
    for gesture in plan.classes:
        if rng.uniform() < 0.12:
            length = int(rng.integers(20, 40))
            movements.append(_Movement(DISTRACTORS[rng.integers(len(DISTRACTORS))], now, length, None))
            now += length + int(rng.integers(5, 16))
        # The length depends on the person and on chance, never on the class: it must not give the class away.
        length = int(np.clip(round(42 / subject.tempo * np.exp(rng.normal(0, 0.13))), 25, 60))
        movements.append(_Movement(GESTURES[gesture], now, length, gesture))
        now += length + int(rng.integers(6, 24))
    return movements, now + int(rng.integers(4, 12))


def _at_rest(subject: Subject, frames: int, rng: np.random.Generator) -> Wrists:
    """Both arms at rest, with small idle movements."""
    rest = np.array([_to_body(subject.rest, side) for side in (LEFT, RIGHT)]) * _arm_length(subject)
    rest = _shoulders(subject) + rest + rng.normal(0, 0.015, (2, 3))
    position = rest + 0.008 * wander(rng, frames, (2, 3), (30, 150))
    forwards = -subject.rest[2]
    along = np.tile([[0.0, -0.6, forwards - 0.1]], (frames, 2, 1))
    palm = np.tile([[-1.0, 0, 0], [1.0, 0, 0]], (frames, 1, 1))
    return Wrists(position, along, palm, np.tile(RELAXED, (frames, 2, 1, 1, 1)))


def _add(movement: _Movement, wrists: Wrists, subject: Subject, rng: np.random.Generator) -> None:
    """Blends one movement into the arms that perform it; the other arm may twitch."""
    gesture = movement.gesture
    wrong_hand = rng.uniform() < 0.05
    acting = LEFT if subject.left_handed != wrong_hand else RIGHT
    window = slice(movement.begin, movement.begin + movement.length)
    time = (np.arange(movement.length) + 0.5) / movement.length
    prepare, retract = rng.uniform(0.2, 0.32), rng.uniform(0.2, 0.32)
    blend = _smooth_step(time / prepare) * _smooth_step((1 - time) / retract)
    stroke = np.clip((time - 0.6 * prepare) / (1 - 0.6 * prepare - 0.6 * retract), 0, 1)
    cycles = rng.integers(gesture.cycles[0], gesture.cycles[1] + 1)
    phase = 2 * np.pi * (cycles * stroke + rng.choice([0, 0.5]) + rng.normal(0, 0.04))
    size = subject.amplitude * rng.uniform(0.85, 1.15)
    misplaced = rng.normal(0, 0.022, 3)
    for side in (LEFT, RIGHT):
        noise = 0.012 * wander(rng, movement.length, (3,), (8, 40))
        if side != acting and gesture.hands == 1:
            wrists.position[window, side] += blend[:, None] * (noise + rng.normal(0, 0.03, 3))
            continue
        shift = np.pi if gesture.alternate and side == LEFT else 0.0
        path = _path(gesture, phase + shift, stroke, size) + misplaced + noise
        target = (_to_body(path, side) + _anchor(gesture, side)) * body_scale(subject)
        _mix(wrists.position[window, side], target, blend)
        # Hands turned halfway pass through forwards, else the mean of two opposite directions would vanish.
        halfway = (blend * (1 - blend))[:, None] * np.array([0, 0, -2.0])
        _mix(wrists.along[window, side], _to_body(gesture.along + rng.normal(0, 0.1, 3), side), blend)
        wrists.along[window, side] += halfway
        _mix(wrists.palm[window, side], _to_body(gesture.palm + rng.normal(0, 0.1, 3), side), blend)
        _mix(wrists.fingers[window, side], SHAPES[gesture.shape] * body_scale(subject), blend)


def _path(gesture: Gesture, phase: np.ndarray, stroke: np.ndarray, size: float) -> np.ndarray:
    """The wrist's path (outwards, up, forwards): `(T, 3)` metres from the anchor."""
    moves = np.outer(np.sin(phase), gesture.swing) + np.outer(np.cos(phase), gesture.circle)
    moves += np.outer(_smooth_step(stroke) - 0.5, gesture.sweep)
    return gesture.centre + size * moves


def _mix(into: np.ndarray, target: np.ndarray, blend: np.ndarray) -> None:
    """Moves each frame of `into` towards the target by its share of the blend, in place."""
    share = blend.reshape(-1, *[1] * (into.ndim - 1))
    into += share * (target - into)


def _smooth_step(x: np.ndarray) -> np.ndarray:
    """Minimum-jerk step from 0 to 1 (Flash and Hogan 1985)."""
    x = np.clip(x, 0, 1)
    return x**3 * (10 - 15 * x + 6 * x**2)


def _to_body(vector: np.ndarray | tuple[float, float, float], side: int) -> np.ndarray:
    """From (outwards, up, forwards) of one side to body coordinates."""
    return np.asarray(vector) * [_SIDES[side], 1, -1]


def _anchor(gesture: Gesture, side: int) -> np.ndarray:
    """Where a gesture's path is seen from, for a height of 1.75 m."""
    return {
        "shoulder": np.array([0.18 * _SIDES[side], 0.45, 0]),
        "face": np.array([0, 0.68, 0]),
        "chest": np.array([0, 0.3, 0]),
    }[gesture.anchor]


def _shoulders(subject: Subject) -> np.ndarray:
    return np.array([[0.18, 0.45, 0], [-0.18, 0.45, 0]]) * body_scale(subject)


def _arm_length(subject: Subject) -> float:
    return 0.57 * body_scale(subject)
