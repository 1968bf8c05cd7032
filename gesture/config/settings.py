"""The typed configuration of an experiment: every key has a sentence, a unit and a check.

`load` reads a YAML file, `parse` a mapping; both report all problems at once, one line each.
"""

import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from gesture.base.errors import GestureError
from gesture.base.problems import dotted, not_one_of, problems_of
from gesture.base.settings import Settings
from gesture.base.yaml_file import read
from gesture.catalog import FORMATS, INPUTS, METHODS, AnyNetwork
from gesture.config import old_names
from gesture.config.data import Download
from gesture.formats.options import Options

Modality = Literal["rgb", "depth", "mask", "skeleton"]
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
# They are part of names of files, jobs and job groups, which have limits (255 bytes a file): told at the plan.
LONGEST_NAME = 100


class Data(Settings):
    """Which recordings, and how they become records."""

    dataset: str = Field(
        "synthetic",
        description="Name of the raw format; `synthetic` makes its own recordings.",
        json_schema_extra={"enum": list(FORMATS)},
    )
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the data set; see config/README.md.")
    folder: str | None = Field(
        None, description="Folder with the raw files, relative to the working directory; none for `synthetic`."
    )
    download: Download | None = Field(
        None, description="Where to get the raw files from, instead of `folder`; they go to `resources/`."
    )
    size: int = Field(80, ge=16, le=224, description="Height and width of the stored images [px].")
    layout: Literal["lean", "compact"] = Field(
        "lean",
        description="How records are stored, both exactly: `lean` = plain bytes, fastest to read; `compact` = "
        "compressed differences between frames, for small or slow disks.",
    )
    holdout_subjects: list[str] = Field(
        default_factory=list, description="Subjects of the training split that are used for validation instead."
    )
    train_on_validation: bool = Field(
        False, description="Train on training and validation together, as in 2019; validation then measures nothing."
    )

    @field_validator("dataset")
    @classmethod
    def _known_dataset(cls, value: str) -> str:
        if value not in FORMATS:
            raise ValueError(not_one_of(value, "data set", FORMATS))
        return value

    @field_validator("holdout_subjects", mode="before")
    @classmethod
    def _subjects_are_names(cls, value: Any) -> Any:
        return [str(item) for item in value] if isinstance(value, list) else value

    @model_validator(mode="after")
    def _folder_where_needed(self) -> "Data":
        given = [key for key in ("folder", "download") if getattr(self, key) is not None]
        if FORMATS[self.dataset].made and given:
            raise ValueError(f"data set {self.dataset!r} is made, not read: remove `{given[0]}`")
        if not FORMATS[self.dataset].made and not given:
            raise ValueError(
                f"data set {self.dataset!r} needs `folder`: the folder with its raw files, or `download`: "
                "where to get them"
            )
        if len(given) == 2:
            raise ValueError("give either `folder` or `download`")
        return self


class Stage(Settings):
    """One part of the training with its own learning rates; its length in epochs or in steps."""

    epochs: int | None = Field(None, ge=0, description="Length in passes over the training split [epochs].")
    steps: int | None = Field(None, ge=0, description="Length in optimiser steps, instead of epochs [steps].")
    learning_rate: float = Field(..., gt=0, le=1, description="Learning rate of newly initialised parts [1/step].")
    pretrained_learning_rate: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Learning rate of parts that start from pretrained weights; default: `learning_rate`.",
    )
    final_learning_rate: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Learning rate that the stage falls (or rises) to along `learning_rate_schedule`, the pretrained "
        "one in proportion; default: `learning_rate`, so that it stays [1/step].",
    )

    @model_validator(mode="after")
    def _one_length(self) -> "Stage":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either `epochs` or `steps`")
        return self


