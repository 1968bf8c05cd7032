"""What a trial on a compute node means for jobs: its GPU, driver, libraries, memory, compute mode and kernel cache."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gesture.base.cards import card
from gesture.base.cuda_libraries import CUDNN
from gesture.operate import gpu
from gesture.operate.trial import Trial
from gesture.schedulers.finding import Finding, ok, problem, warning

CACHE = Path(".nv/ComputeCache")  # below the home directory: where the driver keeps what it has compiled


def findings(trial: Trial | str, wants_gpu: bool) -> list[Finding]:
    """Judges it.

    Args:
        trial: what a process like that of a job has seen, or how it died.
        wants_gpu: whether the job asks for a GPU.
    """
    if isinstance(trial, str):
        why, todo = "a job would die in the same way", "run `python -m gesture.operate.trial` on the node"
        return [problem("training step", trial, why, todo)]
    found = [_device(trial, wants_gpu)]
    if trial.hardware.gpus:
        found += [_driver(trial), _cudnn(trial), *_path(trial), _mode(trial)]
        found += _cache(trial, os.environ)
    return [*found, _step(trial)]


def _device(trial: Trial, wants_gpu: bool) -> Finding:
    if trial.hardware.gpus:
        return ok("gpu", trial.hardware.line())
    if not wants_gpu:
        return ok("gpu", f"none used, and none asked for ({trial.hardware.reason})")
    return problem(
        "gpu",
        trial.hardware.reason,
        "the job would train on the CPU, many times slower",
        "check that the job asks for a GPU; mend what is named, or choose other nodes",
    )


def _step(trial: Trial) -> Finding:
    name = "training step"
    if not trial.error:
        where = "the GPU" if trial.hardware.gpus else "the CPU"
        return ok(name, f"convolution, pooling and recurrent cell, forwards and backwards, on {where}")
    todo = "mend what the other findings say, or choose other nodes"
    return problem(name, trial.error, "training would fail at its first step", todo)


def _driver(trial: Trial) -> Finding:
    """Is it new enough for the oldest and the newest card of the node?"""
    said, known = f"driver {trial.hardware.driver}", trial.known or (0, 0)
    for one in trial.hardware.gpus:
        line = card(one.compute_capability) if one.compute_capability else None
        if line is None:
            why = "TensorFlow and cuDNN may have no code for it"
            return warning("driver", f"{said}; nothing is known of {one}", why, "choose a V100 or newer")
        if known < line.cuda:
            return problem(
                "driver",
                f"{said} knows CUDA {known[0]}.{known[1]}; {one} needs {line.cuda[0]}.{line.cuda[1]}",
                "part of TensorFlow's kernels would be refused" if line.compiled else "no kernel would run",
                f"ask for R{line.driver} or newer on these nodes, or choose other cards",
            )
    return ok("driver", f"{said} knows CUDA {known[0]}.{known[1]}, new enough for these cards")


def _cudnn(trial: Trial) -> Finding:
    """The one that was really opened, whatever the packages say."""
    version, names = trial.hardware.cudnn, [one.name for one in trial.hardware.gpus]
    if trial.foreign:
        return problem(
            "cuDNN",
            "not this environment's: " + ", ".join(trial.foreign.values()),
            "kernels may be missing, and bytes differ from those of other nodes",
            "unload the module that sets LD_LIBRARY_PATH or LD_PRELOAD, in the job script or the shell's start-up file",
        )
    old = [one.name for one in trial.hardware.gpus if one.compute_capability == "7.0"]
    if version and old and gpu.numbers(version) >= gpu.NO_VOLTA:
        return problem("cuDNN", f"cuDNN {version} for {old[0]}", gpu.NO_VOLTA_WHY, gpu.MEND)
    return ok("cuDNN", f"{version} was opened, with code for {names[0]}")


def _path(trial: Trial) -> list[Finding]:
    """Others that come first on the path, and were not taken."""
    if not trial.first or trial.foreign:
        return []
    what = trial.first.get(CUDNN) or min(trial.first.values())
    more = f" and {len(trial.first) - 1} more" if len(trial.first) > 1 else ""
    return [
        warning(
            "LD_LIBRARY_PATH",
            f"{what}{more} would come first",
            "gesture opens this environment's own before; other programs in it would not",
            "leave out `module load cuda` and `module load cudnn`: this environment needs neither",
        )
    ]


def _mode(trial: Trial) -> Finding:
    modes = sorted(set(trial.modes))
    if "prohibited" in modes:
        why = "no process may use this GPU"
        return problem("compute mode", "prohibited", why, "tell the administrators of the node, or choose another")
    alone = ": one process at a time has the GPU, as a job wants it"
    return ok("compute mode", ", ".join(modes) + (alone if "exclusive process" in modes else ""))


def _cache(trial: Trial, environment: Mapping[str, str]) -> list[Finding]:
    """Where the driver compiles kernels, can it keep them?"""
    lines = [card(one.compute_capability) for one in trial.hardware.gpus if one.compute_capability]
    if not any(one and one.compiled for one in lines):
        return []
    why = "this card compiles part of TensorFlow's kernels at first use, up to half an hour, in every job anew"
    if environment.get("CUDA_CACHE_DISABLE", "0") != "0":
        return [warning("kernel cache", "CUDA_CACHE_DISABLE is set", why, "unset it in jobs")]
    folder = Path(environment.get("CUDA_CACHE_PATH") or Path(environment.get("HOME", "/")) / CACHE)
    if can_be_written(folder):
        return [ok("kernel cache", f"{folder} can be written")]
    todo = "set CUDA_CACHE_PATH to a folder that jobs can write and that stays, on a file system of the nodes"
    return [warning("kernel cache", f"{folder} cannot be written", why, todo)]


def can_be_written(folder: Path) -> bool:
    """Whether a file can be made in a folder, or in the nearest above it that exists; nothing is left behind."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
