"""What a profile asks the scheduler for, read from its YAML."""

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gesture.base.arguments import megabytes, minutes
from gesture.base.errors import GestureError
from gesture.base.yaml_file import read
from gesture.schedulers import gpus

SHIPPED = Path(__file__).parents[2] / "profiles"
GPU_MODEL = re.compile(r"gmodel=([\w.-]+)|gpu_model\d*==([\w.-]+)")


@dataclass(frozen=True)
class Request:
    """The training job of a profile.

    Attributes:
        executor: Snakemake's, such as `lsf-steady`.
        minutes: walltime [min]; 0 where none is given.
        memory_mb: memory [MB]; 0 where none is given.
        gpus: how many.
        gpu_model: a GPU's name as the scheduler knows it; None for any.
        queue: queue or partition; None for the site's default.
        account: project or account that jobs are charged to, if any.
        extra: further options of the submission, as a shell would split them.
        unit: unit that LSF is sent memory with, `none` for a bare number; None for other schedulers.
        gpu_dialect: how LSF is asked for GPUs, `resource-strings` or `gpu-option`.
    """

    executor: str
    minutes: float = 0.0
    memory_mb: int = 0
    gpus: int = 0
    gpu_model: str | None = None
    queue: str | None = None
    account: str | None = None
    extra: str = ""
    unit: str | None = None
    gpu_dialect: str = "resource-strings"

    @property
    def scheduler(self) -> str:
        """`local`, `lsf` or `slurm`."""
        return self.executor.removesuffix("-steady")


def find(profile: str) -> Path:
    """The configuration of a profile: a folder, or the name of a shipped one.

    Raises:
        GestureError: there is none.
    """
    for folder in (Path(profile), SHIPPED / profile):
        if (folder / "config.yaml").is_file():
            return folder / "config.yaml"
    raise GestureError(f"--profile {profile}: no {profile}/config.yaml here, and none of this name in {SHIPPED}")


def request(path: Path) -> Request:
    """What the rule `train` is submitted with.

    Raises:
        GestureError: the file is no profile.
    """
    value = read(path)
    if not isinstance(value, Mapping) or "executor" not in value:
        raise GestureError(f"{path}: expected a Snakemake profile with the key `executor`")
    executor = str(value["executor"])
    wanted = {**_pairs(value.get("default-resources")), **_pairs(_of_rule(value.get("set-resources"), "train"))}
    lsf = executor.startswith("lsf")
    extra = str(wanted.get("lsf_extra" if lsf else "slurm_extra") or "")
    named = GPU_MODEL.search(extra)
    model = wanted.get("gpu_model") or (named and (named[1] or named[2])) or gpus.model(str(wanted.get("gres", "")))
    return Request(
        executor=executor,
        minutes=_amount(path, wanted, ("runtime",), minutes),
        memory_mb=int(_amount(path, wanted, ("mem_mb", "mem"), megabytes)),
        gpus=gpus.asked(wanted),
        gpu_model=str(model) if model else None,
        queue=wanted.get("lsf_queue" if lsf else "slurm_partition"),
        account=wanted.get("lsf_project" if lsf else "slurm_account"),
        extra=extra,
        # The published executor of LSF sends a bare number.
        unit={"lsf": "none", "lsf-steady": str(value.get("lsf-steady-memory-unit", "MB"))}.get(executor),
        gpu_dialect=str(value.get("lsf-steady-gpu-dialect", "resource-strings")),
    )


def _amount(path: Path, wanted: Mapping[str, Any], keys: tuple[str, ...], parse: Callable[[str], float]) -> float:
    """The first of these resources that is given, 0 if none is.

    Raises:
        GestureError: it cannot be understood.
    """
    for key in keys:
        if wanted.get(key):
            try:
                return parse(str(wanted[key]))
            except argparse.ArgumentTypeError as error:
                raise GestureError(f"{path}: {key} of `train`: {error}") from None
    return 0.0


def _pairs(value: Any) -> dict[str, Any]:
    """Resources as a mapping; a profile may also write them as a list of `name=value`."""
    if isinstance(value, list):
        value = dict(str(one).split("=", 1) for one in value)
    return dict(value or {})


def _of_rule(value: Any, rule: str) -> Any:
    if isinstance(value, list):
        return [str(one).removeprefix(f"{rule}:") for one in value if str(one).startswith(f"{rule}:")]
    return (value or {}).get(rule)
