"""The plugin's face to Snakemake: hands jobs to the driver and its verdicts back."""

import asyncio
import getpass
import os
import shlex
import shutil
import sys
import threading
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.logging import LoggerExecutorInterface
from snakemake_interface_executor_plugins.workflow import WorkflowExecutorInterface

from snakemake_executor_plugin_lsf_steady import records
from snakemake_executor_plugin_lsf_steady.driver import Driver
from snakemake_executor_plugin_lsf_steady.interrupt import end_all
from snakemake_executor_plugin_lsf_steady.records import Record, digest
from snakemake_executor_plugin_lsf_steady.request import group_of
from snakemake_executor_plugin_lsf_steady.tracked import Tracked

TICK = 0.2  # the longest pause before a new job, or an interrupt, is noticed [s]


class Executor(RemoteExecutor):
    """Snakemake's main thread hands jobs over; the status thread submits, asks, kills and reports."""

    def __init__(self, workflow: WorkflowExecutorInterface, logger: LoggerExecutorInterface) -> None:
        """Snakemake's constructor starts the status thread, so all that this thread uses is made before."""
        self.settings = workflow.executor_settings
        interval = max(TICK, float(workflow.remote_execution_settings.seconds_between_status_checks))
        self.driver = Driver(self.settings, logger, interval=interval)
        self.tracked: dict[JobExecutorInterface, Tracked] = {}
        # Key of a job's outputs -> what its earlier tries have taught: fields of the next record.
        self.lessons: dict[str, dict[str, Any]] = {}
        self.handed_over = threading.Event()
        super().__init__(workflow, logger)

    def __post_init__(self) -> None:
        """Called by Snakemake's constructor at its end.

        Raises:
            WorkflowError: LSF is not there; later on, a command that is missing is an outage like others.
        """
        missing = [name for name in ("bsub", "bjobs", "bhist", "bkill") if shutil.which(name) is None]
        if missing:
            raise WorkflowError(f"{', '.join(missing)}: not on PATH: start snakemake where LSF's commands are")
        # Jobs wait for this folder before they begin: it must outlive the head that submitted them.
        self._tmpdir = str(records.FOLDER.parent / "tmp")
        Path(self._tmpdir).mkdir(parents=True, exist_ok=True)

    # --- Snakemake's main thread

    def run_job(self, job: JobExecutorInterface) -> None:
        """Takes a job over; one that an earlier head submitted is attached to, not submitted again."""
        tracked = self._track(job)
        self.driver.take(tracked)
        self.tracked[job] = tracked
        self.report_job_submission(SubmittedJobInfo(job, external_jobid=tracked.record.job_id))
        self.handed_over.set()

    def _track(self, job: JobExecutorInterface) -> Tracked:
        wanted = self._record(job)
        command, inputs = self.format_job_exec(job), [str(one) for one in job.input if not is_ancient(one)]
        cores, resources = max(1, job.threads), dict(job.resources.items())
        found = records.find(wanted.outputs, self.logger.warning)
        if found is None or not found.name:
            return Tracked(wanted, command, cores, resources, inputs, group=wanted.group)
        one = Tracked(found, command, cores, resources, inputs, group=wanted.group)
        what = f"{wanted.rule}: LSF job {found.job_id or found.name} of an earlier run"
        if found.identity == wanted.identity:
            self.logger.info(f"{what}: attached, not submitted again")
            one.attached = True
        else:
            self.logger.info(f"{what}: its inputs or params have changed since, it is ended first")
            one.replaced_by = wanted
        return one

    def _record(self, job: JobExecutorInterface) -> Record:
        outputs, inputs = sorted(map(str, job.output)), sorted(map(str, job.input))
        members = list(job.jobs) if job.is_group() else [job]
        params = [[one.rule.name, *map(str, one.params.items())] for one in members]
        outcome = job.resources.get("outcome")
        group = None
        if outcome and self.settings.job_group:
            place = digest(str(Path.cwd()))[:8]
            group = group_of(self.settings.job_group, getpass.getuser(), place, str(outcome))
        return Record(
            rule=str(job.groupid) if job.is_group() else job.name,
            wildcards={} if job.is_group() else {name: str(value) for name, value in job.wildcards_dict.items()},
            outputs=outputs or [f"{job.name} without outputs, {job.jobid}"],
            identity=digest([params, inputs, outputs]),
            outcome=str(outcome) if outcome else None,
            group=group,
            **self.lessons.get(records.key(outputs), {}),
        )

    def handle_job_success(self, job: JobExecutorInterface) -> None:
        """Snakemake has taken the result: only now may the record go."""
        self.tracked.pop(job).record.remove()

    def handle_job_error(self, job: JobExecutorInterface) -> None:
        """Snakemake has removed what the job left: a retry is a new job, which knows what this one has taught.

        Whether there is a retry, Snakemake decides next, by the job's number of attempts: one that would fail in the
        same way has had all of them.
        """
        one = self.tracked.pop(job)
        one.record.remove()
        self.lessons[records.key(one.record.outputs)] = {"avoid": one.record.avoid, "mem_mb": one.record.mem_mb}
        if one.final:
            job.attempt = max(job.attempt, job.restart_times + 1)

    def report_job_error(self, job_info: SubmittedJobInfo, msg: str | None = None, **details: Any) -> None:
        """Says why in the program's or LSF's own line where that is all there is to know, else as Snakemake does."""
        if self.tracked[job_info.job].final:
            self.logger.error(msg)
            self.workflow.scheduler.error_callback(job_info.job)
        else:
            super().report_job_error(job_info, msg=msg, **details)

    def print_job_error(self, job_info: SubmittedJobInfo, msg: str | None = None, **details: Any) -> None:
        """Snakemake's own would glue a sentence about the cluster's logs to LSF's words."""
        if job_info.external_jobid is not None:
            details["external_jobid"] = job_info.external_jobid
        job_info.job.log_error(msg, **details)

    def get_job_exec_prefix(self, job: JobExecutorInterface) -> str:
        """Tells the program when its walltime began, by the node's clock: LSF has no variable for it."""
        return "export BATCH_JOB_START=$(date +%s)"

    def get_python_executable(self) -> str:
        """Snakemake's own does not survive a space in the path."""
        return shlex.quote(sys.executable)

    def get_jobscript(self, job: JobExecutorInterface) -> str:
        """Names the list of a job's inputs, if it needs one: by the job, since other heads write here too."""
        return os.path.join(self.tmpdir, records.key(map(str, job.output)))

    # --- the status thread

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        """One round."""
        self.handed_over.clear()
        tracked = [self.tracked[info.job] for info in active_jobs]
        if self.wait:
            self.driver.round(tracked)
        for info, one in zip(active_jobs, tracked, strict=True):
            info.external_jobid = one.record.job_id
            if one.result is None:
                yield info
            elif one.result:
                self.report_job_success(info)
            else:
                self.report_job_error(info, msg=one.message, aux_logs=[one.record.log] if one.record.log else [])

    async def sleep(self) -> None:
        """Until the next round; ends early for a new job or an interrupt."""
        end = time.monotonic() + self.driver.interval
        while self.wait and not self.handed_over.is_set() and time.monotonic() < end:
            await asyncio.sleep(min(TICK, self.driver.interval))

    # --- the end

    def cancel(self) -> None:
        """An interrupt, or an error in Snakemake itself: jobs are left to go on, or killed."""
        end_all(self)

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Part of Snakemake's interface; `cancel` does it all."""

    def shutdown(self) -> None:
        """Waits for the status thread; the temporary folder stays for jobs that go on."""
        self.wait = False
        self.wait_thread.join()


def is_ancient(path: Any) -> bool:
    """True for an input whose date does not count."""
    return bool(getattr(path, "is_ancient", False))
