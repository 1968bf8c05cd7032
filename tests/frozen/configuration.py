"""What follows from a configuration alone: resolved keys, defaults, digests, rates, the plan, messages."""

import contextlib
import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from frozen import subject

ROOT = Path(__file__).parents[2]
SEQUENCES = 1000


def shipped() -> dict[str, Any]:
    """Path -> experiment."""
    paths = [*sorted((ROOT / "config").glob("*.yaml")), ROOT / "tests/config/tiny.yaml"]
    return {str(path.relative_to(ROOT)): subject.load(path) for path in paths}


def settings(_: Path) -> dict[str, Any]:
    """Every shipped configuration with all defaults written out."""
    return {name: subject.resolved(one) for name, one in shipped().items()}


def digests(_: Path) -> dict[str, Any]:
    """Everything that decides what Snakemake runs again."""
    return {name: _digests(one) for name, one in shipped().items()}


def _digests(experiment: Any) -> dict[str, Any]:
    return {
        "raw": subject.raw_name(experiment),
        "records": subject.records_name(experiment),
        "settings": subject.settings_file(experiment),
        "stages": {
            name: [subject.stage_digest(experiment, one, stage)[:16] for stage in range(1, one.stages + 1)]
            for name, one in subject.members(experiment).items()
        },
        "evaluate": subject.evaluate_digest(experiment)[:16],
        "average": subject.average_digest(experiment)[:16],
        "report": subject.report_digest(experiment)[:16],
    }


def rates(_: Path) -> dict[str, Any]:
    """Learning rates (main, pretrained) and bounds of all stages, sampled."""
    found: dict[str, Any] = {}
    for name, experiment in shipped().items():
        for variant, one in experiment.variants.items():
            found[f"{name} {variant}"] = _rates(one.training)
    for name, keys in COURSES.items():
        value = {**small(), "training": keys}
        found[name] = _rates(subject.parse(value, "course").training)
    return found


COURSES: dict[str, dict[str, Any]] = {
    "cosine": {
        "stages": [
            {"epochs": 3, "learning_rate": 1e-3, "final_learning_rate": 1e-5},
            {"steps": 90, "learning_rate": 1e-4},
        ]
    },
    "exponential": {
        "learning_rate_schedule": "exponential",
        "stages": [{"steps": 70, "learning_rate": 1e-3, "final_learning_rate": 1e-4, "pretrained_learning_rate": 1e-5}],
    },
    "warm-up over a stage's end": {
        "warmup_steps": 60,
        "batch_size": 32,
        "stages": [
            {"epochs": 1, "learning_rate": 1e-3},
            {"epochs": 2, "learning_rate": 1e-4, "final_learning_rate": 2e-4},
        ],
    },
    "an empty stage": {"stages": [{"steps": 0, "learning_rate": 1e-3}, {"steps": 5, "learning_rate": 1e-2}]},
}


