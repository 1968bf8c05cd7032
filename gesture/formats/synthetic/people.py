"""Who moves and where it is recorded: everything that stays the same within one sample."""

import colorsys
from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Subject:
    """One person; lengths in metres, colours 0-255.

    Attributes:
        height: of the body.
        girth: factor on all widths.
        tempo: factor on speed.
        amplitude: factor on the size of movements.
        swivel: how far the elbows stand out, radians from straight down.
        rest: wrist at rest from its shoulder (outwards, up, forwards), in arm lengths.
        left_handed: acts with the left arm.
        short_sleeves: bare forearms.
        stripes: bands over the shirt, 0 for plain.
    """

    height: float
    girth: float
    tempo: float
    amplitude: float
    swivel: float
    rest: tuple[float, float, float]
    left_handed: bool
    short_sleeves: bool
    stripes: int
    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour


@dataclass(frozen=True)
class Recording:
    """One recording's room and sensor; metres, radians.

    Attributes:
        distance: from the sensor to the person.
        sideways: of the person from the optical axis.
        head_row: row of the video at which the head stands.
        yaw: how far the person is turned.
        max_depth_mm: depth that gray 255 stands for.
        wall: distance of the wall.
        gain: exposure of each colour channel.
        light: direction towards the light (right, down, towards the camera), of unit length.
        scenery: seed of the background.
    """

    distance: float
    sideways: float
    head_row: float
    yaw: float
    max_depth_mm: int
    wall: float
    gain: Colour
    light: tuple[float, float, float]
    scenery: int


# Hands hanging, loosely bent, joined before the belly.
_RESTS = ((0.1, -0.93, 0.08), (0.2, -0.85, 0.25), (-0.2, -0.72, 0.36))
_SKINS = ((241, 205, 180), (222, 178, 147), (190, 138, 104), (140, 94, 66), (92, 60, 44))
_HAIRS = ((25, 20, 18), (60, 40, 25), (110, 75, 40), (180, 150, 95), (130, 130, 130))


def _cloth(rng: np.random.Generator) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.05, 0.8), rng.uniform(0.15, 0.9))
    return 255 * red, 255 * green, 255 * blue


def draw_subject(seed: int, number: int, variety: float) -> Subject:
    """The person with this number: a pure function of the arguments; `variety` is that of `Preset`."""
    rng = np.random.default_rng([seed, 1, number])

    def between(low: float, high: float) -> float:
        return _between(rng, low, high, variety)

    rest = np.array(_RESTS[rng.choice(3, p=[0.5, 0.25, 0.25])]) + rng.normal(0, 0.025, 3)
    skin = np.array(_SKINS[rng.integers(len(_SKINS))]) * rng.uniform(0.92, 1.05)
    return Subject(
        height=float(np.clip(rng.normal(1.71, 0.085), 1.52, 1.93)),
        girth=between(0.88, 1.2),
        tempo=between(0.8, 1.3),
        amplitude=between(0.75, 1.25),
        swivel=between(0.1, 0.8),
        rest=(rest[0], rest[1], rest[2]),
        left_handed=rng.uniform() < 0.2,
        short_sleeves=rng.uniform() < 0.5,
        stripes=int(rng.choice([0, 0, 5, 9])),
        skin=(skin[0], skin[1], skin[2]),
        hair=_HAIRS[rng.integers(len(_HAIRS))],
        shirt=_cloth(rng),
        trousers=_cloth(rng),
    )


def draw_recording(seed: int, number: int, variety: float) -> Recording:
    """The room and sensor of the sample with this number: a pure function of the arguments."""
    rng = np.random.default_rng([seed, 2, number])
    distance = _between(rng, 1.5, 2.4, variety)
    max_depth_mm = 4095 if rng.uniform() < 0.65 else int(rng.uniform(max(2505, 1000 * distance + 500), 3886))
    light = rng.normal([0, -0.5, 1], [0.5, 0.2, 0.1])
    light /= np.linalg.norm(light)
    gain = rng.uniform(0.7, 1.15) * rng.normal(1, 0.04, 3)
    return Recording(
        distance=distance,
        sideways=rng.normal(-0.04, 0.04 * variety),
        head_row=_between(rng, 60, 105, variety),
        yaw=variety * float(np.clip(rng.normal(0, 0.12), -0.3, 0.3)),
        max_depth_mm=max_depth_mm,
        wall=rng.uniform(distance + 0.4, max_depth_mm / 1000 - 0.06),
        gain=(gain[0], gain[1], gain[2]),
        light=(light[0], light[1], light[2]),
        scenery=int(rng.integers(2**31)),
    )


def _between(rng: np.random.Generator, low: float, high: float, variety: float) -> float:
    """Uniform in a range that shrinks around its middle with the variety."""
    return (low + high) / 2 + variety * (rng.uniform() - 0.5) * (high - low)
