"""Batches hold the bytes that they held when one thread computed all pixels in float64, whoever makes them."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesture.config.settings import Augmentation
from gesture.formats.sequence import Sequence
from gesture.inputs import gray
from gesture.inputs.batch import Inputs, load_batch
from gesture.inputs.person import Person
from gesture.inputs.pictures import Depth
from gesture.inputs.skeleton import Skeleton
from gesture.inputs.skeleton_image import draw, draw_standardised
from gesture.networks.smnet import SMnetSettings

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import batches_before

EVERYTHING = Augmentation(
    translation=0.3,
    speed=0.4,
    frame_jitter=2,
    time_warp=0.5,
    scale=0.3,
    gamma=1,
    horizontal_flip=0.5,
    modality_dropout=0.5,
    joint_noise=0.05,
)
CHANGES = {
    "none": None,
    "translation": Augmentation(translation=0.2),
    "scale": Augmentation(scale=0.2),
    "horizontal_flip": Augmentation(horizontal_flip=0.7),
    "time": Augmentation(speed=0.3, frame_jitter=1, time_warp=0.4),
    "gamma": Augmentation(gamma=0.5),
    "noise": Augmentation(joint_noise=0.02),
    "lost": Augmentation(modality_dropout=0.9),
    "everything": EVERYTHING,
    "mixup": Augmentation(mixup=0.4, time_warp=0.5, horizontal_flip=0.5),
}
STREAMS = ("rgb", "depth", "mask", "skeleton")
INPUTS = {
    "pictures": Inputs.made(SMnetSettings().pictures(STREAMS)),
    "padded": Inputs.made(SMnetSettings(layout="padded").pictures(STREAMS)),
    "motion": Inputs.made(SMnetSettings().pictures(STREAMS, motion=True)),
    "no mask": Inputs((Depth(),)),
    "skeleton": Inputs((Skeleton(),)),
    "person": Inputs((Person(side=24, frames=6), Skeleton())),
}


def sequence(number: int, size: int) -> Sequence:
    """A person who moves before a wall; some as plain, dark or short as records can be."""
    rng = np.random.default_rng(number)
    length = (1, 16, 33, 60)[number % 4]
    skeleton = rng.normal(1, 0.3, (length, 20, 9)).astype(np.float32)
    skeleton[..., 7:] = rng.integers((120, 0), (480, 350), (length, 20, 2))
    skeleton[: length // 5] = 0
    mask = np.zeros((length, size, size, 1), np.bool_)
    mask[:, size // 4 : -size // 8, size // 3 : -size // 3] = True
    arrays = {
        "rgb": rng.integers(0, 256, (length, size, size, 3), np.uint8),
        "depth": rng.integers(0, 256, (length, size, size, 1), np.uint8),
    }
    if number % 5 == 4:
        arrays = {name: np.full_like(array, 7 * number % 256) for name, array in arrays.items()}
    return Sequence(number, "training", number % 3, max_depth_mm=4095, mask=mask, skeleton=skeleton, **arrays)


class Made:
    """Records held in memory; read-only, as those on disk are."""

    def __init__(self, size: int) -> None:
        self.manifest = {"size": size}

    def read(self, position: int) -> Sequence:
        made = sequence(position, self.manifest["size"])
        for array in made.arrays.values():
            array.setflags(write=False)
        return made

    def labels(self, positions: np.ndarray) -> np.ndarray:
        return (positions % 3).astype(np.int32)


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert set(one) == set(other)
    for name, array in one.items():
        assert (array.dtype, array.shape) == (other[name].dtype, other[name].shape), name
        assert array.tobytes() == other[name].tobytes(), name


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("kind", INPUTS)
def test_a_batch_has_the_bytes_of_before(kind: str, changes: str) -> None:
    for step, size in ((3, 80), (4, 32), (5, 15)):
        positions = np.arange(step, step + 5)
        arguments = (Made(size), positions, INPUTS[kind], CHANGES[changes])
        now, before = (
            make(*arguments, np.random.default_rng([1, step, 1])) for make in (load_batch, batches_before.load_batch)
        )
        assert_same(now, before)


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(0, 255), st.integers(0, 255))
def test_standardised_bytes_are_those_of_float64(seed: int, length: int, low: int, high: int) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(min(low, high), max(low, high) + 1, (length, 9, 11, 3)).astype(np.uint8)
    out = np.empty(images.shape, np.float32)
    gray.standardised(images, out)
    assert out.tobytes() == batches_before.standardise(images).tobytes()


def test_where_rounding_could_show_numpys_own_deviation_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gray, "ROUNDING", 1e-6)  # shows always
    images = np.random.default_rng(0).integers(0, 256, (9, 20, 20, 3)).astype(np.uint8)
    assert gray.table_of(*gray.sums(images), images.size) is None
    out = np.empty(images.shape, np.float32)
    gray.standardised(images, out)
    assert out.tobytes() == batches_before.standardise(images).tobytes()
    skeleton = sequence(3, 20).skeleton
    drawn = np.empty((len(skeleton), 20, 20, 3), np.float32)
    draw_standardised(skeleton, 20, drawn)
    assert drawn.tobytes() == batches_before.standardise(draw(skeleton, 20)).tobytes()


def test_sums_of_white_pictures_do_not_overflow() -> None:
    images = np.full((40, 80, 80, 3), 255, np.uint8)
    assert gray.sums(images) == (255 * images.size, 255**2 * images.size)
