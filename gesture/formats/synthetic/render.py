"""Pictures of the body in its room: capsules with a depth buffer, seen by a colour and a depth camera."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from gesture.formats.synthetic.body import FX, Pose, project
from gesture.formats.synthetic.limbs import STRIPED, Limbs, palette
from gesture.formats.synthetic.motion import Script
from gesture.formats.synthetic.people import Recording

WIDTH, HEIGHT = 640, 480
_BASELINE = 0.075  # metres between a Kinect's projector and its camera


@dataclass(frozen=True)
class Picture:
    """One frame: `colour` (h, w, 3) uint8, `depth` (h, w) uint8 gray, `mask` (h, w) uint8 0 or 255."""

    colour: np.ndarray
    depth: np.ndarray
    mask: np.ndarray


def pictures(script: Script, pose: Pose, frames: Iterable[int]) -> Iterator[Picture]:
    """Draws these frames of a sample at 640x480 divided by the plan's coarseness."""
    canvas = _Canvas(script, pose)
    for frame in frames:
        yield canvas.draw(frame)


class _Canvas:
    """One sample's room and limbs, projected, and the buffers that its frames are drawn on."""

    def __init__(self, script: Script, pose: Pose) -> None:
        step = self._step = script.plan.coarseness
        self._recording, self._stripes = script.recording, script.subject.stripes
        self._room, self._wall = _empty_room(script.recording, step)
        self._palette = palette(script.subject, script.recording)
        self._rows = np.arange(HEIGHT // step, dtype=np.float32)
        self._columns = np.arange(WIDTH // step, dtype=np.float32)
        limbs = Limbs(script.subject, pose)
        nearest = np.maximum(limbs.ends[..., 2], 0.3)
        self._ends = ((project(limbs.ends) + 0.5) / step - 0.5).astype(np.float32)
        self._distance = limbs.ends[..., 2].astype(np.float32)
        self._radii = (limbs.radii * FX / nearest / step).astype(np.float32)
        self._pixels_per_metre = (FX / pose.joints[:, 0, 2] / step).astype(np.float32)
        self._materials = limbs.materials

    def draw(self, frame: int) -> Picture:
        self._depth = self._wall.copy()
        self._material = np.zeros(self._wall.shape, np.uint8)
        self._shade = np.ones(self._wall.shape, np.float32)
        for limb in range(len(self._materials)):
            self._draw_limb(frame, limb)
        return self._develop()

    def _draw_limb(self, frame: int, limb: int) -> None:
        """Fills the pixels where this limb is nearest; its surface bulges towards the camera by its radius."""
        ends, radii, distance = self._ends[frame, limb], self._radii[frame, limb], self._distance[frame, limb]
        low = np.maximum(np.floor((ends - radii[:, None]).min(axis=0)), 0).astype(int)
        high = np.maximum(np.ceil((ends + radii[:, None]).max(axis=0)) + 1, 0).astype(int)
        box = slice(low[1], high[1]), slice(low[0], high[0])
        buffer = self._depth[box]
        if not buffer.size:
            return
        # Each pixel's nearest point on the axis, and its place across the capsule in units of the local radius.
        x, y = self._columns[box[1]] - ends[0, 0], (self._rows[box[0]] - ends[0, 1])[:, None]
        across, down = ends[1] - ends[0]
        share = np.clip((x * across + y * down) / np.float32(max(across**2 + down**2, 1e-6)), 0, 1)
        radius = radii[0] + share * (radii[1] - radii[0])
        x, y = (x - share * across) / radius, (y - share * down) / radius
        bulge = 1 - x * x - y * y
        inside = bulge > 0
        bulge = np.sqrt(np.where(inside, bulge, 0))
        surface = distance[0] + share * (distance[1] - distance[0]) - bulge * radius / self._pixels_per_metre[frame]
        won = inside & (surface < buffer)
        right, below, near = self._recording.light
        shade = 0.5 + 0.5 * (x * right + y * below + bulge * near)
        material = self._materials[limb]
        if material == STRIPED:
            shade = shade * np.where(np.sin(share * np.pi * self._stripes) > 0, 1, 0.6)
        np.copyto(buffer, surface, where=won)
        np.copyto(self._shade[box], shade, where=won)
        np.copyto(self._material[box], material, where=won)

    def _develop(self) -> Picture:
        """From the buffers to what the two cameras record."""
        person = self._material > 0
        colour = self._room.copy()
        lit = self._palette[self._material[person]] * self._shade[person, None]
        colour[person] = np.clip(lit, 0, 255).astype(np.uint8)
        gray = np.rint(self._depth * np.float32(255_000 / self._recording.max_depth_mm))
        depth = np.clip(gray, 0, 255).astype(np.uint8)
        # Beside the body the projector's light does not reach the wall: no reading.
        reach = FX * _BASELINE * (1 / self._recording.distance - 1 / self._recording.wall) / self._step
        shadow = np.roll(person, -max(1, round(reach)), axis=1) & ~person
        depth[shadow] = 0
        return Picture(colour, depth, person.astype(np.uint8) * 255)


def _empty_room(recording: Recording, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Colour `(h, w, 3)` uint8 and depth `(h, w)` float32 [m] of a wall with things on it and before it."""
    rng = np.random.default_rng(recording.scenery)
    height, width = HEIGHT // step, WIDTH // step
    slope = np.linspace(-1, 1, width)[None, :] * rng.normal(0, 0.12) + np.linspace(-1, 1, height)[:, None] * 0.05
    depth = np.clip(recording.wall + slope, recording.distance + 0.3, recording.max_depth_mm / 1000 - 0.02)
    colour = rng.uniform(90, 220) * rng.normal(1, 0.12, 3) * (1 + 0.5 * slope[..., None])
    for _ in range(rng.integers(2, 7)):
        top, left, high, wide = rng.integers([0, 0, 40, 30], [400, 600, 480, 220]) // step
        box = slice(top, top + high), slice(left, left + wide)
        colour[box] = rng.uniform(30, 220) * rng.normal(1, 0.25, 3)
        depth[box] -= rng.choice([0, 0.1, 0.25]) * (depth[box] - recording.distance - 0.3).clip(0)
    colour = colour * recording.gain + rng.normal(0, 4, (height, width, 1))
    return np.clip(colour, 0, 255).astype(np.uint8), depth.astype(np.float32)
