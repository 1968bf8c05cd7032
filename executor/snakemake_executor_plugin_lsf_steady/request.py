"""From a job's resources to the arguments of bsub: pure functions, no shell."""

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from snakemake_executor_plugin_lsf_steady.refusal import check
from snakemake_executor_plugin_lsf_steady.settings import ExecutorSettings

UNITS_IN_MB = {"none": 1, "KB": 1 / 1024, "MB": 1, "GB": 1024}


@dataclass(frozen=True)
class Request:
    """One submission.

    Attributes:
        name: unique; by it a submission whose answer got lost is found again.
        log: absolute path.
        folder: absolute path of the working directory.
        command: shell line that runs the job.
        cores: slots.
        resources: the job's, as Snakemake evaluated them.
        group: LSF job group, if any.
        avoid: hosts that are left out.
    """

    name: str
    log: Path
    folder: Path
    command: str
    cores: int
    resources: Mapping[str, Any]
    group: str | None = None
    avoid: tuple[str, ...] = ()


def bsub_arguments(request: Request, settings: ExecutorSettings) -> list[str]:
    """The whole bsub line as a list; LSF joins the -R strings.

    Raises:
        RefusedError: no LSF could take it; says what to change.
    """
    resources = request.resources
    check(request)
    line = ["bsub", "-J", request.name, "-o", str(request.log), "-cwd", str(request.folder), "-rn"]
    if resources.get("lsf_queue"):
        line += ["-q", str(resources["lsf_queue"])]
    if resources.get("lsf_project"):
        line += ["-P", str(resources["lsf_project"])]
    if request.group:
        line += ["-g", request.group]
    minutes = resources.get("runtime")
    if minutes:
        line += ["-W", walltime(minutes)]
        if resources.get("outcome") and 0 < settings.warning_minutes < minutes:
            line += ["-wa", settings.warning_signal, "-wt", str(settings.warning_minutes)]
    line += ["-n", str(request.cores), "-R", "span[hosts=1]"]
    if resources.get("mem_mb"):
        line += ["-R", f"rusage[mem={memory(resources['mem_mb'], request.cores, settings)}]"]
    line += gpu_arguments(resources, settings)
    if request.avoid:
        line += ["-R", "select[" + " && ".join(f"hname!='{host}'" for host in request.avoid) + "]"]
    line += shlex.split(str(resources.get("lsf_extra") or ""))
    return [*line, request.command]


def walltime(minutes: float) -> str:
    """Minutes as `hours:minutes`."""
    whole = math.ceil(minutes)
    return f"{whole // 60}:{whole % 60:02d}"


def memory(mem_mb: float, cores: int, settings: ExecutorSettings) -> str:
    """The amount with its unit; rounded up, so that nothing is lost to a coarse unit."""
    share = mem_mb / cores if settings.memory_mode == "per-core" else mem_mb
    unit = "" if settings.memory_unit == "none" else settings.memory_unit
    return f"{math.ceil(share / UNITS_IN_MB[settings.memory_unit])}{unit}"


def gpu_arguments(resources: Mapping[str, Any], settings: ExecutorSettings) -> list[str]:
    """GPUs, each for this job's processes alone, in the dialect of the site."""
    count, model = int(resources.get("gpu") or 0), resources.get("gpu_model")
    if not count:
        return []
    if settings.gpu_dialect == "gpu-option":
        return ["-gpu", f"num={count}:mode=exclusive_process" + (f":gmodel={model}" if model else "")]
    line = ["-R", f"rusage[ngpus_excl_p={count}]"]
    return [*line, "-R", f"select[gpu_model0=={model}]"] if model else line


def group_of(root: str, user: str, folder_digest: str, outcome: str) -> str:
    """The job group of an outcome file: /root/user/digest of the working directory/its folder."""
    parts = [user, folder_digest, *PurePath(outcome).parent.parts]
    return root.rstrip("/") + "/" + "/".join(plain(part) for part in parts if part not in ("/", ".", ".."))


def plain(text: str) -> str:
    """Text that LSF takes in names: no brackets (job arrays), slashes, spaces."""
    return re.sub(r"[^\w.+=-]+", "_", text)
