"""What gesture asks of every scheduler: doctor, probe, cancel, plan and trainer alike.

One more is one module with one class, and one line in `gesture/schedulers/__init__.py`; plus a profile.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from gesture.schedulers.ask import Ask
from gesture.schedulers.finding import Finding


@dataclass(frozen=True)
class Request:
    """The training job of a profile.

    Attributes:
        executor: Snakemake's, such as `lsf-steady`.
        minutes: walltime [min]; 0 where none is given.
        memory_mb: memory [MB]; 0 where none is given.
        gpus: how many.
        gpu_model: a GPU's name as the scheduler knows it; None for any.
        queue: queue or partition; None for the site's default.
        account: project or account that jobs are charged to, if any.
        extra: further options of the submission, as a shell would split them.
        unit: unit that LSF is sent memory with, `none` for a bare number; None for other schedulers.
        gpu_dialect: how LSF is asked for GPUs, `resource-strings` or `gpu-option`.
    """

    executor: str
    minutes: float = 0.0
    memory_mb: int = 0
    gpus: int = 0
    gpu_model: str | None = None
    queue: str | None = None
    account: str | None = None
    extra: str = ""
    unit: str | None = None
    gpu_dialect: str = "resource-strings"


@dataclass(frozen=True)
class Job:
    """Something that a scheduler runs, or will run, for an experiment.

    Attributes:
        name: for people, such as `Slurm job 17`.
        what: rule and member, as far as known.
        end: command that ends it.
    """

    name: str
    what: str
    end: tuple[str, ...]


class Scheduler(ABC):
    """One kind of scheduler.

    Attributes:
        name: what people call it.
        executors: the executors of Snakemake that submit to it.
        job_variable: environment variable of a job that holds its number; None where jobs are processes.
    """

    name: ClassVar[str]
    executors: ClassVar[tuple[str, ...]]
    job_variable: ClassVar[str | None] = None

    @abstractmethod
    def read(self, profile: Mapping[str, Any], resources: Mapping[str, Any]) -> dict[str, Any]:
        """The parts of a `Request` that this scheduler's profiles write in a way of their own.

        Args:
            profile: the whole profile.
            resources: those of the rule `train`, with the profile's defaults.
        """

    @abstractmethod
    def findings(self, request: Request, ask: Ask) -> list[Finding]:
        """Would it admit the request? One finding if it does not answer."""

    @abstractmethod
    def submission(self, request: Request, minutes: int, memory_mb: int, command: str, log: Path) -> list[str]:
        """The line that submits a short job which asks for the same devices as the request.

        Args:
            request: as the profile has it.
            minutes: walltime of the job [min].
            memory_mb: its memory [MB].
            command: shell line that it runs.
            log: file for what it prints.
        """

    @abstractmethod
    def job_number(self, printed: str) -> str | None:
        """What the scheduler called a job that it took; None if it did not take it."""

    @abstractmethod
    def jobs(self, folder: Path, experiment: str, ask: Ask) -> list[Job]:
        """The jobs of an experiment that was started in a working directory."""

    @abstractmethod
    def cancel(self, number: str) -> list[str]:
        """The command that ends a job."""