class Augmentation(Settings):
    """Random changes of the training clips, each a pure function of (seed, epoch, step); all off by default."""

    translation: float = Field(
        0.0, ge=0, le=0.5, description="Largest shift of all images together [fraction of the side]."
    )
    speed: float = Field(0.0, ge=0, le=0.9, description="Largest relative change of the tempo [fraction].")
    frame_jitter: float = Field(
        0.0, ge=0, le=10, description="Maximum random time offset per frame; frame order is preserved [frames]."
    )
    time_warp: float = Field(
        0.0, ge=0, le=0.9, description="Largest change of the tempo in the course of a sequence, smooth [fraction]."
    )
    scale: float = Field(0.0, ge=0, le=0.5, description="Largest change of the size of all images [fraction].")
    gamma: float = Field(
        0.0,
        ge=0,
        le=3,
        description="Largest bend of the colours' gray curve [exponent up to 1 + this, or its inverse].",
    )
    horizontal_flip: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Probability of a mirror image, left and right joints swapped; if both mean the same [0-1].",
    )
    modality_dropout: float = Field(
        0.0, ge=0, le=1, description="Probability that one of several modalities is all zero, nothing seen [0-1]."
    )
    joint_noise: float = Field(0.0, ge=0, le=1, description="Standard deviation of noise on joint positions [m].")
    mixup: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Each sequence and its label are blended with another of the batch, by a share from "
        "Beta(this, this) (Zhang et al. 2018); not for `smnet`, whose clips have no common length; 0 = off.",
    )


class Training(Settings):
    """How a variant is trained; a variant may override any of these keys."""

    stages: list[Stage] = Field(
        ..., min_length=1, max_length=1000, description="Stages in order; each is at least one batch job."
    )
    batch_size: int = Field(4, ge=1, le=1024, description="Sequences in a step [sequences].")
    devices: int = Field(
        1,
        ge=1,
        le=64,
        description="GPUs of a job that share each batch, or logical CPU devices where there is no GPU; another number "
        "gives other results [devices].",
    )
    precision: Literal["float32", "tf32", "float16", "bfloat16"] = Field(
        "float32",
        description="What convolutions and matrix products compute in; weights, optimiser, batch statistics, softmaxes "
        "and loss stay float32. `tf32` (A100 and later) rounds what goes into products to 10 bits, which is faster "
        "there and saves no memory; on other devices it computes as `float32`. A half type needs nearly half "
        "the memory for activations and is faster on GPUs that have it, slower on most CPUs. `float16` (V100 and "
        "later) scales the loss and skips steps whose gradients overflow; `bfloat16` (A100 and later) needs neither, "
        "with fewer digits.",
    )
    gradient_checkpointing: bool = Field(
        False,
        description="Clip encoders compute activations again in the backward pass instead of keeping them: half the "
        "memory a clip for a third more time. The networks without clip encoders ignore it.",
    )
    other_device: Literal["continue", "refuse"] = Field(
        "continue",
        description="What a session does on another kind of device (GPU model, cuDNN, TF32, or CPU) than the one that "
        "its checkpoint, or the stage before, was computed on: `continue` says so, and manifest and report call the "
        "result not byte-exact from there on; `refuse` ends before the first step.",
    )
    validation_batch_size: int = Field(8, ge=1, le=1024, description="Sequences evaluated at once [sequences].")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Probability mass spread over all classes.")
    weight_decay: float = Field(0.0, ge=0, lt=1, description="Decoupled weight decay of kernels [1/step, times rate].")
    warmup_steps: int = Field(0, ge=0, description="Steps over which the rates rise from zero, at the very start.")
    learning_rate_schedule: Literal["cosine", "exponential"] = Field(
        "cosine",
        description="Course of the rates within each stage that has a `final_learning_rate`: half a cosine wave, or a "
        "constant factor a step.",
    )
    ema_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of the exponential moving average (EMA) of the weights, e.g. 0.999; the average is "
        "validated and kept as the result; 0 disables it.",
    )
    select: Literal["last", "best"] = Field(
        "last", description="Result of a stage: its `last` step, or the `best` epoch by validation accuracy."
    )
    gradient_clip_norm: float | None = Field(
        None, gt=0, description="Largest global norm of a gradient; none = no clipping."
    )
    augmentation: Augmentation = Field(Augmentation(), description="Random changes of training clips.")

    @model_validator(mode="after")
    def _a_batch_that_devices_can_share(self) -> "Training":
        if self.devices > self.batch_size:
            raise ValueError(f"devices: {self.devices} cannot share a batch of {self.batch_size}: raise `batch_size`")
        if self.devices > 1 and self.augmentation.mixup:
            raise ValueError("augmentation.mixup: partners would be on different devices: set it, or `devices`, back")
        return self


