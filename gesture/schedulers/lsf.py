"""IBM Spectrum LSF, judged from what its commands print."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gesture.base.errors import GestureError
from gesture.base.files import read_manifest
from gesture.config.layout import Layout
from gesture.schedulers import gpus
from gesture.schedulers.ask import Ask
from gesture.schedulers.finding import Finding, ok, problem, warning
from gesture.schedulers.scheduler import Job, Request, Scheduler

# Where the executor keeps what it knows of each job, below the working directory.
RECORDS = ".snakemake/lsf-steady/jobs"
_MODEL = re.compile(r"gmodel=([\w.-]+)|gpu_model\d*==([\w.-]+)")


class Lsf(Scheduler):
    """LSF by way of `lsf-steady`, or of the published executor."""

    name = "lsf"
    executors = ("lsf-steady", "lsf")
    job_variable = "LSB_JOBID"

    def read(self, profile: Mapping[str, Any], resources: Mapping[str, Any]) -> dict[str, Any]:
        """GPUs are asked for by `gpu` and `gpu_model`, or in `lsf_extra`."""
        extra = str(resources.get("lsf_extra") or "")
        named = _MODEL.search(extra)
        steady = profile["executor"] == "lsf-steady"
        return {
            "gpus": gpus.asked(resources),
            "gpu_model": resources.get("gpu_model") or (named and (named[1] or named[2])),
            "queue": resources.get("lsf_queue"),
            "account": resources.get("lsf_project"),
            "extra": extra,
            # The published executor sends a bare number.
            "unit": str(profile.get("lsf-steady-memory-unit", "MB")) if steady else "none",
            "gpu_dialect": str(profile.get("lsf-steady-gpu-dialect", "resource-strings")),
        }

    def findings(self, request: Request, ask: Ask) -> list[Finding]:
        """Queue, walltime, unit of memory, GPU model and dialect."""
        return findings(request, ask)

    def submission(self, request: Request, minutes: int, memory_mb: int, command: str, log: Path) -> list[str]:
        """A `bsub` line."""
        memory = f"rusage[mem={memory_mb}{'' if request.unit == 'none' else 'MB'}]"
        line = ["bsub", "-J", "gesture_doctor", "-W", f"{minutes // 60}:{minutes % 60:02d}", "-n", "1", "-R", memory]
        line += ["-o", str(log)]
        line += ["-q", request.queue] if request.queue else []
        line += ["-P", request.account] if request.account else []
        return [*line, *_gpu_options(request), *shlex.split(request.extra), command]

    def job_number(self, printed: str) -> str | None:
        """By `Job <17> is submitted to ...`."""
        match = re.search(r"Job <(\d+)>", printed)
        return match[1] if match else None

    def jobs(self, folder: Path, experiment: str, ask: Ask) -> list[Job]:
        """By the records that the executor keeps of jobs it has submitted and not yet taken the result of."""
        found = []
        for path in sorted((folder / RECORDS).glob("*.json")):
            try:
                record = read_manifest(path, "cancel", rule=str, wildcards=dict, outputs=list)
            except (GestureError, OSError):
                if path.exists():  # else its head has just taken the result
                    print(f"note: {path}: empty or damaged, and passed over; whether its job lives: bjobs -w")
                continue
            paths = [str(one) for one in (*record["outputs"], record.get("outcome") or "")]
            if not record.get("name") or not Layout(experiment).owns(paths):
                continue
            what = " ".join([record["rule"], *map(str, record["wildcards"].values())])
            number = record.get("job_id")
            # One whose number was never learned still has its name.
            end = tuple(self.cancel(str(number))) if number else ("bkill", "-J", record["name"], "0")
            found.append(Job(f"LSF job {number or record['name']}", what, end))
        return found

    def cancel(self, number: str) -> list[str]:
        """`bkill`."""
        return ["bkill", number]


def findings(request: Request, ask: Ask) -> list[Finding]:
    """All checks; one finding if LSF does not answer."""
    text = ask("bqueues", "-l")
    if text is None:
        return [
            problem(
                "scheduler",
                "bqueues gives no answer",
                "nothing can be submitted from here",
                "log in to a submit host of the cluster, or source LSF's profile.lsf",
            )
        ]
    known = queues(text)
    settings = configuration(ask("badmin", "showconf", "mbd") or "")
    found = [ok("scheduler", f"LSF answers, queues {', '.join(sorted(known))}"), *_queue(request, known, text)]
    found.append(_unit(request, settings.get("LSF_UNIT_FOR_LIMITS")))
    if request.gpus:
        found += [_gpu(request, ask("lshosts", "-gpu")), _dialect(request, settings.get("LSF_GPU_NEW_SYNTAX"))]
    return found


def queues(text: str) -> dict[str, float]:
    """Name -> longest run limit [min] of each queue that `bqueues -l` describes; infinite where it says none."""
    found = {}
    for block in re.split(r"^QUEUE:\s*", text, flags=re.M)[1:]:
        # Where there are two limits, the first is the default of jobs that name none.
        limits = re.findall(r"^\s*RUNLIMIT\s*\n\s*(\d+(?:\.\d+)?)\s*min", block, flags=re.M)
        found[block.split(None, 1)[0]] = float(limits[-1]) if limits else float("inf")
    return found


def default_queue(text: str) -> str | None:
    """The queue that `bqueues -l` calls the default."""
    for block in re.split(r"^QUEUE:\s*", text, flags=re.M)[1:]:
        if "This is the default queue" in " ".join(block.split()):
            return block.split(None, 1)[0]
    return None


def configuration(text: str) -> dict[str, str]:
    """The `KEY = VALUE` lines of `badmin showconf mbd`."""
    return dict(re.findall(r"^\s*(\w+)\s*=\s*(\S+)", text, flags=re.M))


def gpu_models(text: str) -> set[str]:
    """Models that `lshosts -gpu` lists; hosts without a GPU show dashes."""
    rows = [line.split() for line in text.splitlines()]
    header = next((row for row in rows if "gpu_model" in row), [])
    if not header:
        return set()
    # A host's further GPUs come on lines without its name.
    from_end = len(header) - header.index("gpu_model")
    models = {row[-from_end] for row in rows[rows.index(header) + 1 :] if len(row) >= from_end}
    return models - {"-"}


def _queue(request: Request, known: dict[str, float], text: str) -> list[Finding]:
    name = request.queue or default_queue(text)
    if name is None:
        return [
            warning(
                "queue",
                "the profile names no queue, and bqueues tells no default",
                "the walltime cannot be checked",
                "put lsf_queue=... into default-resources of the profile",
            )
        ]
    if name not in known:
        return [
            problem(
                "queue",
                f"queue {name!r} does not exist",
                "bsub would refuse every job",
                f"set lsf_queue in default-resources of the profile to one of {', '.join(sorted(known))}",
            )
        ]
    if request.minutes <= known[name]:
        return [ok("walltime", f"{request.minutes:g} min fit the limit of queue {name} ({known[name]:g} min)")]
    return [
        problem(
            "walltime",
            f"{request.minutes:g} min are more than queue {name} allows ({known[name]:g} min)",
            "bsub would refuse every training job",
            f"set runtime of `train` in the profile to at most {known[name]:g}, or choose another lsf_queue",
        )
    ]


def _unit(request: Request, unit: str | None) -> Finding:
    if request.unit != "none":
        return ok("memory unit", f"{request.memory_mb} MB are sent with their unit ({request.unit or 'MB'})")
    if unit == "MB":
        return ok("memory unit", "a bare number counts as MB here")
    return problem(
        "memory unit",
        f"memory is sent as a bare number of MB, and LSF_UNIT_FOR_LIMITS is {unit or 'not set (KB on many sites)'}",
        "LSF would reserve a thousand times too much or too little",
        "set lsf-steady-memory-unit to MB in the profile",
    )


def _gpu(request: Request, text: str | None) -> Finding:
    models = gpu_models(text or "")
    if not models:
        return warning(
            "gpu model",
            "lshosts -gpu names no GPU",
            "a model that no host has keeps jobs pending for ever",
            "ask the site for its GPU names, and put them into gpu_model of the profile",
        )
    if request.gpu_model is None or request.gpu_model in models:
        return ok("gpu model", f"hosts have {', '.join(sorted(models))}")
    return problem(
        "gpu model",
        f"no host has a {request.gpu_model}; there are {', '.join(sorted(models))}",
        "training jobs would stay pending for ever",
        "set gpu_model of `train` and `evaluate` in the profile to one of these, spelled the same",
    )


def _dialect(request: Request, syntax: str | None) -> Finding:
    modern = (syntax or "n").lower() in ("y", "extend")
    if request.gpu_dialect == "resource-strings" and modern:
        return problem(
            "gpu dialect",
            f"the profile asks for GPUs by resource strings, and LSF_GPU_NEW_SYNTAX is {syntax}",
            "LSF refuses ngpus_excl_p then",
            "set lsf-steady-gpu-dialect to gpu-option in the profile",
        )
    return ok("gpu dialect", f"{request.gpu_dialect} (LSF_GPU_NEW_SYNTAX={syntax or 'not set'})")


def _gpu_options(request: Request) -> list[str]:
    """The GPU in the site's dialect; nothing where the profile's own options ask for it."""
    if not request.gpus or re.search(r"-gpu |ngpus", request.extra):
        return []
    if request.gpu_dialect == "gpu-option":
        model = f":gmodel={request.gpu_model}" if request.gpu_model else ""
        return ["-gpu", f"num={request.gpus}:mode=exclusive_process{model}"]
    strings = [f"rusage[ngpus_excl_p={request.gpus}]"]
    strings += [f"select[gpu_model0=={request.gpu_model}]"] if request.gpu_model else []
    return [word for text in strings for word in ("-R", text)]
