"""What `slurm-steady` does where the published executor would lose a job or wait for it for ever."""

import asyncio
import json
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
    settings = steady.ExecutorSettings(status_command="squeue", no_requeue=True)
    scheduler = SimpleNamespace(error_callback=lambda job: note(job.info, "final"))
    one.workflow = SimpleNamespace(executor_settings=settings, scheduler=scheduler)
    one.logger, one.said = logging.getLogger("test"), {}
    one.run_uuid, one.states, one.reports = "run", None, {}
    monkeypatch.setattr(
        PublishedExecutor, "__post_init__", lambda self, test_mode: setattr(self, "_failed_nodes", set())
    )
    monkeypatch.setattr(Executor, "_ask", lambda self, *words: self.said.get(words[0], ""))

    async def silent(self: Any, active_jobs: list[Any]) -> AsyncGenerator[Any, None]:
        """A round of queries without an answer, as version 2.8.0 deals with it: no job is yielded."""
        return
        yield

    async def query(command: str, logger: Any) -> tuple[Any, Any]:
        return one.states, None if one.states is None else 0.1

    monkeypatch.setattr(PublishedExecutor, "check_active_jobs", silent)
    monkeypatch.setattr(PublishedExecutor, "report_job_success", lambda self, job: note(job, "success"))
    monkeypatch.setattr(PublishedExecutor, "report_job_error", lambda self, job, msg, **more: note(job, msg))
    monkeypatch.setattr(PublishedExecutor, "run_job", lambda self, job: note(job.info, "submitted"))
    monkeypatch.setattr(PublishedExecutor, "handle_job_error", lambda self, job: None)
    monkeypatch.setattr(
        PublishedExecutor, "_report_job_error_threadsafe", lambda self, job, msg: self.report_job_error(job, msg)
    )
    monkeypatch.setattr(PublishedExecutor, "shutdown", lambda self: None)
    monkeypatch.setattr(steady, "query_job_status", query)
    monkeypatch.setattr(steady, "PAUSE", 0.0)

    def note(job: Any, what: str) -> None:
        assert job.external_jobid not in one.reports, "reported twice"
        one.reports[job.external_jobid] = what

    one.__post_init__()
    return one


def job(number: str | None, *outputs: Path, **resources: Any) -> Any:
    """A submitted job; the job itself knows it as `info`."""
    one: Any = SimpleNamespace(
        output=[str(path) for path in outputs], input=[], name="train", wildcards_dict={"member": "a-s1"},
        is_group=lambda: False, resources=Resources(resources), attempt=1, restart_times=3,
    )  # fmt: skip
    one.info = SimpleNamespace(external_jobid=number, job=Hashable(one))
    return one.info


