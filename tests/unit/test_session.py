"""When a session must stop, with a clock that the test moves."""

import os
import signal

import pytest

from gesture.commands.arguments import minutes
from gesture.session import SIGNALS, Session


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


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_only_sets_a_flag(number: int) -> None:
    before = {one: signal.getsignal(one) for one in SIGNALS}
    session = Session(1e6)
    session.catch_signals()
    try:
        os.kill(os.getpid(), number)
        assert session.reason_to_stop() == f"signal {signal.Signals(number).name}"
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@pytest.mark.parametrize(("text", "value"), [("240", 240), ("4h", 240), ("4:00", 240), ("90m", 90), ("30s", 0.5)])
def test_walltimes_are_read_in_every_common_form(text: str, value: float) -> None:
    assert minutes(text) == value
