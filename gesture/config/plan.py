"""What will be done, derived from the settings alone: members, stages, steps, rates, digests, folders.

Pure functions. The recipe numbers stand for code that Snakemake cannot see: raise one when the output of its step
changes, and that step and everything below it runs again.
"""

import math
from dataclasses import dataclass
from typing import Any

from gesture.base.errors import GestureError
from gesture.base.files import value_digest
from gesture.base.problems import not_one_of
from gesture.config.data import Download
from gesture.config.settings import Experiment, Stage, Training, Variant
from gesture.formats.catalog import FORMATS
from gesture.networks.cost import kernel_weights, multiply_adds, unit

DOWNLOAD_RECIPE = 1
CONVERT_RECIPE = 1
TRAIN_RECIPE = 1
EVALUATE_RECIPE = 1
AVERAGE_RECIPE = 2
REPORT_RECIPE = 2

# Keys of `training` that are in no digest while they are off, so that results from before there were them stay valid.
_YOUNGER_KEYS = {"devices": 1, "precision": "float32", "recompute": False}


@dataclass(frozen=True)
class Member:
    """One trained copy of a variant."""

    name: str
    variant_name: str
    variant: Variant
    seed: int

    @property
    def stages(self) -> int:
        """Number of stages."""
        return len(self.variant.training.stages)


def members(experiment: Experiment) -> dict[str, Member]:
    """All members by name, in the order of the configuration."""
    return {
        f"{name}-s{seed}": Member(f"{name}-s{seed}", name, variant, seed)
        for name, variant in experiment.variants.items()
        for seed in variant.seeds
    }


def member(experiment: Experiment, name: str) -> Member:
    """One member by name.

    Raises:
        GestureError: there is none of this name.
    """
    known = members(experiment)
    if name not in known:
        raise GestureError(f"--member: {not_one_of(name, 'member', known)}")
    return known[name]


def raw_name(experiment: Experiment) -> str:
    """Folder name of the raw files below `resources/`."""
    data = experiment.data
    options = experiment.dataset_options.model_dump(mode="json")
    raw = {key: options[key] for key in FORMATS[data.dataset].raw_options}
    origin = _remote(data.download) if data.download else data.folder
    return f"{data.dataset}-{value_digest([DOWNLOAD_RECIPE, raw, origin])[:8]}"


def _remote(download: Download) -> list[Any]:
    """What decides which bytes come: of several URLs the first, for mirrors have the same."""
    files = [[one.name, one.urls[0], one.checksums, one.unpack] for one in download.files]
    return [files, download.subfolder]


def records_name(experiment: Experiment) -> str:
    """Folder name of the tfrecords below `records/`: shared by all experiments with the same options."""
    data = experiment.data
    options = experiment.dataset_options.model_dump(mode="json")
    digest = value_digest([CONVERT_RECIPE, raw_name(experiment), options, data.size, data.layout])
    return f"{data.dataset}-{digest[:8]}"


def settings_file(experiment: Experiment) -> str:
    """Path of the resolved configuration, named after its content."""
    return f"results/{experiment.experiment}/settings/{value_digest(resolved(experiment))[:8]}.yaml"


def stage_digest(experiment: Experiment, member: Member, stage: int) -> str:
    """Digest of everything in the settings that can change the result of a stage (1-based).

    Later stages are not part of it: changing the rate of stage 3 reruns 3 and 4, not 1 and 2.
    """
    variant = member.variant.model_dump(mode="json")
    del variant["seeds"]
    variant["training"]["stages"] = variant["training"]["stages"][:stage]
    for key, off in _YOUNGER_KEYS.items():
        if variant["training"][key] == off:
            del variant["training"][key]
    data = experiment.data
    return value_digest(
        [TRAIN_RECIPE, records_name(experiment), data.holdout_subjects, data.train_on_validation, variant, member.seed]
    )


def evaluate_digest(experiment: Experiment) -> str:
    """Digest of what changes an evaluation beside the weights."""
    return value_digest([EVALUATE_RECIPE, experiment.data.holdout_subjects])


