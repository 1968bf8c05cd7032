"""What is known of a raw format without reading it: where its module is, and its options. Needs no NumPy."""

from typing import Literal, NamedTuple

from pydantic import Field, ValidationInfo, field_validator

from gesture.base.settings import Settings


class Options(Settings):
    """Options of a data set; unknown keys are refused."""


class MontalbanoOptions(Options):
    """Options of the ChaLearn recordings of 2013 and 2014."""

    context_frames: int = Field(
        15, ge=0, le=100, description="Frames kept before and after each labelled gesture [frames]."
    )


class SyntheticOptions(MontalbanoOptions):
    """Options of the built-in generator."""

    preset: Literal["tiny", "demo", "default"] = Field("demo", description="How many clips, subjects and classes.")
    seed: int = Field(1, ge=0, description="Seed of the generator: the same seed makes the same recordings.")


class ArraysOptions(Options):
    """Options of bring-your-own `.npz` sequences."""

    classes: int = Field(..., ge=2, description="Number of classes; labels run from 1 to this number.")
    class_names: list[str] | None = Field(None, description="Names of the classes in the order of their labels.")
    mask_from_depth: bool = Field(
        False, description="The depth shows the person alone: the mask is where it has a reading; files need none."
    )
    max_depth_mm: int = Field(4095, ge=1, description="Depth that gray value 255 stands for in the records [mm].")

    @field_validator("class_names")
    @classmethod
    def _one_a_class(cls, names: list[str] | None, info: ValidationInfo) -> list[str] | None:
        classes = info.data.get("classes")
        if names is not None and classes is not None and len(names) != classes:
            raise ValueError(f"names {len(names)} classes, data.options.classes says {classes}")
        return names

    def available(self, names: list[str]) -> set[str]:
        """The modalities in a file, given the members of its archive."""
        found = {name.removesuffix(".npy") for name in names}
        return found | {"mask"} if self.mask_from_depth and "depth" in found else found


class SmnetOptions(Options):
    """Options of the 2019 tfrecords."""

    bgr: bool = Field(
        True,
        description="The `rgb` arrays hold blue first, as the 2019 converter left them (it reverses the channels); "
        "`false` for files that it has not gone over.",
    )
    max_depth_mm: int = Field(4095, ge=1, description="Depth that gray value 255 stands for in the files [mm].")
    test_labels: bool = Field(
        False, description="The labels of the test split are true; in 2019 they were placeholders, all 0."
    )


class UtdMhadOptions(Options):
    """Options of UTD-MHAD in its published form."""

    max_depth_mm: int = Field(4095, ge=1, description="Depth that gray value 255 stands for in the records [mm].")


class Format(NamedTuple):
    """One raw format.

    Attributes:
        name: what `data.dataset` calls it.
        module: where its `class_names`, `sources`, `modalities` and `read` live.
        options: model of `data.options`.
        raw_options: the options that change the raw files (the others act when converting).
        modalities: what it always has; None = depends on the files, which the converter looks up.
        made: True if `gesture download` makes the raw files itself, by `make` of the module: no folder is needed.
    """

    name: str
    module: str
    options: type[Options] = Options
    raw_options: tuple[str, ...] = ()
    modalities: tuple[str, ...] | None = None
    made: bool = False
