"""What `slurm-steady` does where the published executor would lose a job or wait for it for ever."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snakemake_executor_plugin_slurm_steady as steady
from snakemake_executor_plugin_slurm_steady import CHECKS, Executor, PublishedExecutor


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Any:
    """One whose Slurm says what a test puts into `states` (None: no answer), and whose reports are in `reports`."""
    one: Any = Executor.__new__(Executor)
    settings = SimpleNamespace(status_command="squeue", no_requeue=True)
    one.workflow, one.logger = SimpleNamespace(executor_settings=settings), logging.getLogger("test")
    one.run_uuid, one.states, one.reports = "run", None, {}
    monkeypatch.setattr(PublishedExecutor, "__post_init__", lambda self, test_mode: None)

    async def silent(self: Any, active_jobs: list[Any]) -> AsyncGenerator[Any, None]:
        """A round of queries without an answer, as version 2.8.0 deals with it: no job is yielded."""
        return
        yield

    async def query(command: str, logger: Any) -> tuple[Any, Any]:
        return one.states, None if one.states is None else 0.1

    monkeypatch.setattr(PublishedExecutor, "check_active_jobs", silent)
    monkeypatch.setattr(PublishedExecutor, "report_job_success", lambda self, job: note(job, "success"))
    monkeypatch.setattr(PublishedExecutor, "report_job_error", lambda self, job, msg, **more: note(job, msg))
    monkeypatch.setattr(PublishedExecutor, "run_job", lambda self, job: note(job, "submitted"))
    monkeypatch.setattr(PublishedExecutor, "shutdown", lambda self: None)
    monkeypatch.setattr(steady, "query_job_status", query)
    monkeypatch.setattr(steady, "PAUSE", 0.0)

    def note(job: Any, what: str) -> None:
        assert job.external_jobid not in one.reports, "reported twice"
        one.reports[job.external_jobid] = what

    one.__post_init__()
    return one


def job(number: str, *outputs: Path) -> Any:
    return SimpleNamespace(external_jobid=number, job=SimpleNamespace(output=[str(path) for path in outputs]))


def check(executor: Any, jobs: list[Any]) -> list[Any]:
    """Jobs that are still watched after one check."""

    async def collect() -> list[Any]:
        return [one async for one in executor.check_active_jobs(jobs)]

    return asyncio.run(collect())


def test_silence_leaves_all_jobs_watched(executor: Any) -> None:
    jobs = [job("1"), job("2")]
    for _ in range(2 * CHECKS):
        assert check(executor, jobs) == jobs
    assert executor.reports == {}


def test_a_job_whose_end_was_reported_is_watched_no_more(executor: Any) -> None:
    jobs = [job("1"), job("2"), job("3")]
    executor.states = {"1": "RUNNING", "2": "COMPLETED", "3": "FAILED"}
    executor.report_job_success(jobs[1])
    executor.report_job_error(jobs[2], msg="failed")
    assert check(executor, jobs) == jobs[:1]


def test_a_forgotten_job_is_judged_by_its_outputs(executor: Any, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    jobs = [job("1", tmp_path / "there"), job("2", tmp_path / "there", tmp_path / "missing"), job("3")]
    executor.states = {"3": "RUNNING"}
    for _ in range(CHECKS - 1):
        assert check(executor, jobs) == jobs
    assert check(executor, jobs) == jobs[2:]
    assert executor.reports == {"1": "success", "2": "Slurm no longer knows job 2, and outputs are missing."}


def test_a_job_that_is_listed_late_is_not_forgotten(executor: Any) -> None:
    jobs = [job("1")]
    for states in ({}, {}, {"1": "PENDING"}, {}, {}, None, {"1": "RUNNING"}):
        executor.states = states
        assert check(executor, jobs) == jobs


def test_a_preempted_job_is_run_again_only_where_slurm_does_not_do_so(executor: Any) -> None:
    jobs = [job("1")]
    executor.states = {"1": "PREEMPTED"}
    executor.workflow.executor_settings.no_requeue = False
    assert check(executor, jobs) == jobs
    executor.workflow.executor_settings.no_requeue = True
    assert check(executor, jobs) == []
    assert executor.reports == {"1": "Slurm job 1 was preempted."}


def test_a_job_is_submitted_once_slurm_answers(executor: Any) -> None:
    answers = iter([False, False, True])
    executor._answers = lambda: next(answers)
    executor.run_job(job("1"))
    assert executor.reports == {"1": "submitted"}
    assert list(answers) == []


def test_nothing_is_submitted_by_a_head_that_ends_while_slurm_is_away(executor: Any) -> None:
    executor._answers = lambda: False
    executor.shutdown()
    executor.run_job(job("1"))
    assert executor.reports == {}
