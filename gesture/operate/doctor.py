"""All checks in order: the scheduler, the environment, the GPU, the working directory, and a node if asked."""

from importlib.util import find_spec
from pathlib import Path

from gesture.config.settings import Experiment
from gesture.operate import gpu, memory, probe, storage
from gesture.schedulers import lsf, slurm
from gesture.schedulers.ask import Ask
from gesture.schedulers.finding import Finding, ok, problem
from gesture.schedulers.profile import Request

SCHEDULERS = {"lsf": lsf.findings, "slurm": slurm.findings}


def findings(
    request: Request,
    folder: Path,
    experiment: Experiment | None,
    ask: Ask,
    on_node: bool = False,
    version: gpu.Version = gpu.installed,
) -> list[Finding]:
    """What this machine shows without submitting anything.

    Args:
        request: what the profile asks for.
        folder: working directory of the workflow.
        experiment: its needs of disk and GPU memory are judged; None for a general one.
        ask: runs a command.
        on_node: the machine is a compute node, whose GPU counts and whose scheduler is not asked.
        version: looks up an installed package's version.
    """
    here = on_node or request.scheduler == "local"
    judge = None if here else SCHEDULERS.get(request.scheduler)
    found = [] if on_node else [_executor(request.executor)]
    found += judge(request, ask) if judge else []
    seen = gpu.gpus(ask) if here else []
    name = seen[0][0] if seen else request.gpu_model
    found += gpu.environment(version, bool(request.gpus or seen), name)
    found.append(gpu.device(seen, bool(request.gpus)) if here else ok("gpu", "judged on a node: --probe"))
    devices = max(one.training.devices for one in experiment.variants.values()) if experiment else 1
    found += gpu.enough(len(seen) if here else request.gpus, devices)
    found += memory.findings(experiment, folder, min(seen, key=lambda one: one[1], default=None))
    return [*found, *storage.findings(folder, experiment, ask)]


def _executor(name: str) -> Finding:
    if name == "local" or find_spec(f"snakemake_executor_plugin_{name.replace('-', '_')}"):
        return ok("executor", f"{name} is installed")
    return problem(
        "executor",
        f"Snakemake's executor {name} is not installed in this environment",
        "Snakemake would stop at once",
        "run `make env` in the clone, and start Snakemake with that environment",
    )


def probed(request: Request, profile: str, folder: Path, patience: float, found: list[Finding]) -> list[Finding]:
    """What a compute node shows; nothing where the scheduler does not answer or there is none."""
    if request.scheduler not in SCHEDULERS or any(one == ("scheduler", "problem") for one in map(_key, found)):
        return [
            problem(
                "probe",
                f"no job can be submitted by profile {profile}",
                "the probe is a job of LSF or Slurm",
                "leave --probe out, or mend the scheduler first",
            )
        ]
    return probe.findings(request, profile, folder, patience)


def _key(one: Finding) -> tuple[str, str]:
    return one.check, one.level