def _rates(training: Any) -> dict[str, Any]:
    found = {}
    for stage in range(1, len(training.stages) + 1):
        first, end = subject.stage_bounds(training, stage, SEQUENCES)
        steps = sorted({*range(first, min(first + 3, end)), *([(first + end) // 2, end - 1] if end > first else [])})
        # Twelve digits: mathematical libraries differ in the last.
        found[f"stage {stage}, steps {first} to {end}"] = {
            f"step {step}": " ".join(f"{rate:.12g}" for rate in subject.rates(training, stage, step, SEQUENCES))
            for step in steps
        }
    return found


# ---- Defaults


def defaults(_: Path) -> dict[str, Any]:
    """The default of every key of every model of settings, by where it stands in a configuration."""
    found = dict(_models("", subject.Experiment))
    for name, one in subject.FORMATS.items():
        found[f"data.options of {name}"] = _fields(one.options)
    return found


def _models(place: str, model: type[BaseModel]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield place or "(top)", _fields(model)
    for name, field in model.model_fields.items():
        inner = [one for one in _leaves(field.annotation) if isinstance(one, type) and issubclass(one, BaseModel)]
        for one in inner:
            where = f"{place}.{name}" if place else name
            tag = f" {one.model_fields['model'].default}" if len(inner) > 1 else ""
            yield from _models(f"{where}{tag}", one)


def _leaves(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) in (Annotated,):
        yield from _leaves(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType, list, dict, tuple):
        for one in get_args(annotation):
            yield from _leaves(one)
    else:
        yield annotation


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    found = {}
    for name, field in model.model_fields.items():
        value = field.get_default(call_default_factory=True)
        if isinstance(value, BaseModel):
            value = "its own defaults" if value == type(value)() else value.model_dump(mode="json")
        found[name] = "(required)" if field.is_required() else value
    return found


# ---- One key changed


def small() -> dict[str, Any]:
    """A variant of each network."""
    return {
        "experiment": "small",
        "data": {"dataset": "montalbano2014", "folder": "raw"},
        "training": {"stages": [{"epochs": 2, "learning_rate": 1e-2}, {"epochs": 1, "learning_rate": 1e-3}]},
        "variants": {
            "joints": {"network": {"model": "tcn"}, "modalities": ["skeleton"]},
            "graph": {"network": {"model": "stgcn"}, "modalities": ["skeleton"]},
            "transformer": {"network": {"model": "transformer"}, "modalities": ["skeleton"]},
            "frames": {"network": {"model": "cnn_tcn"}, "modalities": ["depth", "mask", "skeleton"]},
            "smnet": {"network": {"model": "smnet"}, "modalities": ["rgb", "depth", "mask", "skeleton"]},
        },
    }


# Dotted key -> another value than the default.
EDITS: dict[str, Any] = {
    "experiment": "other",
    "data.folder": "elsewhere",
    "data.options": {"context_frames": 3},
    "data.size": 64,
    "data.layout": "compact",
    "data.holdout_subjects": ["S1"],
    "data.train_on_validation": True,
    "training.batch_size": 8,
    "training.devices": 2,
    "training.precision": "float16",
    "training.gradient_checkpointing": True,
    "training.validation_batch_size": 3,
    "training.label_smoothing": 0.1,
    "training.weight_decay": 0.01,
    "training.warmup_steps": 9,
    "training.learning_rate_schedule": "exponential",
    "training.ema_decay": 0.9,
    "training.select": "best",
    "training.gradient_clip_norm": 1.5,
    "training.stages.0.learning_rate": 2e-2,
    "training.stages.0.pretrained_learning_rate": 1e-5,
    "training.stages.1.epochs": 4,
    "training.stages.1.final_learning_rate": 1e-5,
    **{f"training.augmentation.{key}": 0.25 for key in (
        "translation", "speed", "frame_jitter", "time_warp", "scale", "gamma", "horizontal_flip",
        "modality_dropout", "joint_noise")},
    "variants.joints.training": {"augmentation": {"mixup": 0.4}},
    "variants.joints.network.frames": 16,
    "variants.joints.network.streams": ["bones"],
    "variants.joints.network.width": 8,
    "variants.joints.seeds": [3],
    "variants.graph.network.widths": [8, 8],
    "variants.graph.network.dropout": 0.1,
    "variants.transformer.network.heads": 2,
    "variants.frames.network.fusion": "late",
    "variants.frames.network.person": 32,
    "variants.frames.modalities": ["depth", "mask"],
    "variants.smnet.images": "subtract_mean",
    "variants.smnet.pretrained": "c3d.h5",
    "variants.smnet.start": "model-1",
    "variants.smnet.blue_first": False,
    "variants.smnet.network.encoder": "r2plus1d",
    "variants.smnet.network.widths": [4, 8],
    "variants.smnet.network.legacy": True,
    "variants.smnet.network.attention_length": 3,
    "average": {"method": "stacking"},
    "average.temperature_scaling": True,
    "report.title": "Another",
}  # fmt: skip


def edits(_: Path) -> dict[str, Any]:
    """Which digests move, and to what, when one key does."""
    plain = _short_digests(subject.parse(small(), "plain"))
    found: dict[str, Any] = {"(nothing)": plain}
    for key, value in EDITS.items():
        moved = _short_digests(subject.parse(edited(small(), key, value), key))
        found[key] = {part: digest for part, digest in moved.items() if plain.get(part) != digest}
    return found


def edited(configuration: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """A copy with one key set."""
    result: Any = copy.deepcopy(configuration)
    *path, last = key.split(".")
    inner = result
    for part in path:
        inner = inner[int(part)] if isinstance(inner, list) else inner.setdefault(part, {})
    inner[last] = value
    return result


def _short_digests(experiment: Any) -> dict[str, str]:
    found = _digests(experiment)
    stages = {
        f"{name} stage {number}": digest[:8]
        for name, digests in found.pop("stages").items()
        for number, digest in enumerate(digests, 1)
    }
    return {**{part: value.removesuffix(".yaml")[-8:] for part, value in found.items()}, **stages}


# ---- The plan


def plan(folder: Path) -> dict[str, Any]:
    """What `gesture plan` prints: members, stages, sizes and costs of the networks, sessions, hours."""
    found = {}
    for name in shipped():
        flags = ["--directory", str(folder), "--sequences", str(SEQUENCES), "--step-seconds", "0.8", "--gpus", "3"]
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            assert subject.main(["plan", str(ROOT / name), *flags]) == 0
        found[name] = printed.getvalue().splitlines()
    return found


# ---- Mistakes

MISTAKES: dict[str, tuple[str, Any]] = {
    "a misspelt key": ("training.bacth", 4),
    "a misspelt section": ("traning", {}),
    "a misspelt network": ("variants.joints.network.model", "stgc"),
    "a misspelt modality": ("variants.smnet.modalities", ["rgb", "dpeth"]),
    "a misspelt data set": ("data.dataset", "montalbano2015"),
    "a misspelt method": ("average.method", "meen"),
    "a misspelt augmentation": ("training.augmentation.translaton", 1),
    "no folder": ("data.folder", None),
    "an option of another data set": ("data.options", {"preset": "tiny"}),
    "images too small": ("data.size", 8),
    "text for a number": ("training.batch_size", "four"),
    "a rate above one": ("training.stages.0.learning_rate", 2),
    "a stage with two lengths": ("training.stages.0.steps", 9),
    "no stages": ("training.stages", []),
    "stages left out": ("training", {"batch_size": 2}),
    "a network without its kind": ("variants.graph.network", {"frames": 16}),
    "no variants": ("variants", {}),
    "a list for a mapping": ("variants", ["joints"]),
    "more devices than sequences": ("training.devices", 8),
    "mixup of clips": ("training.augmentation.mixup", 0.4),
    "pictures for a network of joints": ("variants.graph.modalities", ["rgb"]),
    "a mask without depth": ("variants.smnet.modalities", ["rgb", "mask"]),
    "heads that do not share the width": ("variants.transformer.network.heads", 3),
    "pretrained weights for joints": ("variants.joints.pretrained", "c3d.h5"),
    "a seed twice": ("variants.joints.seeds", [1, 1]),
    "a variant called ensemble": ("variants.ensemble", {"network": {"model": "stgcn"}, "modalities": ["skeleton"]}),
    "an experiment that is a path": ("experiment", "../up"),
    "weights of a plain mean": ("average.weights", {"joints-s1": 1}),
    "weights of nobody": ("average", {"method": "weighted", "weights": {"joints-s9": 1}}),
    "an address with a password": (
        "data",
        {"dataset": "utd_mhad", "download": {"files": [{"name": "a", "urls": ["https://me:secret@host/a"]}]}},
    ),
}


def mistakes(_: Path) -> dict[str, Any]:
    """What a wrong configuration is answered with."""
    found: dict[str, Any] = {}
    for name, (key, value) in MISTAKES.items():
        try:
            subject.parse(json.loads(json.dumps(edited(small(), key, value))), "c.yaml")
        except subject.GestureError as error:
            found[name] = str(error).splitlines()
        else:
            raise AssertionError(f"{name}: was not refused")
    return found
