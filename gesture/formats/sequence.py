"""One gesture as every reader yields it and every record stores it."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

SPLITS = ("training", "validation", "test")
MODALITIES = ("rgb", "depth", "mask", "skeleton")

JOINTS = (
    "HipCenter", "Spine", "ShoulderCenter", "Head",
    "ShoulderLeft", "ElbowLeft", "WristLeft", "HandLeft",
    "ShoulderRight", "ElbowRight", "WristRight", "HandRight",
    "HipLeft", "KneeLeft", "AnkleLeft", "FootLeft",
    "HipRight", "KneeRight", "AnkleRight", "FootRight",
)  # fmt: skip

_TRAILING_SHAPES = {"rgb": ("H", "W", 3), "depth": ("H", "W", 1), "mask": ("H", "W", 1), "skeleton": (20, 9)}
_DTYPES = {"rgb": np.uint8, "depth": np.uint8, "mask": np.bool_, "skeleton": np.float32}


@dataclass(frozen=True)
class Sequence:
    """One isolated gesture with any subset of the four modalities, all of the same length T.

    Attributes:
        id: integer, unique within its split.
        split: ``training``, ``validation`` or ``test``.
        label: class, 0-based; None where the data has none.
        subject: who moves; None where unknown.
        source: the recording it was cut from, such as ``Sample0001``; None where unknown.
        rgb: `(T, H, W, 3)` uint8, red first.
        depth: `(T, H, W, 1)` uint8 gray; millimetres = gray / 255 * max_depth_mm; 0 = no reading.
        max_depth_mm: millimetres that gray 255 stands for.
        mask: `(T, H, W, 1)` bool, True on the person.
        skeleton: `(T, 20, 9)` float32: world x y z [m], quaternion x y z w (zeros where the source has none),
            pixel x y of the 640x480 source image. Joints in the order of `JOINTS`.
    """

    id: int
    split: str
    label: int | None = None
    subject: str | None = None
    source: str | None = None
    rgb: np.ndarray | None = None
    depth: np.ndarray | None = None
    max_depth_mm: int | None = None
    mask: np.ndarray | None = None
    skeleton: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"sequence {self.id}: split {self.split!r} is none of {', '.join(SPLITS)}")
        if not self.arrays:
            raise ValueError(f"sequence {self.id}: no modality at all")
        image_sizes = set()
        for name, array in self.arrays.items():
            expected = _TRAILING_SHAPES[name]
            fits = array.ndim == len(expected) + 1 and all(
                isinstance(want, str) or have == want for have, want in zip(array.shape[1:], expected, strict=True)
            )
            if not fits or array.dtype != _DTYPES[name]:
                raise ValueError(
                    f"sequence {self.id}: {name} is {array.shape} {array.dtype}, "
                    f"expected (T, {', '.join(map(str, expected))}) {np.dtype(_DTYPES[name])}"
                )
            if name != "skeleton":
                image_sizes.add(array.shape[1:3])
        lengths = {name: len(array) for name, array in self.arrays.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            raise ValueError(f"sequence {self.id}: modalities must have one length of at least 1 frame, got {lengths}")
        if len(image_sizes) > 1:
            raise ValueError(f"sequence {self.id}: images of different sizes {sorted(image_sizes)}")
        if self.depth is not None and not self.max_depth_mm:
            raise ValueError(f"sequence {self.id}: depth without max_depth_mm")

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """The modalities that are present, in the order of `MODALITIES`."""
        return {name: getattr(self, name) for name in MODALITIES if getattr(self, name) is not None}

    @property
    def length(self) -> int:
        """Number of frames T."""
        return len(next(iter(self.arrays.values())))

    def only(self, modalities: Collection[str]) -> "Sequence":
        """The sequence without the other modalities."""
        others: dict[str, Any] = {name: None for name in self.arrays if name not in modalities}
        return replace(self, **others)