class Variant(Settings):
    """One kind of network; each of its seeds gives one trained member."""

    network: AnyNetwork = Field(..., description="The network and its sizes.")
    modalities: list[Modality] = Field(..., min_length=1, description="What the network sees.")
    images: Literal["standard", "subtract_mean"] = Field(
        "standard",
        description="What clip encoders see: `standard` = as in 2019, `subtract_mean` = every image minus the mean "
        "image of its sequence, which training from scratch needs.",
    )
    pretrained: str | None = Field(
        None,
        description="C3D weights that the convolutions of `smnet` start from: one file for all streams, or a folder "
        "with `c3d_rgb.*`, `c3d_depth.*`, `c3d_sk.*`; TensorFlow 1, Keras h5 or torch. None = random ones.",
    )
    start: str | None = Field(
        None,
        description="Checkpoint of the 2019 program (`.../model-63581`) that stage 1 of `smnet` goes on from, the "
        "optimiser's state included; its sizes must be those of `network`.",
    )
    blue_first: bool = Field(
        True,
        description="The weights of `pretrained` or `start` are for blue-first pictures, as C3D and the program of "
        "2019: the colour encoder's first kernels are turned over, since records are red first.",
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        default_factory=lambda: [1], min_length=1, description="One member is trained per seed."
    )
    training: Training = Field(..., description="Keys that differ from the experiment's `training`.")

    @field_validator("modalities", "seeds")
    @classmethod
    def _no_repeats(cls, value: list[Any]) -> list[Any]:
        if len(set(value)) != len(value):
            raise ValueError(f"has repeated entries: {', '.join(map(str, value))}")
        return value

    @model_validator(mode="after")
    def _what_the_network_can_do(self) -> "Variant":
        problems = self.network.problems(self)
        problems += [
            not_one_of(one.kind, "kind of input", INPUTS) for one in self.network.inputs(self) if one.kind not in INPUTS
        ]
        if problems:
            raise ValueError(problems[0])
        if "mask" in self.modalities and "depth" not in self.modalities:
            given = ", ".join(self.modalities)
            raise ValueError(f"modalities: mask is what depth is cut out by: add depth or remove mask, got {given}")
        return self


class Average(Settings):
    """How the members' softmaxes become one."""

    method: str = Field(
        "mean",
        description="Arithmetic or geometric mean; or fitted on validation: weighted mean, greedy selection, stacking.",
        json_schema_extra=lambda schema: schema.update(enum=list(METHODS)),
    )
    weights: dict[str, Annotated[float, Field(ge=0)]] | None = Field(
        None, description="Member -> weight, for method `weighted`; none = fitted on validation."
    )
    temperature_scaling: bool = Field(False, description="Fit a temperature to the result on validation.")

    @field_validator("method")
    @classmethod
    def _known_method(cls, value: str) -> str:
        if value not in METHODS:
            raise ValueError(not_one_of(value, "method", METHODS))
        return value

    @model_validator(mode="after")
    def _weights_of_a_weighted_mean(self) -> "Average":
        if self.weights is None:
            return self
        if not METHODS[self.method].takes_weights:
            takers = [f"`method: {name}`" for name, one in METHODS.items() if one.takes_weights]
            raise ValueError(f"weights: method {self.method!r} takes none: set {' or '.join(takers)} or remove the key")
        if not any(self.weights.values()):
            raise ValueError("weights: expected numbers of at least 0, not all 0")
        return self

    @property
    def is_fitted(self) -> bool:
        """Whether labels of the validation split decide the result."""
        return METHODS[self.method].is_fitted(self.temperature_scaling, self.weights)

    @property
    def title(self) -> str:
        """For messages."""
        return f"{self.method}, calibrated" if self.temperature_scaling else self.method


class Report(Settings):
    """What the page says."""

    title: str | None = Field(None, description="Heading of the page; default: the experiment's name.")


