"""Two heads of Snakemake in one working directory, with the real local executor and a `gesture` that can be held up."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ENVIRONMENT, SNAKEMAKE, Clone, calls

CONFIG = "tests/config/tiny.yaml"
# A `gesture` that waits, before a step named in HELD, for a file of that name.
HOLD = """#!/bin/bash
touch "began-$1"
while [ "$1" = "$HELD" ] && [ ! -e "go-$1" ]; do sleep 0.1; done
exec "$0.fake" "$@"
"""


class Heads:
    """The heads that a test starts; all are ended with it."""

    def __init__(self, clone: Clone) -> None:
        self.clone = clone
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, config: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """A head that prints to `printed-<number>`."""
        with (self.clone.root / f"printed-{len(self.started)}").open("wb") as printed:
            head = subprocess.Popen(
                [SNAKEMAKE, "--cores", "1", "--configfile", config, *arguments],
                cwd=self.clone.root, env={**ENVIRONMENT, **environment}, stdout=printed, stderr=printed,
                start_new_session=True,
            )  # fmt: skip
        self.started.append(head)
        return head

    def printed(self, head: subprocess.Popen[bytes]) -> str:
        return (self.clone.root / f"printed-{self.started.index(head)}").read_text()

    def until(self, condition: Callable[[], Any]) -> None:
        """Waits for what must come; a minute is a failure."""
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, "\n\n".join(map(self.printed, self.started))
            time.sleep(0.05)

    def finish(self, head: subprocess.Popen[bytes]) -> str:
        """Waits for a head that has to end well."""
        assert head.wait(120) == 0, self.printed(head)
        return self.printed(head)

    def end(self) -> None:
        for head in self.started:
            if head.poll() is None:
                os.killpg(head.pid, signal.SIGKILL)
                head.wait()


@pytest.fixture
def heads(clone: Clone) -> Iterator[Heads]:
    """No head yet; two experiments with the same records."""
    command = clone.root / "workflow" / "bin" / "gesture"
    command.rename(command.with_suffix(".fake"))
    command.write_text(HOLD)
    command.chmod(0o755)
    value = (clone.root / CONFIG).read_text()
    (clone.root / "other.yaml").write_text(value.replace("experiment: tiny", "experiment: other"))
    some = Heads(clone)
    yield some
    some.end()


def done(root: Path, experiment: str) -> bool:
    return (root / f"results/{experiment}/submission.csv").exists()


def test_whoever_comes_second_waits_for_the_records_and_then_takes_them(heads: Heads) -> None:
    root = heads.clone.root
    first = heads.start(CONFIG, HELD="convert")
    heads.until((root / "began-convert").exists)
    second = heads.start("other.yaml")
    heads.until(lambda: f"waits for the records; process {first.pid} on" in heads.printed(second))
    (root / "go-convert").touch()
    for head in (first, second):
        assert "--unlock" not in heads.finish(head)
    assert done(root, "tiny")
    assert done(root, "other")
    commands = [one["command"] for one in calls(root)]
    assert (commands.count("download"), commands.count("convert")) == (1, 1)


def test_while_one_trains_for_days_another_with_the_same_records_runs_to_its_end(heads: Heads) -> None:
    root = heads.clone.root
    first = heads.start(CONFIG, HELD="train")
    heads.until((root / "began-train").exists)
    heads.finish(heads.start("other.yaml"))
    assert done(root, "other")
    assert first.poll() is None
    (root / "go-train").touch()
    heads.finish(first)
    assert [one["command"] for one in calls(root)].count("convert") == 1


def test_two_that_start_together_make_the_records_once(heads: Heads) -> None:
    for head in [heads.start(CONFIG), heads.start("other.yaml")]:
        heads.finish(head)
    assert [one["command"] for one in calls(heads.clone.root)].count("convert") == 1


def test_a_second_head_of_the_same_experiment_is_refused_in_one_line(heads: Heads) -> None:
    root = heads.clone.root
    first = heads.start(CONFIG, HELD="train")
    heads.until((root / "began-train").exists)
    again = heads.clone.snakemake("--cores", "1", "--configfile", CONFIG)
    assert again.returncode == 77
    assert f"experiment 'tiny' is being run from here by process {first.pid} on" in again.stderr
    assert "unlock" not in again.stderr + again.stdout
    assert heads.clone.snakemake("-n", "--configfile", CONFIG).returncode == 0, "a dry run disturbs nobody"
    (root / "go-train").touch()
    heads.finish(first)


def test_after_a_head_was_killed_the_same_command_goes_on_at_once(heads: Heads) -> None:
    root = heads.clone.root
    first = heads.start(CONFIG, HELD="convert")
    heads.until((root / "began-convert").exists)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    heads.finish(heads.start(CONFIG, "--rerun-incomplete"))
    assert done(root, "tiny")


def test_one_that_waits_takes_over_when_the_other_is_killed(heads: Heads) -> None:
    root = heads.clone.root
    first = heads.start(CONFIG, HELD="convert")
    heads.until((root / "began-convert").exists)
    second = heads.start("other.yaml", "--rerun-incomplete")
    heads.until(lambda: "waits for the records" in heads.printed(second))
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    heads.finish(second)
    assert done(root, "other")


def test_records_that_have_to_be_made_anew_are_not_taken_from_under_another_head(heads: Heads) -> None:
    root = heads.clone.root
    heads.finish(heads.start("other.yaml"))
    (root / "began-train").unlink()
    first = heads.start(CONFIG, HELD="train")  # it made no records, it only reads them
    heads.until((root / "began-train").exists)
    second = heads.start("other.yaml", "--forcerun", "convert")
    assert second.wait(60) == 77
    assert "the records have to be made anew" in heads.printed(second)
    assert f"process {first.pid} on" in heads.printed(second)
    (root / "go-train").touch()
    heads.finish(first)
    heads.finish(heads.start("other.yaml", "--forcerun", "convert"))
