"""The skeleton as a depth sensor reports it: noise, frozen arms, rotations, pixels."""

import numpy as np

from gesture.formats.synthetic.body import Pose, project

_PARENTS = np.array([0, 0, 1, 2, 2, 4, 5, 6, 2, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18])
_ARMS = {"left": [5, 6, 7], "right": [9, 10, 11]}
_NEAR_FACTOR, _NEAR_RANGE = 7.0, 0.14  # the tracker loses a hand before the face or the torso
_MEMORY = 0.8  # AR(1) coefficient from frame to frame at 20 fps

# Deviation of the noise in metres, joints in the order of `JOINTS`.
_NOISE = np.array([6, 6, 7, 8, 9, 14, 18, 20, 9, 14, 18, 20, 7, 10, 12, 14, 7, 10, 12, 14]) / 1000


def skeleton(pose: Pose, seed: int, number: int) -> np.ndarray:
    """What the sensor reports: `(N, 20, 9)` world x y z [m], quaternion x y z w, pixel x y of 640x480 (whole pixels).

    The first three or four frames are all zero, as in the genuine recordings, until the tracker has found the person.
    """
    rng = np.random.default_rng([seed, 5, number])
    near = _nearness(pose.joints)
    world = pose.joints + _autoregressive(rng, pose.joints.shape) * _spread(near)
    _freeze_arms(world, near, rng)
    world = world.round(6)  # as the file holds it, so that pixels and world agree after a round trip
    report = np.concatenate([world, _rotations(world).round(6), np.rint(project(world))], axis=-1)
    report[: rng.integers(3, 5)] = 0
    return report


def _nearness(joints: np.ndarray) -> np.ndarray:
    """How close each hand is to the face or the torso in the image plane's sense, 0 to 1: `(N, 2)`, left first."""
    hands = joints[:, [7, 11]]
    targets = np.stack([joints[:, 3], joints[:, 2], joints[:, [1, 2]].mean(axis=1), joints[:, 1]], axis=1)
    # Depth tells a hand in front of the body apart, but only partly.
    gap = (hands[:, :, None] - targets[:, None]) * [1, 1, 0.5]
    nearest = np.linalg.norm(gap, axis=-1).min(axis=-1)
    return np.exp(-((nearest / _NEAR_RANGE) ** 2))


def _spread(near: np.ndarray) -> np.ndarray:
    """Deviation of the noise of each joint in each frame: `(N, 20, 1)` metres."""
    spread = np.tile(_NOISE, (len(near), 1))
    factor = 1 + (_NEAR_FACTOR - 1) * near
    for side, arm in enumerate(_ARMS.values()):
        spread[:, arm[1:]] *= factor[:, side, None]
        spread[:, arm[0]] *= np.sqrt(factor[:, side])
    return spread[:, :, None]


def _autoregressive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """AR(1) noise of unit deviation along the first axis."""
    noise = rng.normal(size=shape)
    fresh = np.sqrt(1 - _MEMORY**2)
    for frame in range(1, len(noise)):
        noise[frame] = _MEMORY * noise[frame - 1] + fresh * noise[frame]
    return noise


def _freeze_arms(world: np.ndarray, near: np.ndarray, rng: np.random.Generator) -> None:
    """Holds an arm still for 5 to 15 frames, in place; more often where the hand is hard to see."""
    for side, arm in enumerate(_ARMS.values()):
        starts = np.flatnonzero(rng.uniform(size=len(world)) < 0.002 + 0.015 * near[:, side])
        for start in starts:
            stop = start + rng.integers(5, 16)
            world[start:stop, arm] = world[start, arm]


def _rotations(world: np.ndarray) -> np.ndarray:
    """Absolute rotation of each joint, `(N, 20, 4)` x y z w: its Y axis follows the bone from the parent joint.

    The remaining freedom is fixed by the body's forward direction; the root's Y axis is the spine. Signs are chosen
    so that a rotation is continuous in time.
    """
    bone = world - world[:, _PARENTS]
    bone[:, 0] = world[:, 2] - world[:, 0]
    across = world[:, 4] - world[:, 8]
    forward = np.cross(across, bone[:, 0])[:, None]
    y = _unit(bone)
    x = _unit(np.cross(y, np.broadcast_to(forward, bone.shape)))
    z = np.cross(x, y)
    quaternion = _quaternions(x, y, z)
    agree = np.sign((quaternion[1:] * quaternion[:-1]).sum(axis=-1, keepdims=True))
    quaternion[1:] *= np.cumprod(np.where(agree == 0, 1, agree), axis=0)
    return quaternion


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _quaternions(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Unit quaternions x y z w of the rotations with these columns; the largest of four forms is the stable one."""
    xx, yy, zz = x[..., 0], y[..., 1], z[..., 2]
    xy, yx, xz, zx, yz, zy = y[..., 0], x[..., 1], z[..., 0], x[..., 2], z[..., 1], y[..., 2]
    forms = np.stack(
        [
            np.stack([1 + xx - yy - zz, xy + yx, xz + zx, zy - yz], axis=-1),
            np.stack([xy + yx, 1 - xx + yy - zz, yz + zy, xz - zx], axis=-1),
            np.stack([xz + zx, yz + zy, 1 - xx - yy + zz, yx - xy], axis=-1),
            np.stack([zy - yz, xz - zx, yx - xy, 1 + xx + yy + zz], axis=-1),
        ],
        axis=-2,
    )
    best = np.linalg.norm(forms, axis=-1).argmax(axis=-1)
    return _unit(np.take_along_axis(forms, best[..., None, None], axis=-2)[..., 0, :])
