"""Does this LSF admit the request? Judged from what its commands print."""

import re

from gesture.schedulers.ask import Ask
from gesture.schedulers.finding import Finding, ok, problem, warning
from gesture.schedulers.profile import Request


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
