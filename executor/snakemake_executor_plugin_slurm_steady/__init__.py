"""The published Slurm executor, except that silence is not taken for an end.

Version 2.8.0 of it drops all jobs from its list when a round of status queries has no answer: the jobs end, nobody
notices, and the head waits for ever. One restart of the controller is enough where there is no accounting database.
A job that Slurm has forgotten (it ended while nobody could ask, longer ago than MinJobAge) is waited for for ever. And
an sbatch without an answer fails the job: a few minutes of outage use up all retries.

Besides, what a job wrote about its own end counts, and its next tries learn from it.
"""

import math
import shlex
import subprocess
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_lsf_steady.ending import (
    DONE,
    FAILED_FOR_GOOD,
    NODE_IS_UNFIT,
    WRONG_INPUT,
    Outcome,
    read_outcome,
    what_is_missing,
)
from snakemake_executor_plugin_lsf_steady.lessons import MORE_MEMORY
from snakemake_executor_plugin_slurm import Executor as PublishedExecutor
from snakemake_executor_plugin_slurm import common_settings
from snakemake_executor_plugin_slurm.job_status_query import query_job_status, query_job_status_squeue
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from snakemake_executor_plugin_slurm_steady import words
from snakemake_executor_plugin_slurm_steady.settings import ExecutorSettings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

# Time between two questions whether Slurm is back [s].
PAUSE = 10.0
# The longest pause between two tries of sbatch [s].
LONGEST_PAUSE = 600.0
# Checks in a row that must miss a job before it counts as forgotten: one may come before Slurm lists it.
CHECKS = 3


