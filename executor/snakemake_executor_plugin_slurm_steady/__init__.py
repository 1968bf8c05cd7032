"""The published Slurm executor, except that silence is not taken for an end.

Version 2.8.0 of it drops all jobs from its list when a round of status queries has no answer: the jobs end, nobody
notices, and the head waits for ever. One restart of the controller is enough where there is no accounting database.
A job that Slurm has forgotten (it ended while nobody could ask, longer ago than MinJobAge) is waited for for ever. And
an sbatch without an answer fails the job: a few minutes of outage use up all retries.
"""

import shlex
import subprocess
import threading
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_slurm import Executor as PublishedExecutor
from snakemake_executor_plugin_slurm import ExecutorSettings, common_settings
from snakemake_executor_plugin_slurm.job_status_query import query_job_status, query_job_status_squeue
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

# Time between two questions whether Slurm is back [s].
PAUSE = 10.0
# Checks in a row that must miss a job before it counts as forgotten: one may come before Slurm lists it.
CHECKS = 3


class Executor(PublishedExecutor):
    """Watches every job until Slurm has said how it ended, or has said that it does not know it."""

    def __post_init__(self, test_mode: bool = False) -> None:
        """Starts with nothing to watch."""
        self._ended: set[str | None] = set()
        self._missed: Counter[str | None] = Counter()
        self._closing = threading.Event()
        super().__post_init__(test_mode)

    def shutdown(self) -> None:
        """Gives up waiting for Slurm to submit."""
        self._closing.set()
        super().shutdown()

    def run_job(self, job: Any) -> None:
        """Submits as soon as Slurm answers; runs in a thread of its own."""
        while not self._answers():
            if self._closing.wait(PAUSE):
                return
        super().run_job(job)

    def _answers(self) -> bool:
        try:
            return subprocess.run(["scontrol", "ping"], capture_output=True, timeout=60, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def report_job_success(self, job_info: SubmittedJobInfo) -> None:
        """Notes that the job has ended."""
        self._ended.add(job_info.external_jobid)
        super().report_job_success(job_info)

    def report_job_error(self, job_info: SubmittedJobInfo, msg: Any = None, **details: Any) -> None:
        """Notes that the job has ended."""
        self._ended.add(job_info.external_jobid)
        super().report_job_error(job_info, msg=msg, **details)

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Yields all jobs but those of which an end was reported."""
        async for _ in super().check_active_jobs(active_jobs):
            pass
        running = [job for job in active_jobs if job.external_jobid not in self._ended]
        states = await self._states() if running and self.get_status_command() == "squeue" else None
        for job in running:
            if states is not None:
                self._judge(job, states.get(job.external_jobid))
            if job.external_jobid not in self._ended:
                yield job

    async def _states(self) -> dict[str | None, str] | None:
        """Number -> state of all jobs of this run that Slurm remembers; None if it does not answer."""
        states, _ = await query_job_status(query_job_status_squeue(shlex.quote(self.run_uuid)), self.logger)
        return states

    def _judge(self, job: SubmittedJobInfo, state: str | None) -> None:
        """Reports an end that the published executor would wait for for ever."""
        number = job.external_jobid
        self._missed[number] = 0 if state else self._missed[number] + 1
        if state == "PREEMPTED" and self.workflow.executor_settings.no_requeue:
            self.report_job_error(job, msg=f"Slurm job {number} was preempted.")
        elif self._missed[number] >= CHECKS and all(Path(path).exists() for path in job.job.output):
            self.logger.warning(f"Slurm no longer knows job {number}; its outputs are complete.")
            self.report_job_success(job)
        elif self._missed[number] >= CHECKS:
            self.report_job_error(job, msg=f"Slurm no longer knows job {number}, and outputs are missing.")
