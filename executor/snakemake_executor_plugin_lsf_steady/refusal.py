"""What LSF refuses, or would: said with the setting or resource to change. Pure functions."""

import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snakemake_executor_plugin_lsf_steady.lsf import RefusedError
from snakemake_executor_plugin_lsf_steady.settings import ExecutorSettings

if TYPE_CHECKING:
    from snakemake_executor_plugin_lsf_steady.request import Request

LONGEST = 4094  # characters of a command, job name or path, as IBM documents
LONGEST_PROJECT, LONGEST_GROUP = 59, 512
# LSF's words -> what to change in the profile.
SETTINGS_OF = (
    (r"memlimit|resource reservation", "mem_mb of the rule; or lsf_queue"),
    (r"runlimit|hard limit|time specification", "runtime of the rule; or lsf_queue"),
    (r"queue", "lsf_queue, in default-resources"),
    (r"project", "lsf_project, in default-resources"),
    (r"job group", "lsf-steady-job-group"),
    (r"processors", "threads of the rule"),
    (r"warning", "lsf-steady-warning-minutes"),
    (r"option", "lsf_extra"),
)


def check(request: "Request") -> None:
    """Refuses what LSF would, but in a sentence that names the resource and what to write instead.

    Raises:
        RefusedError: the first thing that is wrong.
    """
    resources = request.resources
    for name, unit in (("runtime", "minutes"), ("mem_mb", "MB"), ("gpu", "GPUs")):
        value = resources.get(name) or 0
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            raise RefusedError(f"resource {name}={value!r}: expected a number of {unit}; change it in the profile")
    model = str(resources.get("gpu_model") or "")
    if not re.fullmatch(r"[\w.#-]*", model):
        raise RefusedError(
            f"resource gpu_model={model!r}: LSF's names of GPUs have letters, digits and _ . - only; write it as "
            "`lshosts -gpu` does"
        )
    try:
        shlex.split(str(resources.get("lsf_extra") or ""))
    except ValueError as error:
        raise RefusedError(
            f"resource lsf_extra={resources['lsf_extra']!r}: {error}; change it in the profile"
        ) from None
    lengths = [
        ("the job's name", request.name, LONGEST, "shorten the names of the rule and its wildcards"),
        ("the path of the log", str(request.log), LONGEST, "work in a folder with a shorter path"),
        ("the path of the working directory", str(request.folder), LONGEST, "work in a folder with a shorter path"),
        ("the command", request.command, LONGEST, "work in a folder with a shorter path"),
        ("resource lsf_project", str(resources.get("lsf_project") or ""), LONGEST_PROJECT, "change it in the profile"),
        ("the job group", request.group or "", LONGEST_GROUP, "shorten job-group in the profile, or set it to ''"),
    ]
    for what, text, longest, remedy in lengths:
        if len(text.encode()) > longest:
            raise RefusedError(f"{what} has {len(text.encode())} characters, LSF takes {longest}: {remedy}")


def setting_to_change(words: str, resources: Mapping[str, Any], settings: ExecutorSettings) -> str:
    """The setting of the profile that LSF's refusal is about; empty if the words do not tell."""
    other = "gpu-option" if settings.gpu_dialect == "resource-strings" else "resource-strings"
    dialect = f"lsf-steady-gpu-dialect: {other}, if LSF_GPU_NEW_SYNTAX is {'on' if other == 'gpu-option' else 'off'}"
    has_gpu = bool(resources.get("gpu"))
    if re.search(r"gpu", words, re.I) and has_gpu:
        return f"{dialect}; or gpu_model"
    if re.search(r"resource requirement syntax|resource name|no resource defined", words, re.I):
        unit = settings.memory_unit != "none" and bool(resources.get("mem_mb"))
        found = ["lsf-steady-memory-unit: none, if this LSF takes no unit"] if unit else []
        found += [dialect, "gpu_model"] if has_gpu else []
        found += ["lsf_extra"] if resources.get("lsf_extra") else []
        return "; or ".join(found)
    for pattern, name in SETTINGS_OF:
        if re.search(pattern, words, re.I):
            return name
    return ""


def shown(line: list[str]) -> str:
    """A bsub line that can be pasted into a shell; only the beginning of the job's command."""
    command = line[-1] if len(line[-1]) <= 60 else f"{line[-1][:57]}..."
    return shlex.join([*line[:-1], command])