class Executor(PublishedExecutor):
    """Watches every job until Slurm has said how it ended, or has said that it does not know it."""

    def __post_init__(self, test_mode: bool = False) -> None:
        """Starts with nothing to watch."""
        self._ended: set[str | None] = set()
        self._missed: Counter[str | None] = Counter()
        self._closing = threading.Event()
        self._final: set[Any] = set()
        self._memory: dict[str, float] = {}  # outputs of a job -> what it asks for next time [MB]
        self._thread = threading.local()  # `refused`: what sbatch said to this thread's job
        self._waiting: dict[str | None, float] = {}  # number -> since when it may be in the queue [s]
        self._told: set[str | None] = set()
        super().__post_init__(test_mode)
        self._always_left_out = set(self._failed_nodes)  # by the user

    def shutdown(self) -> None:
        """Gives up waiting for Slurm to submit."""
        self._closing.set()
        super().shutdown()

    # --- submission

    def run_job(self, job: Any) -> None:
        """Submits as soon as Slurm takes the job; runs in a thread of its own."""
        pause, since = PAUSE, time.monotonic()
        while True:
            while not self._answers():
                if self._closing.wait(PAUSE):
                    return
            self._apply_lessons(job)
            self._thread.refused = None
            super().run_job(job)
            said, self._thread.refused = self._thread.refused, False
            if said is None:
                return
            refusal = words.refusal(sbatch_said(said))
            # Slurm refuses at once what no node of the others could ever run.
            if "node configuration" in refusal.words and self._let_back():
                continue
            tried = time.monotonic() - since
            if refusal.for_good or "sbatch" not in said or tried > self._setting("submit_limit") * 60:
                self._refuse(job, refusal, said)
                return
            if pause == PAUSE:
                self.logger.warning(f"{name_of(job)}: not submitted yet, trying on: {refusal.words}")
            if self._closing.wait(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    def _let_back(self) -> bool:
        """Leaves no node out any more, but those that the user names; True if there was one."""
        left_out = self._failed_nodes - self._always_left_out
        if left_out:
            self.logger.warning(f"{', '.join(sorted(left_out))}: left out no more, a job cannot run without")
        self._failed_nodes -= left_out
        return bool(left_out)

    def _apply_lessons(self, job: Any) -> None:
        more = self._memory.get(key(job))
        if more:
            job.resources.mem_mb = math.ceil(more)  # evaluated anew at each attempt

    def _refuse(self, job: Any, refusal: words.Refusal, said: str) -> None:
        self._final.add(job)
        lines = [f"{name_of(job)}: Slurm takes no job: {refusal.words}"]
        lines += [f"    change in the profile: {refusal.change}"] if refusal.change else []
        super()._report_job_error_threadsafe(SubmittedJobInfo(job), "\n".join([*lines, f"    {said}"]))

    def _report_job_error_threadsafe(self, job_info: SubmittedJobInfo, msg: str) -> None:
        """The published executor's word that sbatch took no job; `run_job` decides what to do."""
        if getattr(self._thread, "refused", False) is None:
            self._thread.refused = msg
        else:
            super()._report_job_error_threadsafe(job_info, msg)

    def _answers(self) -> bool:
        try:
            return subprocess.run(["scontrol", "ping"], capture_output=True, timeout=60, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def _setting(self, name: str) -> float:
        return float(getattr(self.workflow.executor_settings, name))

    def get_job_exec_prefix(self, job: Any) -> str:
        """Tells the program when its walltime began, and the job's name: the job step inside removes Slurm's own."""
        dollar = (
            "$" if self.workflow.executor_settings.pass_command_as_script else r"\$"
        )  # sbatch --wrap="...", in a shell
        return f"export BATCH_JOB_START={dollar}(date +%s) BATCH_JOB_NAME={self.run_uuid}"

    # --- the end of a job

    def report_job_success(self, job_info: SubmittedJobInfo) -> None:
        """Notes that the job has ended."""
        self._ended.add(job_info.external_jobid)
        super().report_job_success(job_info)

    def report_job_error(self, job_info: SubmittedJobInfo, msg: Any = None, **details: Any) -> None:
        """Notes that the job has ended; one that says of itself that it is done, with its files whole, is done."""
        own, job = self._own_outcome(job_info), job_info.job
        if own and own.exit_code == DONE and not what_is_missing(map(str, job.output), map(str, job.input)):
            self.logger.info(f"{name_of(job)}: {msg} But it said itself that it was done, its files are whole: done")
            self.report_job_success(job_info)
            return
        self._ended.add(job_info.external_jobid)
        if job_info.external_jobid is not None:
            self._learn(job_info, own, str(msg))
        if own and own.exit_code in (WRONG_INPUT, FAILED_FOR_GOOD):
            self._final.add(job)
            msg = f"{name_of(job)}: {own.message}\n    Slurm job {job_info.external_jobid}"
        if job in self._final:
            self.logger.error(msg)
            self.workflow.scheduler.error_callback(job)
        else:
            super().report_job_error(job_info, msg=msg, **details)

    def print_job_error(self, job_info: SubmittedJobInfo, msg: str | None = None, **details: Any) -> None:
        """Snakemake's own would glue a sentence about the cluster's logs to Slurm's words."""
        if job_info.external_jobid is not None:
            details["external_jobid"] = job_info.external_jobid
        job_info.job.log_error(msg, **details)

    def handle_job_error(self, job: Any) -> None:
        """Snakemake decides next, by the number of attempts, whether to try again: what is final has had all."""
        super().handle_job_error(job)
        if job in self._final:
            self._final.discard(job)
            job.attempt = max(job.attempt, job.restart_times + 1)

    def _own_outcome(self, job_info: SubmittedJobInfo) -> Outcome | None:
        path = job_info.job.resources.get("outcome")
        told = read_outcome(str(path)) if path else None
        return told if told and told.is_of(job_info.external_jobid, self.run_uuid) else None

    def _learn(self, job_info: SubmittedJobInfo, own: Outcome | None, msg: str) -> None:
        """What the next try does better; nodes are left out for all jobs, since the published executor has one list."""
        job, number = job_info.job, job_info.external_jobid
        if "OUT_OF_MEMORY" in msg and job.resources.get("mem_mb"):
            asked = job.resources.mem_mb
            more = max(asked, min(MORE_MEMORY * asked, self._setting("memory_limit")))
            self._memory[key(job)] = more
            self.logger.warning(f"{name_of(job)}: {asked} MB were too little, the next try asks for {more:g} MB")
            return
        if own and own.exit_code != NODE_IS_UNFIT and own.exit_code != 1:
            return
        told = self._details(number)
        host = told.host or (own.host if own else "")
        at_once = told.seconds is not None and told.seconds < self._setting("short_job") * 60
        unfit = own is not None and own.exit_code == NODE_IS_UNFIT
        not_its_fault = any(one in msg.upper() for one in ("CANCELLED", "TIMEOUT", "PREEMPTED"))
        if host and (unfit or "NODE_FAIL" in msg or (at_once and not not_its_fault)):
            self._failed_nodes.add(host)
            why = own.message if own and unfit else f"Slurm job {number} failed after {told.seconds or 0:g} s"
            self.logger.warning(f"{name_of(job)}: {host} is left out for the next tries: {why}")

    def _details(self, number: str | None) -> words.Ended:
        told = words.ended(self._ask("scontrol", "show", "job", "--oneliner", str(number)))
        return told if told.name == self.run_uuid else words.Ended()

    def _ask(self, *command: str) -> str:
        """What a command of Slurm prints; nothing if it does not answer."""
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
        except (OSError, subprocess.TimeoutExpired):
            return ""

    # --- watching

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
                self._see_pending(job)
                yield job

    def _see_pending(self, job: SubmittedJobInfo) -> None:
        """Tells once why a job waits so long; one that may wait because of the nodes left out gets them back."""
        number, now = job.external_jobid, time.monotonic()
        waited = now - self._waiting.setdefault(number, now)
        limits = [one for one in (self._setting("pending_limit"), self._setting("avoid_limit")) if one]
        if number in self._told or waited < 60 * min(limits, default=math.inf):
            return
        state, _, reason = (
            self._ask("squeue", "--noheader", f"--jobs={number}", "--format=%T|%r").strip().partition("|")
        )
        if state not in ("", "PENDING"):
            self._told.add(number)
            return
        if waited >= self._setting("avoid_limit") * 60 and self._let_back():
            self._ask("scontrol", "update", f"JobId={number}", f"ExcNodeList={','.join(self._failed_nodes)}")
        if reason and waited >= self._setting("pending_limit") * 60:
            self._told.add(number)
            self.logger.warning(
                f"{name_of(job.job)}: Slurm job {number} has waited in the queue for {waited / 60:.0f} min; "
                f"Slurm's reason: {reason}"
            )

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


def key(job: Any) -> str:
    """Names a job by what it makes."""
    return " ".join(sorted(map(str, job.output)))


def name_of(job: Any) -> str:
    """The rule and its wildcards, for messages."""
    wildcards = {} if job.is_group() else job.wildcards_dict
    return " ".join([job.name, *(f"{name}={value}" for name, value in wildcards.items())])


def sbatch_said(msg: str) -> str:
    """sbatch's own words in the published executor's message: quoted, and followed by the whole call."""
    return msg.partition("The error message was '")[2].rpartition("'.\n    sbatch call:")[0] or msg