class Resources(dict[str, Any]):
    """As Snakemake's: read and written by attribute too."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


class Hashable:
    """A job is a key in many places."""

    def __init__(self, inside: Any) -> None:
        self.__dict__ = inside.__dict__


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
    executor.run_job(job("1").job)
    assert executor.reports == {"1": "submitted"}
    assert list(answers) == []


def test_nothing_is_submitted_by_a_head_that_ends_while_slurm_is_away(executor: Any) -> None:
    executor._answers = lambda: False
    executor.shutdown()
    executor.run_job(job("1").job)
    assert executor.reports == {}


# --- the job's own word


def outcome(folder: Path, code: int, number: str = "1", **more: str) -> Path:
    path = folder / "outcome.json"
    path.write_text(json.dumps({"exit_code": code, "message": "loss is nan", "job_id": number, **more}))
    return path


def test_a_job_that_said_it_was_done_is_done_whatever_slurm_says(executor: Any, tmp_path: Path) -> None:
    (tmp_path / "model").write_text("weights")
    path = outcome(tmp_path, 0, job_name="run")
    executor.report_job_error(job("1", tmp_path / "model", outcome=path), msg="SLURM status is: 'NODE_FAIL'.")
    executor.report_job_error(job("2", tmp_path / "model", outcome=path), msg="another job's word")
    outcome(tmp_path, 0, "3", job_name="another run")
    executor.report_job_error(job("3", tmp_path / "model", outcome=path), msg="another run's word")
    outcome(tmp_path, 0, "4")
    executor.report_job_error(job("4", tmp_path / "missing", outcome=path), msg="no files")
    assert executor.reports == {"1": "success", "2": "another job's word", "3": "another run's word", "4": "no files"}


@pytest.mark.parametrize("code", [2, 76])
def test_what_failed_for_good_has_had_all_its_attempts(
    executor: Any, tmp_path: Path, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    one = job("1", outcome=outcome(tmp_path, code))
    executor.report_job_error(one, msg="SLURM-job '1' failed")
    executor.handle_job_error(one.job)
    assert executor.reports == {"1": "final"}
    assert one.job.attempt - 1 >= one.job.restart_times, "Snakemake's own comparison"
    assert caplog.messages == ["train member=a-s1: loss is nan\n    Slurm job 1"]


def test_any_other_failure_leaves_the_attempts_alone(executor: Any) -> None:
    one = job("1")
    executor.report_job_error(one, msg="failed")
    executor.handle_job_error(one.job)
    assert (executor.reports, one.job.attempt) == ({"1": "failed"}, 1)


# --- lessons


def shown(seconds: int, name: str = "run") -> str:
    return f"JobId=1 JobName={name} JobState=FAILED RunTime=00:00:{seconds:02d} NodeList=node1 BatchHost=node1"


@pytest.mark.parametrize(
    ("said", "msg", "code", "left_out"),
    [
        (shown(7), "SLURM status is: 'FAILED'", None, {"node1"}),
        (shown(7), "SLURM status is: 'FAILED'", 1, {"node1"}),
        (shown(7), "SLURM status is: 'CANCELLED'", None, set()),
        (shown(7), "SLURM status is: 'FAILED'", 75, set()),
        (shown(7, "another run"), "SLURM status is: 'FAILED'", None, set()),
        (shown(7).replace("00:00", "00:05"), "SLURM status is: 'FAILED'", None, set()),
        (shown(7).replace("00:00", "00:05"), "SLURM status is: 'NODE_FAIL'", None, {"node1"}),
        (shown(7).replace("00:00", "00:05"), "SLURM status is: 'FAILED'", 71, {"node1"}),
        ("", "SLURM status is: 'FAILED'", 71, {"node9"}),
        ("", "SLURM status is: 'FAILED'", None, set()),
    ],
)
def test_nodes_that_end_jobs_at_once_or_are_unfit_are_left_out(
    executor: Any, tmp_path: Path, said: str, msg: str, code: int | None, left_out: set[str]
) -> None:
    executor.said = {"scontrol": said}
    resources = {} if code is None else {"outcome": outcome(tmp_path, code, host="node9")}
    executor.report_job_error(job("1", **resources), msg=msg)
    assert executor._failed_nodes == left_out


def test_a_job_out_of_memory_asks_for_half_as_much_again_up_to_the_limit(executor: Any, tmp_path: Path) -> None:
    executor.workflow.executor_settings.memory_limit = 2000
    executor._answers = lambda: True
    asked = []
    for number in range(4):
        one = job(str(number), tmp_path / "model", mem_mb=1000)
        executor.run_job(one.job)
        asked.append(one.job.resources.mem_mb)
        del executor.reports[str(number)]
        executor.report_job_error(one, msg="SLURM status is: 'OUT_OF_MEMORY'")
    assert asked == [1000, 1500, 2000, 2000]


def test_a_job_that_waits_long_is_told_once_and_gets_left_out_nodes_back(
    executor: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    monkeypatch.setattr(steady.time, "monotonic", lambda: now[0])
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(Executor, "_ask", lambda self, *words: (asked.append(words), "PENDING|Resources")[1])
    executor.states, executor._failed_nodes = {"1": "PENDING"}, {"node1"}
    for _ in range(20):
        assert check(executor, [job("1")])
        now[0] += 600
    assert executor._failed_nodes == set()
    assert ("scontrol", "update", "JobId=1", "ExcNodeList=") in asked
    assert [one for one in caplog.messages if "Slurm's reason" in one] == [
        "train member=a-s1: Slurm job 1 has waited in the queue for 60 min; Slurm's reason: Resources"
    ]


# --- sbatch


CALL = "SLURM sbatch failed. The error message was '{}'.\n    sbatch call:\n        sbatch --parsable\n"


def refusing(executor: Any, monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """sbatch says these in turn, and takes the job then."""
    left, calls = list(answers), []

    def run_job(self: Any, one: Any) -> None:
        calls.append("sbatch")
        if left:
            self._report_job_error_threadsafe(one.info, CALL.format(left.pop(0)))

    monkeypatch.setattr(PublishedExecutor, "run_job", run_job)
    executor._answers = lambda: True
    return calls


def test_a_controller_that_takes_no_job_now_is_asked_again(executor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "sbatch: *** invalid partition names: see the wiki\nsbatch: error: Batch job submission failed: "
    calls = refusing(
        executor, monkeypatch, *(words + one for one in ("Socket timed out on send/recv operation", "Unexpected"))
    )
    executor.run_job(job("1").job)
    assert (len(calls), executor.reports) == (3, {})


def test_a_refusal_for_good_is_final_and_names_the_setting(
    executor: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    words = "sbatch: temporary banner\nsbatch: error: Batch job submission failed: Invalid partition name specified"
    calls = refusing(executor, monkeypatch, *[words] * 5)
    one = job(None)
    executor.run_job(one.job)
    executor.handle_job_error(one.job)
    assert (len(calls), executor.reports, one.job.attempt) == (1, {None: "final"}, 4)
    first, second, *rest = caplog.messages[-1].splitlines()
    assert first.endswith("Slurm takes no job: Batch job submission failed: Invalid partition name specified")
    assert second == "    change in the profile: slurm_partition, in default-resources"
    assert "sbatch call:" in "\n".join(rest)


def test_sbatch_is_not_asked_for_ever(executor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    executor.workflow.executor_settings.submit_limit = 0
    calls = refusing(executor, monkeypatch, *["sbatch: error: Batch job submission failed: Socket timed out"] * 5)
    executor.run_job(job(None).job)
    assert (len(calls), executor.reports) == (1, {None: "final"})
