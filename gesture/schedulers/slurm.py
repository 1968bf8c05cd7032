"""Does this Slurm admit the request? Judged from what its commands print."""

import re

from gesture.schedulers.ask import Ask
from gesture.schedulers.finding import Finding, ok, problem, warning
from gesture.schedulers.profile import Request

# The executor asks every three minutes at most; jobs that ended must be listed until then, and a bit longer [s].
LISTED = 240


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
