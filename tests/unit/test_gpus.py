"""Which GPUs a job gets: one lock each on a machine without a scheduler. The stub driver shows four cards."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stub_driver

from gesture.base.errors import GestureError, StoppedEarlyError
from gesture.schedulers import gpu_locks

pytestmark = pytest.mark.needs("cc")

# Takes GPUs, says which, and lives until its input is closed.
JOB = """
import os, sys, time
from gesture.schedulers import gpu_locks
def sleep(seconds):
    sys.stdin.readline() if seconds == gpu_locks.LONGEST_PAUSE else time.sleep(seconds)
gpu_locks.take(int(sys.argv[1]), say=lambda text: print(text, flush=True), sleep=sleep)
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


class Job:
    """A process that takes GPUs; while it waits, each `look` lets it try once more."""

    def __init__(self, count: int, environment: dict[str, str]) -> None:
        line = [sys.executable, "-c", JOB, str(count)]
        self.process = subprocess.Popen(
            line, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1
        )

    def says(self) -> str:
        """The next line of the job."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def look(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")

    def end(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stub_driver.build(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def machine(driver: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with four cards and no scheduler."""
    own = ("CUDA_VISIBLE_DEVICES", "LSB_JOBID", "SLURM_JOB_ID")
    inherited = {name: value for name, value in os.environ.items() if name not in own}
    return {
        **inherited,
        "LD_LIBRARY_PATH": str(driver),
        "STUB_CUDA_DEVICES": "4",
        "GESTURE_GPU_LOCKS": str(tmp_path / "locks"),
    }


@pytest.fixture
def start(machine: dict[str, str]) -> Iterator[Callable[..., Job]]:
    """Starts jobs on that machine."""
    jobs: list[Job] = []

    def begin(count: int, **environment: str) -> Job:
        jobs.append(Job(count, {**machine, **environment}))
        return jobs[-1]

    yield begin
    for job in jobs:
        if job.process.poll() is None:
            job.end()


def test_four_jobs_side_by_side_get_four_different_gpus(start: Callable[..., Job]) -> None:
    jobs = [start(1) for _ in range(4)]
    assert sorted(job.says() for job in jobs) == ["0", "1", "2", "3"]


def test_a_fifth_job_says_who_has_the_gpus_and_gets_that_of_one_that_was_killed(start: Callable[..., Job]) -> None:
    jobs = [start(1) for _ in range(4)]
    taken = [job.says() for job in jobs]
    fifth = start(1)
    told = fifth.says()
    assert told.startswith("waiting for 1 of 4 GPUs; they are taken by process ")
    assert set(told.rpartition("process ")[2].split(", ")) == {str(job.process.pid) for job in jobs}
    fifth.look()
    jobs[2].end(signal.SIGKILL)
    fifth.look()
    assert fifth.says() == taken[2]


def test_a_job_of_two_devices_takes_two(start: Callable[..., Job]) -> None:
    assert start(2).says() == "0,1"
    assert start(2).says() == "2,3"


def test_two_jobs_that_want_more_than_is_free_do_not_wait_for_each_other(start: Callable[..., Job]) -> None:
    first = start(3)
    assert first.says() == "0,1,2"
    waiting = []
    for _ in range(2):
        waiting.append(start(2))
        assert waiting[-1].says().startswith("waiting for 2 of 4 GPUs")
    first.end()
    waiting[0].look()
    assert waiting[0].says() == "0,3"
    waiting[1].look()
    assert waiting[1].says() == "1,2"


def test_only_gpus_that_the_user_left_visible_are_taken(start: Callable[..., Job]) -> None:
    assert {start(1, CUDA_VISIBLE_DEVICES="3,1").says() for _ in range(2)} == {"3", "1"}
    assert start(1, CUDA_VISIBLE_DEVICES="1,2").says() == "2", "1 is the same card by another number"


@pytest.mark.parametrize("scheduler", ["LSB_JOBID", "SLURM_JOB_ID"])
def test_what_a_scheduler_assigned_is_used_as_it_is(start: Callable[..., Job], scheduler: str) -> None:
    job = {scheduler: "7", "CUDA_VISIBLE_DEVICES": "2"}
    assert [start(1, **job).says() for _ in range(2)] == ["2", "2"], "a site may share cards out"


def test_in_an_allocation_of_four_gpus_jobs_of_one_share_them_out(start: Callable[..., Job]) -> None:
    allocation = {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "0,1,2,3"}
    assert sorted(start(1, **allocation).says() for _ in range(4)) == ["0", "1", "2", "3"]


def test_who_asks_for_none_sees_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    gpu_locks.take(0)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_too_few_are_left_for_tensorflow_to_report(start: Callable[..., Job]) -> None:
    assert start(5).says() == "None"
    assert start(1, STUB_CUDA_INIT="803").says() == "None", "the driver does not start"


def test_a_session_that_must_end_does_not_wait_for_ever(
    start: Callable[..., Job], machine: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert start(4).says() == "0,1,2,3"
    for name in ("LD_LIBRARY_PATH", "STUB_CUDA_DEVICES", "GESTURE_GPU_LOCKS"):
        monkeypatch.setenv(name, machine[name])
    for name in ("CUDA_VISIBLE_DEVICES", "LSB_JOBID", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StoppedEarlyError, match="signal SIGTERM: no GPU was free"):
        gpu_locks.take(1, lambda: "signal SIGTERM", say=lambda text: None)


def test_locks_in_a_folder_that_is_none_of_ours_are_refused(
    machine: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "locks").symlink_to(tmp_path / "elsewhere")
    for name in ("LD_LIBRARY_PATH", "STUB_CUDA_DEVICES", "GESTURE_GPU_LOCKS"):
        monkeypatch.setenv(name, machine[name])
    with pytest.raises(GestureError, match="is no folder of yours"):
        gpu_locks.take(1)
