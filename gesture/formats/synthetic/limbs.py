"""The body as capsules: what a renderer draws, in metres, and what each is made of."""

import numpy as np

from gesture.formats.synthetic.body import Pose
from gesture.formats.synthetic.motion import body_scale
from gesture.formats.synthetic.people import Recording, Subject

SKIN, HAIR, SHIRT, STRIPED, TROUSERS, DARK, SLEEVE = range(1, 8)


class Limbs:
    """All capsules of one body in all frames.

    Attributes:
        ends: `(N, P, 2, 3)` camera coordinates in metres.
        radii: `(P, 2)` metres, at the first and at the last end.
        materials: `(P,)` uint8, the constants of this module.
    """

    def __init__(self, subject: Subject, pose: Pose) -> None:
        self._scale, self._girth = body_scale(subject), subject.girth
        self._shirt = STRIPED if subject.stripes else SHIRT
        self._joints = pose.joints
        self._up = _direction(pose.joints[:, 2] - pose.joints[:, 0])
        self._across = _direction(pose.joints[:, 4] - pose.joints[:, 8])
        self._forward = np.cross(self._up, self._across)  # towards the camera: Y x X = -Z
        self._ends: list[np.ndarray] = []
        self._radii: list[tuple[float, float]] = []
        self._materials: list[int] = []
        self._add_torso()
        self._add_head()
        self._add_legs()
        for hand, shoulder in enumerate((4, 8)):
            self._add_arm(shoulder, pose.fingers[:, hand])
        self.ends = np.stack(self._ends, axis=1)
        self.radii = np.array(self._radii) * self._scale
        self.materials = np.array(self._materials, np.uint8)

    def _add(self, start: np.ndarray, end: np.ndarray, first: float, last: float, material: int) -> None:
        """One capsule; radii in metres for a height of 1.75 m."""
        self._ends.append(np.stack([start, end], axis=1))
        self._radii.append((first, last))
        self._materials.append(material)

    def _from(self, origin: np.ndarray, across: float, up: float, forward: float) -> np.ndarray:
        """A point beside another one, in the body's directions; metres for a height of 1.75 m."""
        return origin + self._scale * (across * self._across + up * self._up + forward * self._forward)

    def _add_torso(self) -> None:
        hip, neck, girth = self._joints[:, 0], self._joints[:, 2], self._girth
        for side, shoulder in ((1, 4), (-1, 8)):
            joint = self._joints[:, shoulder]
            top = self._from(neck + 0.55 * (joint - neck), 0, -0.08, 0)
            self._add(top, self._from(hip, side * 0.085 * girth, 0, 0), 0.1 * girth, 0.09 * girth, self._shirt)
            self._add(self._from(neck, 0, -0.02, 0), joint, 0.055, 0.06 * girth, SHIRT)
        chest, belly = self._from(neck, 0, -0.12, 0), self._from(hip, 0, 0.03, 0)
        self._add(chest, belly, 0.11 * girth, 0.105 * girth, self._shirt)
        self._add(self._from(neck, 0, -0.03, 0), self._from(self._joints[:, 3], 0, -0.08, 0), 0.052, 0.05, SKIN)

    def _add_head(self) -> None:
        head = self._joints[:, 3]
        self._add(self._from(head, 0, -0.055, 0.01), self._from(head, 0, 0.035, 0), 0.062, 0.078, SKIN)
        self._add(self._from(head, 0, 0.055, -0.03), self._from(head, 0, 0.02, -0.05), 0.088, 0.088, HAIR)
        for side in (-1, 1):
            inner, outer = (self._from(head, side * x, 0.005, z) for x, z in ((0.028, 0.066), (0.036, 0.064)))
            self._add(inner, outer, 0.008, 0.008, DARK)
        self._add(self._from(head, 0, -0.025, 0.075), self._from(head, 0, 0, 0.07), 0.011, 0.009, SKIN)
        left, right = (self._from(head, side * 0.02, -0.06, 0.066) for side in (1, -1))
        self._add(left, right, 0.006, 0.006, DARK)

    def _add_legs(self) -> None:
        for hip in (12, 16):
            thigh, knee, ankle = (self._joints[:, hip + i] for i in range(3))
            self._add(thigh, knee, 0.09 * self._girth, 0.062 * self._girth, TROUSERS)
            self._add(knee, ankle, 0.06 * self._girth, 0.045, TROUSERS)

    def _add_arm(self, shoulder: int, fingers: np.ndarray) -> None:
        upper, elbow, wrist = (self._joints[:, shoulder + i] for i in range(3))
        self._add(upper, elbow, 0.054 * self._girth, 0.044 * self._girth, SHIRT)
        self._add(elbow, wrist, 0.042 * self._girth, 0.029 * self._girth, SLEEVE)
        for knuckle in (1, 3):
            self._add(wrist, fingers[:, knuckle, 0], 0.025, 0.02, SKIN)
        for finger in range(5):
            thickness = 0.011 if finger else 0.013
            for joint in range(2):
                ends = fingers[:, finger, joint], fingers[:, finger, joint + 1]
                self._add(*ends, thickness, thickness - 0.001, SKIN)


def palette(subject: Subject, recording: Recording) -> np.ndarray:
    """Colour of each material under the recording's exposure: `(8, 3)` float32; row 0 is unused."""
    sleeve = subject.skin if subject.short_sleeves else subject.shirt
    red, green, blue = subject.skin
    dark = red / 4, green / 4, blue / 4
    colours = [(0, 0, 0), subject.skin, subject.hair, subject.shirt, subject.shirt, subject.trousers, dark, sleeve]
    return (np.array(colours, dtype=np.float64) * recording.gain * 1.15).astype(np.float32)


def _direction(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
