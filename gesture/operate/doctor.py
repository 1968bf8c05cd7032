"""All checks in order: the scheduler, the environment, the GPU, the working directory, and a node if asked."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from gesture.config.settings import Experiment
from gesture.operate import gpu, memory, node, probe, storage, trial
from gesture.operate.trial import Trial
from gesture.schedulers.ask import Ask
from gesture.schedulers.finding import Finding, ok, problem
from gesture.schedulers.local import Local
from gesture.schedulers.profile import scheduler_of
from gesture.schedulers.scheduler import Request


def findings(
    request: Request,
    folder: Path,
    experiment: Experiment | None,
    ask: Ask,
    on_node: bool = False,
    version: gpu.Version = gpu.installed,
    try_out: Callable[[], Trial | str] = trial.try_out,
) -> list[Finding]:
    """What this machine shows without submitting anything.

    Args:
        request: what the profile asks for.
        folder: working directory of the workflow.
        experiment: its needs of disk and GPU memory are judged; None for a general one.
        ask: runs a command.
        on_node: the machine is a compute node: its devices are tried, and its scheduler is not asked.
        version: looks up an installed package's version.
        try_out: makes a training step on the devices of this machine.
    """
    scheduler = scheduler_of(request.executor)
    here = on_node or scheduler.job_variable is None
    found = [] if on_node else [_executor(request.executor), *scheduler.findings(request, ask)]
    seen = gpu.gpus(ask) if here else []
    tried = try_out() if on_node or seen else None
    gpus = [one.name for one in tried.hardware.gpus] if isinstance(tried, Trial) else [name for name, _ in seen]
    wants_gpu = bool(request.gpus or seen)
    found += gpu.environment(version, wants_gpu, next(iter(gpus), request.gpu_model))
    if tried is not None:
        found += node.findings(tried, wants_gpu)
    else:
        found.append(gpu.absent(wants_gpu) if here else ok("gpu", "judged on a node: --probe"))
    devices = max(one.training.devices for one in experiment.variants.values()) if experiment else 1
    found += gpu.enough(len(gpus) if here else request.gpus, devices)
    if isinstance(tried, Trial):
        seen = [(one.name, one.memory_mb) for one in tried.hardware.gpus if one.memory_mb]
    found += memory.findings(experiment, folder, min(seen, key=lambda one: one[1], default=None))
    return [*found, *storage.findings(folder, experiment, ask)]


def _executor(name: str) -> Finding:
    if name in Local.executors or find_spec(f"snakemake_executor_plugin_{name.replace('-', '_')}"):
        return ok("executor", f"{name} is installed")
    return problem(
        "executor",
        f"Snakemake's executor {name} is not installed in this environment",
        "Snakemake would stop at once",
        "run `make env` in the clone, and start Snakemake with that environment",
    )


def probed(request: Request, profile: str, folder: Path, patience: float, found: list[Finding]) -> list[Finding]:
    """What a compute node shows; nothing where the scheduler does not answer or there is none."""
    if scheduler_of(request.executor).job_variable is None or any(
        one == ("scheduler", "problem") for one in map(_key, found)
    ):
        return [
            problem(
                "probe",
                f"no job can be submitted by profile {profile}",
                "the probe is a job of a scheduler",
                "leave --probe out, or mend the scheduler first",
            )
        ]
    return probe.findings(request, profile, folder, patience)


def _key(one: Finding) -> tuple[str, str]:
    return one.check, one.level
