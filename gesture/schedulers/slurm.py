"""Slurm, judged from what its commands print."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gesture.config.layout import Layout
from gesture.schedulers import gpus
from gesture.schedulers.ask import Ask
from gesture.schedulers.finding import Finding, ok, problem, warning
from gesture.schedulers.scheduler import Job, Request, Scheduler

# The executor asks every three minutes at most; jobs that ended must be listed until then, and a bit longer [s].
LISTED = 240


class Slurm(Scheduler):
    """Slurm by way of `slurm-steady`, or of the published executor."""

    name = "slurm"
    executors = ("slurm-steady", "slurm")
    job_variable = "SLURM_JOB_ID"

    def read(self, profile: Mapping[str, Any], resources: Mapping[str, Any]) -> dict[str, Any]:
        """GPUs are asked for by `gres`, such as `gpu:v100:1`, or by `gpu` and `gpu_model`."""
        return {
            "gpus": gpus.asked(resources),
            "gpu_model": resources.get("gpu_model") or gpus.model(str(resources.get("gres", ""))),
            "queue": resources.get("slurm_partition"),
            "account": resources.get("slurm_account"),
            "extra": str(resources.get("slurm_extra") or ""),
        }

    def findings(self, request: Request, ask: Ask) -> list[Finding]:
        """Partition, walltime, memory, GPUs, and how long ended jobs are listed."""
        return findings(request, ask)

    def submission(self, request: Request, minutes: int, memory_mb: int, command: str, log: Path) -> list[str]:
        """An `sbatch` line."""
        line = ["sbatch", "--parsable", f"--time={minutes}", f"--mem={memory_mb}", "--job-name=gesture_doctor"]
        line += [f"--output={log}"]
        line += [f"--partition={request.queue}"] if request.queue else []
        line += [f"--account={request.account}"] if request.account else []
        model = f"{request.gpu_model}:" if request.gpu_model else ""
        line += [f"--gres=gpu:{model}{request.gpus}"] if request.gpus else []
        return [*line, *shlex.split(request.extra), f"--wrap={command}"]

    def job_number(self, printed: str) -> str | None:
        """What `--parsable` prints: the number, on federated clusters followed by the cluster's name."""
        match = re.search(r"^(\d+)", printed, flags=re.M)
        return match[1] if match else None

    def jobs(self, folder: Path, experiment: str, ask: Ask) -> list[Job]:
        """By what Slurm says of this user's jobs: the executor's comment, and a script that names the settings."""
        lines = (ask("squeue", "--me", "--noheader", "--format=%i|%k") or "").splitlines()
        settings = f"{Layout(experiment, folder.resolve()).results.settings}/"
        found = []
        for number, _, comment in (line.partition("|") for line in lines):
            script = ask("scontrol", "write", "batch_script", number, "-") if comment.startswith("rule_") else None
            if settings in (script or ""):
                what = comment.removeprefix("rule_").replace("_wildcards_", " ")
                found.append(Job(f"Slurm job {number}", what, tuple(self.cancel(number))))
        return found

    def cancel(self, number: str) -> list[str]:
        """`scancel`."""
        return ["scancel", number]


def findings(request: Request, ask: Ask) -> list[Finding]:
    """All checks; one finding if Slurm does not answer."""
    partitions = ask("sinfo", "--noheader", "--format=%P|%l|%G|%m|%T|%D")
    if partitions is None:
        return [
            problem(
                "scheduler",
                "sinfo gives no answer",
                "nothing can be submitted from here",
                "log in to a submit host of the cluster, or load its Slurm module",
            )
        ]
    rows = [line.split("|") for line in partitions.splitlines() if line.count("|") == 5]
    names = {row[0].rstrip("*") for row in rows}
    queue = request.queue or next((row[0].rstrip("*") for row in rows if row[0].endswith("*")), None)
    found = [ok("scheduler", f"Slurm answers, partitions {', '.join(sorted(names))}")]
    if queue is None or queue not in names:
        named = f"partition {queue!r} does not exist" if queue else "no partition is the default"
        return [
            *found,
            problem(
                "queue",
                named,
                "sbatch would refuse every job",
                f"put slurm_partition=... into default-resources of the profile: one of {', '.join(sorted(names))}",
            ),
        ]
    mine = [row for row in rows if row[0].rstrip("*") == queue]
    found += [_walltime(queue, mine[0][1], request), _memory(queue, [row[3] for row in mine], request)]
    if request.gpus:
        found.append(_gpu(queue, [row[2] for row in mine], request))
    return [*found, _memory_of_jobs(ask("scontrol", "show", "config"))]


def limit_minutes(text: str) -> float:
    """A Slurm time limit in minutes: `1-00:00:00`, `4:00:00`, `30:00`, `infinite`."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text.strip())
    if not match:
        return float("inf")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return days * 1440 + hours * 60 + minutes + seconds / 60


def _walltime(queue: str, text: str, request: Request) -> Finding:
    if request.minutes <= limit_minutes(text):
        return ok("walltime", f"{request.minutes:g} min fit the limit of partition {queue} ({text})")
    return problem(
        "walltime",
        f"{request.minutes:g} min are more than partition {queue} allows ({text})",
        "jobs would stay in the queue for ever",
        f"set runtime of `train` in the profile to at most {limit_minutes(text):g}; more sessions do the same work",
    )


def _memory(queue: str, texts: list[str], request: Request) -> Finding:
    most = max(int(re.sub(r"\D", "", text) or 0) for text in texts)
    if request.memory_mb <= most:
        return ok("memory", f"{request.memory_mb} MB fit a node of partition {queue} ({most} MB)")
    return problem(
        "memory",
        f"{request.memory_mb} MB are more than any node of partition {queue} has ({most} MB)",
        "sbatch would refuse the job",
        "lower mem_mb of `train` in the profile",
    )


def gpu_models(gres: list[str]) -> set[str]:
    """GPU types of `gpu:v100:4(S:0-1),gpu:a100:2`; an untyped one is ``""``."""
    return {match[1] or "" for text in gres for match in re.finditer(r"\bgpu(?::([A-Za-z][\w.-]*))?(?::\d+)?", text)}


def _gpu(queue: str, gres: list[str], request: Request) -> Finding:
    models = gpu_models(gres)
    named = ", ".join(sorted(models - {""})) or "untyped ones"
    if models and (request.gpu_model is None or request.gpu_model in models):
        return ok("gpu model", f"partition {queue} has GPUs ({named})")
    return problem(
        "gpu model",
        f"no node of partition {queue} has a GPU {request.gpu_model or ''}".rstrip()
        + (f"; it has {named}" if models else ""),
        "the job would never start",
        "choose another partition (slurm_partition), or another gres of `train` and `evaluate` in the profile",
    )


def _memory_of_jobs(configuration: str | None) -> Finding:
    match = re.search(r"^MinJobAge\s*=\s*(\d+)", configuration or "", flags=re.M)
    if match and int(match[1]) >= LISTED:
        return ok("status", f"ended jobs are listed for {match[1]} s")
    return warning(
        "status",
        f"ended jobs are listed for {match[1]} s" if match else "scontrol does not say how long ended jobs are listed",
        "a job that is gone before the head asks is judged by its outputs alone",
        "where there is an accounting database, set slurm-steady-status-command to sacct in the profile",
    )
