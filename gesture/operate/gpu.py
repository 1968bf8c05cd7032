"""Can this environment compute on such a GPU? Judged from package metadata; on a node see `gesture.operate.node`."""

import re
from collections.abc import Callable
from importlib import metadata

from gesture.schedulers.ask import Ask
from gesture.schedulers.finding import Finding, ok, problem, warning

# The last cuDNN before this one has code for sm_70 in all its parts (read from the binaries by `make check-gpu-env`).
NO_VOLTA = (9, 11)
NO_VOLTA_WHY = (
    "cuDNN 9.11 and later have no code for V100 (sm_70) in their ops, cnn and adv parts: the first step would fail"
)
VOLTA = re.compile(r"V100|Volta|TITAN V\b", re.I)
DETERMINISTIC = (2, 9)
MEND = "run `make env GPU=1` in the clone, and start Snakemake with that environment"

Version = Callable[[str], str | None]


def installed(package: str) -> str | None:
    """Version of an installed package, None if it is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def environment(version: Version, wants_gpu: bool, gpu_name: str | None) -> list[Finding]:
    """Is TensorFlow there, for a GPU if one is wanted, and with code for this GPU?

    Args:
        version: looks up a package's version.
        wants_gpu: whether the profile asks for GPUs.
        gpu_name: the GPU's name where it is known.
    """
    tensorflow, cudnn = version("tensorflow"), version("nvidia-cudnn-cu12")
    if tensorflow is None:
        what = "tensorflow-cpu" if version("tensorflow-cpu") else "no TensorFlow"
        return [problem("tensorflow", f"{what} in this environment", "training cannot start", MEND)]
    found = [_deterministic(tensorflow)]
    if not wants_gpu:
        return [ok("tensorflow", f"TensorFlow {tensorflow}"), *found]
    if cudnn is None:
        return [
            problem(
                "tensorflow",
                f"TensorFlow {tensorflow} without CUDA, and the profile asks for a GPU",
                "it would train on the CPU of a GPU node, many times slower",
                MEND,
            ),
            *found,
        ]
    return [_cudnn(tensorflow, cudnn, gpu_name), *found]


def _cudnn(tensorflow: str, cudnn: str, gpu_name: str | None) -> Finding:
    said = f"TensorFlow {tensorflow} with cuDNN {cudnn}"
    if numbers(cudnn) < NO_VOLTA:
        return ok("tensorflow", f"{said}: has code for V100 and newer")
    if gpu_name is not None and not VOLTA.search(gpu_name):
        return ok("tensorflow", f"{said} for {gpu_name}")
    level = warning if gpu_name is None else problem
    return level("tensorflow", f"{said} for {gpu_name or 'an unknown GPU'}", NO_VOLTA_WHY, MEND)


def _deterministic(tensorflow: str) -> Finding:
    if numbers(tensorflow) >= DETERMINISTIC:
        return ok("determinism", f"TensorFlow {tensorflow} has deterministic operations")
    return problem(
        "determinism",
        f"TensorFlow {tensorflow} has no deterministic operations",
        "an interrupted run would not end in the bytes of an undisturbed one",
        MEND,
    )


def numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version starts with."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()


def visible(answer: str | None) -> list[tuple[str, int]]:
    """Name and memory [MB] of each GPU that nvidia-smi lists."""
    rows = [line.rsplit(",", 1) for line in (answer or "").splitlines()]
    return [(row[0].strip(), int(row[1])) for row in rows if len(row) == 2 and row[1].strip().isdigit()]


def gpus(ask: Ask) -> list[tuple[str, int]]:
    """The GPUs of this machine, as `visible` gives them."""
    return visible(ask("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"))


def enough(count: int, devices: int) -> list[Finding]:
    """Are there as many GPUs as share a batch?

    Args:
        count: that a job of `train` gets; 0 = it computes on CPUs.
        devices: largest `training.devices` of the experiment.
    """
    if not 0 < count < devices:
        return []
    return [
        problem(
            "gpus",
            f"training.devices is {devices}, and a job of `train` gets {count} GPU",
            "its training would not begin",
            "raise `gpu` (LSF) or `gres` (Slurm) of `train` in the profile, or lower training.devices",
        )
    ]


def absent(wants_gpu: bool) -> Finding:
    """nvidia-smi lists none."""
    if wants_gpu:
        return problem(
            "gpu",
            "nvidia-smi shows no GPU",
            "the job would train on the CPU",
            "check that the job asks for a GPU, and that the node's driver works",
        )
    return ok("gpu", "none here, and none asked for: training uses the CPU")
