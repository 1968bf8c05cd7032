"""A made-up scheduler and clock for the rules of lsf-steady, and what Snakemake does with a job."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from snakemake_executor_plugin_lsf_steady.driver import Driver
from snakemake_executor_plugin_lsf_steady.lsf import NOT_FOUND, Answer, NoAnswerError, RefusedError
from snakemake_executor_plugin_lsf_steady.records import Record, find
from snakemake_executor_plugin_lsf_steady.settings import ExecutorSettings
from snakemake_executor_plugin_lsf_steady.tracked import Tracked

MINUTE, HOUR = 60.0, 3600.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Job:
    """A job of the made-up scheduler."""

    name: str
    submitted: float
    story: list[tuple[float, Answer]]
    line: list[str]
    killed: bool = False


@dataclass
class Scheduler:
    """Stands for the module `lsf`; jobs follow their stories, a killed one ends when ``dies`` says so."""

    clock: Clock
    stories: list[list[tuple[float, Answer]]]
    outage: tuple[float, float] = (0.0, 0.0)
    dies: Callable[[int], bool] = lambda kills: True
    jobs: list[Job] = field(default_factory=list)
    kills: list[bool] = field(default_factory=list)
    bsub_says: list[Exception] = field(default_factory=list)
    bsubs: int = 0

    def down(self) -> bool:
        return self.outage[0] <= self.clock.now < self.outage[1]

    def submit(self, arguments: list[str], timeout: float) -> str:
        if self.down():
            raise NoAnswerError("LSF is down")
        self.bsubs += 1
        error = self.bsub_says.pop(0) if self.bsub_says else None
        if not isinstance(error, RefusedError) and not str(error).lower().endswith(("not taken", "not submitted.")):
            story = self.stories.pop(0) if self.stories else [(0, Answer("RUN")), (30, Answer("DONE"))]
            self.jobs.append(Job(arguments[2], self.clock.now, story, arguments))
        if error:
            raise error
        return str(len(self.jobs))

    def find_by_name(self, name: str, timeout: float) -> str | None:
        if self.down():
            raise NoAnswerError("LSF is down")
        return next((str(number) for number, job in enumerate(self.jobs, 1) if job.name == name), None)

    def ask(self, jobs: dict[str, str], timeout: float) -> dict[str, Answer]:
        if self.down():
            raise NoAnswerError("LSF is down")
        assert all(self.jobs[int(number) - 1].name == name for number, name in jobs.items())
        return {number: self.state(self.jobs[int(number) - 1]) for number in jobs}

    def state(self, job: Job) -> Answer:
        age = (self.clock.now - job.submitted) / MINUTE
        answer = [answer for since, answer in job.story if since <= age][-1]
        over = answer.stat in ("DONE", "EXIT")
        return Answer("EXIT", 130, "TERM_OWNER: job killed by owner.") if job.killed and not over else answer

    def kill(self, names: list[str], timeout: float, force: bool = False) -> None:
        self.kills.append(force)
        for job in self.jobs:
            job.killed = job.killed or (job.name in names and self.dies(len(self.kills)))

    def pending_reason(self, number: str, timeout: float) -> str:
        return "Job's requirements for resource reservation not satisfied (Resource: ngpus_excl_p): 3 hosts;"

    def add_group(self, group: str, timeout: float) -> None:
        pass

    def alive(self) -> int:
        return sum(self.state(job).stat not in ("DONE", "EXIT", NOT_FOUND) for job in self.jobs)


class Run:
    """Snakemake's part: hands a job over, and again after a failure, until it is done."""

    gpus = 1

    def __init__(self, scheduler: Scheduler, **settings: float) -> None:
        self.scheduler = scheduler
        self.settings = ExecutorSettings(**settings)  # type: ignore[arg-type]
        self.driver = Driver(self.settings, logging.getLogger("test"), scheduler.clock, scheduler)
        self.failures: list[str] = []

    def job(self, identity: str = "one", avoid: Any = (), mem_mb: float | None = None, **more: Any) -> Tracked:
        record = Record("train", {"member": "a-s1"}, ["out/model"], identity, outcome="outcome.json")
        record.avoid, record.mem_mb = list(avoid), mem_mb
        return Tracked(record, "snakemake ...", 1, {"runtime": 240, "mem_mb": 1000, "gpu": self.gpus}, **more)

    def until_done(
        self, one: Tracked | None = None, retries: int = 3, each: Callable[[], None] | None = None
    ) -> Tracked:
        one = one or self.job()
        self.driver.take(one)
        for _ in range(10_000):
            self.driver.round([one])
            assert self.scheduler.alive() <= 1, "two jobs for the same files at a time"
            if one.result is False:
                self.failures.append(one.message)
                one.record.remove()
                if len(self.failures) > retries or one.final:
                    return one
                one = self.job(avoid=one.record.avoid, mem_mb=one.record.mem_mb)
                self.driver.take(one)
            elif one.result:
                return one
            if each:
                each()
            self.scheduler.clock.now += 30
        raise AssertionError("not done after days")


def write_outcome(job_id: str, exit_code: int = 75, message: str = "saved", **more: str) -> None:
    value = {"exit_code": exit_code, "message": message, "job_id": job_id, **more}
    Path("outcome.json").write_text(json.dumps(value))


def heads_death(run: Run) -> Run:
    """A new head in the place of the one that was killed."""
    return Run(run.scheduler, **vars(run.settings))


def attached(run: Run, identity: str = "one", **more: object) -> Tracked:
    """What the executor makes of the record that it finds."""
    found = find(["out/model"], pytest.fail)
    assert found is not None
    one = run.job(identity, attached=found.identity == identity, **more)
    one.replaced_by = None if found.identity == identity else one.record
    one.record = found
    return one
