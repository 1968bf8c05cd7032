"""This machine: no scheduler, jobs are processes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gesture.base.errors import GestureError
from gesture.schedulers import gpus
from gesture.schedulers.ask import Ask
from gesture.schedulers.finding import Finding
from gesture.schedulers.scheduler import Job, Request, Scheduler


class Local(Scheduler):
    """Snakemake starts the jobs itself."""

    name = "local"
    executors = ("local", "dryrun", "touch")

    def read(self, profile: Mapping[str, Any], resources: Mapping[str, Any]) -> dict[str, Any]:
        """The number of GPUs that a job takes."""
        return {"gpus": gpus.asked(resources)}

    def findings(self, request: Request, ask: Ask) -> list[Finding]:
        """Nothing: there is nobody to refuse."""
        return []

    def submission(self, request: Request, minutes: int, memory_mb: int, command: str, log: Path) -> list[str]:
        """Nothing can be submitted.

        Raises:
            GestureError: always.
        """
        raise GestureError("no job can be submitted here: this profile has no scheduler")

    def job_number(self, printed: str) -> str | None:
        """None: there are no numbers."""
        return None

    def jobs(self, folder: Path, experiment: str, ask: Ask) -> list[Job]:
        """None: `gesture cancel` finds processes by the leases that they hold."""
        return []

    def cancel(self, number: str) -> list[str]:
        """The command that asks a process to save and end."""
        return ["kill", number]