def average_digest(experiment: Experiment) -> str:
    """Digest of what changes the average beside the members' predictions."""
    return value_digest([AVERAGE_RECIPE, experiment.average.model_dump(mode="json")])


def report_digest(experiment: Experiment) -> str:
    """Digest of what changes the report beside its inputs."""
    return value_digest([REPORT_RECIPE, experiment.report.model_dump(mode="json")])


def resolved(experiment: Experiment) -> dict[str, Any]:
    """The whole configuration with every default written out."""
    return experiment.model_dump(mode="json")


def stage_steps(stage: Stage, training: Training, sequences: int) -> int:
    """Length of a stage [steps]; ``sequences`` is the number of training sequences."""
    if stage.steps is not None:
        return stage.steps
    return (stage.epochs or 0) * math.ceil(sequences / training.batch)


def stage_bounds(training: Training, stage: int, sequences: int) -> tuple[int, int]:
    """First step of a stage (1-based) and first step after it, counted from stage 1."""
    lengths = [stage_steps(one, training, sequences) for one in training.stages[:stage]]
    return sum(lengths[:-1]), sum(lengths)


def rates(training: Training, stage: int, step: int, sequences: int) -> tuple[float, float]:
    """Learning rates (main, pretrained) of a step: pure, so a resumed run repeats them.

    A stage begins at its `rate`; with a `final_rate` it moves there along `schedule` and would reach it at the first
    step of the next stage (cosine: Loshchilov and Hutter 2017). The warm-up, from the start of stage 1, multiplies all.

    Args:
        training: stages and schedule.
        stage: 1-based.
        step: counted from the start of stage 1.
        sequences: number of training sequences, which gives an epoch its steps.
    """
    settings = training.stages[stage - 1]
    factor = min(1.0, (step + 1) / training.warmup_steps) if training.warmup_steps else 1.0
    if settings.final_rate is not None:
        first, end = stage_bounds(training, stage, sequences)
        part, ratio = (step - first) / (end - first), settings.final_rate / settings.rate
        if training.schedule == "exponential":
            factor *= ratio**part
        else:
            factor *= ratio + (1 - ratio) * (1 + math.cos(math.pi * part)) / 2
    pretrained = settings.rate if settings.pretrained_rate is None else settings.pretrained_rate
    return factor * settings.rate, factor * pretrained


def describe(experiment: Experiment) -> str:
    """The plan as a table: one line a member, its stages with their lengths and rates."""
    everyone = members(experiment)
    jobs = sum(one.stages for one in everyone.values())
    lines = [
        f"experiment {experiment.experiment}: {len(everyone)} members, {jobs} training stages",
        f"raw files  resources/{raw_name(experiment)}",
        f"records    records/{records_name(experiment)}",
    ]
    for one in everyone.values():
        stages = ", ".join(_stage_text(stage) for stage in one.variant.training.stages)
        lines.append(f"  {one.name}: {one.variant.network.model} on {'+'.join(one.variant.modalities)}: {stages}")
    lines += [f"  {name}: {_cost_text(variant, experiment.data.size)}" for name, variant in experiment.variants.items()]
    return "\n".join(lines)


def _cost_text(variant: Variant, size: int) -> str:
    network = variant.network
    weights = kernel_weights(network, variant.modalities, size) / 1e6
    count = multiply_adds(network, variant.modalities, size) / 1e6
    return (
        f"{weights:,.3f} million weights, {count:,.1f} million multiply-adds a {unit(network)} forward "
        "(training: about three times as many)"
    )


def _stage_text(stage: Stage) -> str:
    length = f"{stage.steps} steps" if stage.steps is not None else f"{stage.epochs} epochs"
    final = f" to {stage.final_rate:g}" if stage.final_rate else ""
    return f"{length} at {stage.rate:g}" + (f"/{stage.pretrained_rate:g}" if stage.pretrained_rate else "") + final
