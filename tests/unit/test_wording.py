"""Numbers in the words of terminals and pages."""

import pytest

from gesture.base.text import aligned, clock, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (4.24, "4.2 s"), (59.99, "1:00"), (187, "3:07"), (3599.6, "1:00:00"), (3723, "1:02:03")],
)
def test_durations_read_as_clocks(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e9, "2.5 GB"), (7e15, "7000.0 TB")]
)
def test_sizes_have_units(count: float, text: str) -> None:
    assert size(count) == text


def test_names_stand_left_and_figures_right() -> None:
    assert aligned([["member", "steps"], ["a", "5"]]) == ["member  steps", "a           5"]
