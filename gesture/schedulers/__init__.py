"""LSF, Slurm and this machine: what they are asked, and what their answers mean."""

import os
import time

from gesture.base import session
from gesture.base.registry import Registry
from gesture.schedulers.local import Local
from gesture.schedulers.lsf import Lsf
from gesture.schedulers.scheduler import Scheduler
from gesture.schedulers.slurm import Slurm

SCHEDULERS: Registry[Scheduler] = Registry("scheduler", Lsf(), Slurm(), Local(), group="gesture.schedulers")


def job_variable() -> str | None:
    """The environment variable that holds the number of this job; None outside a scheduler."""
    variables = [one.job_variable for one in SCHEDULERS.values() if one.job_variable]
    return next((name for name in variables if os.environ.get(name)), None)


def job_id() -> str | None:
    """The scheduler's number of this job; None outside a scheduler."""
    variable = job_variable()
    return os.environ[variable] if variable else None


def job_name() -> str | None:
    """The unique name that the executor gave this job; None outside a scheduler."""
    return os.environ.get("LSB_JOBNAME") or os.environ.get("BATCH_JOB_NAME") or None


def job_age() -> float:
    """How long this batch job has been running [s]; 0 outside a scheduler.

    `BATCH_JOB_START` is set by the first command of the executors' jobs, in seconds since 1970 by the node's clock.
    """
    variable = job_variable()
    if variable is None:
        return 0.0
    start = os.environ.get("BATCH_JOB_START", "")
    return max(0.0, time.time() - int(start)) if start.isdecimal() else session.job_age(variable)
