"""When a session must stop, with a clock that the test moves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gesture.base.arguments import minutes
from gesture.base.session import REMINDER, STOP, Session
from gesture.schedulers import job_age

ROOT = Path(__file__).parents[2]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_session_goes_on_until_the_walltime_minus_its_margin() -> None:
    clock = Clock()
    session = Session(100.0, clock)
    session.saw_step(3.0)
    session.saw_save(7.0)
    session.saw_step(1.0)
    assert session.margin == 5 + 2 * (3 + 7)
    clock.now += 74.9
    assert session.reason_to_stop() is None
    clock.now += 0.2
    assert session.reason_to_stop() == "deadline"


def test_a_walltime_shorter_than_a_step_or_a_save_stops_after_each_step_and_says_so() -> None:
    clock = Clock()
    session = Session(10.0, clock)
    assert session.reason_to_stop() is None
    session.saw_save(3.0)
    assert session.reason_to_stop() == "deadline"
    clock.now += 2
    assert session.room() == (
        "the walltime of 10 s has room for one step only: 2 s are gone, and 11 s before the end are kept "
        "for a step (0.0 s) and a save (3.0 s); ask for more"
    )


def test_a_clock_that_jumps_back_only_makes_the_session_go_on_and_one_that_jumps_ahead_ends_it() -> None:
    clock = Clock()
    session = Session(100.0, clock)
    session.saw_step(-3600.0)
    assert session.margin == 5
    clock.now -= 3600
    assert session.reason_to_stop() is None
    clock.now += 2 * 3600
    assert session.reason_to_stop() == "deadline"


@pytest.mark.parametrize("number", STOP)
def test_a_signal_only_sets_a_flag(number: int) -> None:
    before = {one: signal.getsignal(one) for one in (REMINDER, *STOP)}
    session = Session(1e6)
    session.catch_signals()
    try:
        os.kill(os.getpid(), number)
        assert session.reason_to_stop() == f"signal {signal.Signals(number).name}"
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def test_a_reminder_is_no_order_to_stop_and_is_taken_once() -> None:
    before = {one: signal.getsignal(one) for one in (REMINDER, *STOP)}
    session = Session(1e6)
    session.catch_signals()
    try:
        os.kill(os.getpid(), REMINDER)
        assert session.reason_to_stop() is None
        assert [session.take_reminder(), session.take_reminder()] == [True, False]
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def test_what_the_job_took_before_this_process_counts() -> None:
    clock = Clock()
    session = Session(100.0, clock, gone=96.0)
    assert session.elapsed == 96
    assert session.reason_to_stop() == "deadline"


def test_the_age_of_a_job_is_that_of_its_first_process(tmp_path: Path) -> None:
    """A job script that takes a second before it starts us; a shell around it belongs to no job."""
    code = "from gesture.schedulers import job_age; print(job_age())"
    job = f'LSB_JOBID=17 sh -c \'sleep 1; "{sys.executable}" -c "{code}"; true\''
    said = subprocess.run(["sh", "-c", f"sleep 1; {job}; true"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert 1 <= float(said.stdout) < 60
    # The same shell without a number is no job.
    code = "import os; os.environ['LSB_JOBID'] = '17'; " + code
    alone = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -c "{code}"; true'], capture_output=True, text=True, cwd=ROOT
    )
    assert float(alone.stdout) == 0


def test_the_executors_word_on_the_start_of_the_job_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSB_JOBID", "17")
    monkeypatch.setenv("BATCH_JOB_START", str(int(time.time()) - 1000))
    assert 1000 <= job_age() < 1100
    monkeypatch.setenv("BATCH_JOB_START", "soon")
    assert job_age() < 1000


def test_outside_a_scheduler_a_job_has_no_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LSB_JOBID", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert job_age() == 0


@pytest.mark.parametrize(("text", "value"), [("240", 240), ("4h", 240), ("4:00", 240), ("90m", 90), ("30s", 0.5)])
def test_walltimes_are_read_in_every_common_form(text: str, value: float) -> None:
    assert minutes(text) == value
