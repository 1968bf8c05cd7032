"""Shows the counts of every kind of file at the end, which is what `make fuzz` is for."""

from collections.abc import Callable

import pytest
from harness import HEADER, Counts, Subject, fuzz

_COUNTS = pytest.StashKey[list[Counts]]()


@pytest.fixture(scope="session", autouse=True)
def _counts(request: pytest.FixtureRequest) -> list[Counts]:
    return request.config.stash.setdefault(_COUNTS, [])


@pytest.fixture
def check(_counts: list[Counts]) -> Callable[[Subject], None]:
    """Damages files of a kind, and fails at a traceback or a result that is silently another one."""

    def run(subject: Subject) -> None:
        counts = fuzz(subject)
        _counts.append(counts)
        assert not counts.faults, "\n".join(["", *counts.faults])
        assert counts.ended.total()

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table; where the run is spread over processes there is none."""
    counts = config.stash.get(_COUNTS, [])
    if counts:
        terminalreporter.section("damaged files")
        for line in (HEADER, *(one.line() for one in counts)):
            terminalreporter.write_line(line)
        total = Counts("all")
        for one in counts:
            total.ended += one.ended
        terminalreporter.write_line(total.line())
