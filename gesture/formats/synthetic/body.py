"""From wrists to a whole body in front of the sensor: two-bone arms, twenty joints, hands."""

from dataclasses import dataclass

import numpy as np

from gesture.formats.synthetic.motion import Script, body_scale, wander

FX, FY, CX, CY = 500.0, 525.0, 310.0, 260.0  # pinhole of the genuine recordings; pixels of 640x480

_UPPER_ARM, _FOREARM, _HAND = 0.3, 0.27, 0.08  # metres, for a height of 1.75 m

# The joints that the arms do not move, in the order of `JOINTS` (arms left 0), body coordinates, 1.75 m tall.
_STANDING = np.zeros((20, 3))
_STANDING[:4, 1] = [0, 0.08, 0.48, 0.68]
_STANDING[[4, 8]] = [[0.18, 0.45, 0], [-0.18, 0.45, 0]]
_STANDING[12:16] = [[0.09, -0.06, 0], [0.11, -0.48, -0.02], [0.12, -0.88, 0.03], [0.13, -0.93, -0.09]]
_STANDING[16:] = _STANDING[12:16] * np.array([-1, 1, 1])
_ELBOWS, _WRISTS, _HANDS, _SHOULDERS = [5, 9], [6, 10], [7, 11], [4, 8]


@dataclass(frozen=True)
class Pose:
    """The true body in each frame, in camera coordinates: X to the image's right, Y up, Z away; metres.

    Attributes:
        joints: `(N, 20, 3)` in the order of `JOINTS`.
        fingers: `(N, 2, 5, 3, 3)` knuckle, middle and tip of the five fingers, left hand first.
    """

    joints: np.ndarray
    fingers: np.ndarray


def project(points: np.ndarray) -> np.ndarray:
    """Pinhole of the genuine recordings: `(..., 3)` metres to `(..., 2)` pixels of 640x480."""
    z = np.maximum(points[..., 2], 0.1)
    return np.stack([CX + FX * points[..., 0] / z, CY - FY * points[..., 1] / z], axis=-1)


def pose(script: Script, seed: int) -> Pose:
    """The body that performs a script: sways a little, follows its wrists."""
    rng = np.random.default_rng([seed, 4, script.plan.number])
    scale = body_scale(script.subject)
    frames = len(script.wrists.position)
    joints = np.tile(_STANDING * scale, (frames, 1, 1))
    joints[:, _WRISTS] = script.wrists.position
    joints[:, _ELBOWS], joints[:, _WRISTS] = _reach(joints[:, _SHOULDERS], joints[:, _WRISTS], script)
    axes = _hand_axes(script)
    joints[:, _HANDS] = joints[:, _WRISTS] + _HAND * scale * axes[:, :, 0]
    fingers = joints[:, _WRISTS][:, :, None, None] + np.einsum("nsfpk,nskc->nsfpc", script.wrists.fingers, axes)
    joints[:, 3] += scale * (0.008 * wander(rng, frames, (3,), (20, 120)))
    turn, origin = _stance(script, frames, rng)
    return Pose(
        np.einsum("nij,npj->npi", turn, joints) + origin[:, None],
        np.einsum("nij,nsfpj->nsfpi", turn, fingers) + origin[:, None, None, None],
    )


def _reach(shoulders: np.ndarray, wrists: np.ndarray, script: Script) -> tuple[np.ndarray, np.ndarray]:
    """Two-bone inverse kinematics: elbows and reachable wrists, each `(N, 2, 3)`; the elbow hangs down and outwards."""
    scale = body_scale(script.subject)
    upper, fore = _UPPER_ARM * scale, _FOREARM * scale
    reach = wrists - shoulders
    distance = np.linalg.norm(reach, axis=-1, keepdims=True)
    axis = reach / distance
    distance = np.clip(distance, 0.2 * (upper + fore), 0.985 * (upper + fore))
    along = (upper**2 - fore**2 + distance**2) / (2 * distance)
    aside = np.sqrt(np.maximum(upper**2 - along**2, 0))
    swivel = script.subject.swivel
    # Behind the body a little, so that a hanging arm bends as arms do.
    hang = np.array([[side * np.sin(swivel), -np.cos(swivel), 0.35] for side in (1, -1)])
    hang = hang - (hang * axis).sum(axis=-1, keepdims=True) * axis
    hang /= np.linalg.norm(hang, axis=-1, keepdims=True)
    return shoulders + along * axis + aside * hang, shoulders + distance * axis


def _hand_axes(script: Script) -> np.ndarray:
    """Axes of both hands, `(N, 2, 3, 3)`: along the fingers, thumbwards, out of the palm; orthonormal."""
    along = script.wrists.along / np.linalg.norm(script.wrists.along, axis=-1, keepdims=True)
    palm = script.wrists.palm - (script.wrists.palm * along).sum(axis=-1, keepdims=True) * along
    palm /= np.maximum(np.linalg.norm(palm, axis=-1, keepdims=True), 1e-6)
    thumb = np.cross(along, palm) * np.array([1.0, -1.0])[:, None]
    return np.stack([along, thumb, palm], axis=2)


def _stance(script: Script, frames: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rotation `(N, 3, 3)` and place of the hip centre `(N, 3)` in camera coordinates: yaw, lean and sway."""
    place = script.recording
    yaw = place.yaw + 0.03 * wander(rng, frames, (), (60, 200))
    lean = 0.02 * wander(rng, frames, (), (60, 200))
    sin_yaw, cos_yaw, one, zero = np.sin(yaw), np.cos(yaw), np.ones(frames), np.zeros(frames)
    turn = np.stack([cos_yaw, zero, sin_yaw, zero, one, zero, -sin_yaw, zero, cos_yaw], axis=-1).reshape(-1, 3, 3)
    tilt = np.stack([np.cos(lean), -np.sin(lean), zero, np.sin(lean), np.cos(lean), zero, zero, zero, one], axis=-1)
    head = (CY - place.head_row) * place.distance / FY
    middle = np.array([place.sideways, head - 0.68 * body_scale(script.subject), place.distance])
    sway = wander(rng, frames, (3,), (50, 200)) * [0.012, 0.004, 0.015]
    return turn @ tilt.reshape(-1, 3, 3), middle + sway
