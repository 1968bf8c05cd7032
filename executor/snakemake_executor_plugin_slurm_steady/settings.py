"""What this executor adds to the settings of the published one."""

from dataclasses import dataclass, field
from typing import Any

from snakemake_executor_plugin_slurm import ExecutorSettings as PublishedSettings


def setting(default: Any, text: str) -> Any:
    """A field with its help text."""
    return field(default=default, metadata={"help": text})


@dataclass
class ExecutorSettings(PublishedSettings):
    """Settings of the executor; times are in minutes."""

    submit_limit: float = setting(720.0, "How long sbatch may take no job, unless it says why for good [min].")
    memory_limit: int = setting(
        0,
        "A job that ran out of memory asks for half as much again at its next try, up to this [MB]; "
        "0: for the same again.",
    )
    short_job: float = setting(
        1.0, "A node on which a job dies within this time is left out for the next tries [min]; 0: none is."
    )
    avoid_limit: float = setting(
        30.0, "How long a job may wait in the queue while nodes are left out, before none is any more [min]."
    )
    pending_limit: float = setting(
        60.0, "How long a job may wait in the queue before it is told, once, with Slurm's reason [min]; 0: never."
    )