class Experiment(Settings):
    """One experiment: data, training, variants, average, report."""

    experiment: str = Field(
        ..., pattern=NAME, max_length=LONGEST_NAME, description="Name; results go to results/<experiment>."
    )
    data: Data = Field(Data(), description="Which recordings, and how they become records.")
    training: Training = Field(..., description="Defaults of all variants.")
    variants: dict[str, Variant] = Field(..., min_length=1, description="Name -> network, modalities, differences.")
    average: Average = Field(Average(), description="How the members' softmaxes become one.")
    report: Report = Field(Report(), description="What the page says.")

    @model_validator(mode="before")
    @classmethod
    def _inherit_training(cls, value: Any) -> Any:
        """A variant's `training` is the experiment's with the variant's keys laid over it."""
        if not isinstance(value, Mapping) or not isinstance(value.get("variants"), Mapping):
            return value
        defaults = value.get("training")
        defaults = dict(defaults) if isinstance(defaults, Mapping) else {}
        variants = {
            name: {**variant, "training": {**defaults, **(variant.get("training") or {})}}
            if isinstance(variant, Mapping) and isinstance(variant.get("training") or {}, Mapping)
            else variant
            for name, variant in value["variants"].items()
        }
        return {**value, "variants": variants}

    @field_validator("variants")
    @classmethod
    def _usable_names(cls, variants: dict[str, Variant]) -> dict[str, Variant]:
        for name in variants:
            if not re.fullmatch(NAME, name):
                raise ValueError(f"variant name {name!r}: use letters, digits, dot, dash, underscore")
            if len(name) > LONGEST_NAME:
                raise ValueError(
                    f"variant name {name[:40]!r}...: has {len(name)} characters, at most {LONGEST_NAME} fit"
                )
            if name == "ensemble":
                raise ValueError("variant name 'ensemble' is reserved for the average")
        return variants

    @model_validator(mode="after")
    def _modalities_that_exist(self) -> "Experiment":
        available = FORMATS[self.data.dataset].modalities
        for name, variant in self.variants.items():
            missing = [m for m in variant.modalities if available is not None and m not in available]
            if missing:
                raise ValueError(
                    f"variants.{name}.modalities: data set {self.data.dataset!r} has no {', '.join(missing)} "
                    f"(it has {', '.join(available or ())})"
                )
        return self

    @model_validator(mode="after")
    def _average_that_can_be_had(self) -> "Experiment":
        if self.average.is_fitted and self.data.train_on_validation:
            others = "` or `".join(name for name, one in METHODS.items() if not one.fitted)
            raise ValueError(
                f"average: is fitted on validation, which data.train_on_validation trains on: choose `method: {others}`"
            )
        known = {f"{name}-s{seed}" for name, variant in self.variants.items() for seed in variant.seeds}
        odd = sorted(known ^ set(self.average.weights)) if self.average.weights else []
        if odd:
            raise ValueError(f"average.weights: {', '.join(odd)}: give one weight to each member <variant>-s<seed>")
        return self

    @property
    def dataset_options(self) -> Options:
        """The data set's options, typed."""
        return FORMATS[self.data.dataset].options.model_validate(self.data.options)


def load(path: Path) -> Experiment:
    """Reads and checks a configuration file.

    Raises:
        GestureError: the file is missing, is no YAML, or has problems: one line each.
    """
    return parse(read(path), str(path))


def load_given(path: Path) -> Experiment:
    """Reads and checks a configuration file that a person has written; warns of old names.

    Raises:
        GestureError: as `load`.
    """
    value = read(path)
    if remark := old_names.warning(value, str(path)):
        warnings.warn(remark, stacklevel=2)
    return parse(value, str(path))


def parse(value: Any, name: str) -> Experiment:
    """Checks a configuration that is already a mapping; ``name`` says in messages where it came from.

    Old names are taken; who wrote them is told by `load_given` or `gesture.config.old_names.warning`.

    Raises:
        GestureError: all problems, one line each.
    """
    if not isinstance(value, Mapping):
        raise GestureError(f"{name}: expected a mapping of keys such as experiment, data, training, variants")
    value, _ = old_names.renamed(json.loads(json.dumps(value, default=str)), name)
    problems: dict[tuple[Any, ...], str] = {}
    try:
        experiment = Experiment.model_validate(value)
    except ValidationError as error:
        problems.update(problems_of(error, Experiment, ()))
    problems.update(_option_problems(value))
    if problems:
        raise GestureError("\n".join(f"{name}: {dotted(where)}: {what}" for where, what in problems.items()))
    return experiment


def _option_problems(value: Mapping[str, Any]) -> dict[tuple[Any, ...], str]:
    """Problems of `data.options`, whose model depends on `data.dataset`."""
    data = value.get("data")
    data = data if isinstance(data, Mapping) else {}
    format_ = FORMATS.get(str(data.get("dataset", "synthetic")))
    options = data.get("options") or {}
    if format_ is None or not isinstance(options, Mapping):
        return {}
    try:
        format_.options.model_validate(options)
    except ValidationError as error:
        return problems_of(error, format_.options, ("data", "options"))
    return {}
