"""Takes jobs from submission to their end, round after round; knows nothing of Snakemake and has its clock injected."""

import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_lsf_steady import lsf
from snakemake_executor_plugin_lsf_steady.ending import Ending, describe, judge, last_lines, read_outcome
from snakemake_executor_plugin_lsf_steady.lsf import Answer, NoAnswerError, RefusedError
from snakemake_executor_plugin_lsf_steady.records import FOLDER, Record
from snakemake_executor_plugin_lsf_steady.request import Request, bsub_arguments, plain
from snakemake_executor_plugin_lsf_steady.settings import ExecutorSettings
from snakemake_executor_plugin_lsf_steady.watch import Action, Limits, Watch

LONGEST_PAUSE = 600.0  # between two tries of bsub [s]


@dataclass
class Tracked:
    """A job that Snakemake wants done, through all the LSF jobs that it may take.

    Attributes:
        record: what is on disk about it.
        command: shell line.
        cores: slots.
        resources: as Snakemake evaluated them.
        inputs: files; a result older than one of them is not taken from an earlier run.
        attached: an earlier head submitted it, and this one has not seen it alive yet.
        replaced_by: the record of today's job, while the one of `record` must be ended first.
        watch: follows the LSF job; None until there is one.
        result: True for done, False for failed.
        message: why it failed.
    """

    record: Record
    command: str
    cores: int
    resources: Mapping[str, Any]
    inputs: list[str] = field(default_factory=list)
    attached: bool = False
    replaced_by: Record | None = None
    watch: Watch | None = None
    result: bool | None = None
    message: str = ""
    next_try: float = 0.0
    tries: int = 0
    failing_since: float | None = None
    exit: Answer | None = None
    exit_seen: float = 0.0


class Driver:
    """All jobs of one head."""

    def __init__(
        self,
        settings: ExecutorSettings,
        logger: logging.Logger,
        clock: Callable[[], float] = time.monotonic,
        scheduler: Any = lsf,
        interval: float = 30.0,
    ) -> None:
        """Nothing is asked yet.

        Args:
            settings: times in minutes.
            logger: Snakemake's.
            clock: monotonic time [s].
            scheduler: the module `lsf`, or what tests put in its place.
            interval: time between two questions [s].
        """
        self.settings = settings
        self.logger = logger
        self.clock = clock
        self.scheduler = scheduler
        self.interval = interval
        self.timeout = settings.command_timeout * 60
        self.folder = Path.cwd()
        self._groups: set[str] = set()
        self._next_question = 0.0
        self._silent_since: float | None = None
        self._warned_at = 0.0

    def take(self, tracked: Tracked) -> None:
        """Prepares a job; one with a name but no number may have been submitted, so LSF is asked first."""
        record = tracked.record
        if record.job_id:
            tracked.watch = self._new_watch()
        elif record.name:
            tracked.next_try = self.clock() + self.settings.submit_pause * 60

    def round(self, jobs: Iterable[Tracked]) -> None:
        """Submits what is due and, once an interval, asks LSF about the rest."""
        open_jobs = [one for one in jobs if one.result is None]
        began = self.clock()
        for one in open_jobs:
            if one.watch is None and self.clock() >= one.next_try:
                self._submit(one)
                if self.clock() - began > self.interval:
                    break  # many submissions must not keep the others from being looked after
        if self.clock() >= self._next_question:
            self._next_question = self.clock() + self.interval
            self._look_after([one for one in open_jobs if one.watch is not None and one.result is None])

    # --- submission

    def _submit(self, one: Tracked) -> None:
        """Submits once; the intention is on disk before, the number after."""
        record = one.record
        try:
            if record.name and self._found_again(one):
                return
            if one.replaced_by:
                self._plan(one, one.replaced_by)
                return
            if self._gave_up(one):
                return
            if not record.name:
                self._name(record)
            self._make_group(record.group)
            self._began(one, self.scheduler.submit(self._arguments(one), self.timeout))
        except RefusedError as error:
            self._fail(one, f"LSF refuses the job: {error}")
        except NoAnswerError as error:
            if one.failing_since is None:
                one.failing_since = self.clock()
                self.logger.warning(f"{record.rule}: not submitted yet, trying on: {error}")
            pause = min(self.settings.submit_pause * 60 * 2**one.tries, LONGEST_PAUSE)
            one.tries += 1
            one.next_try = self.clock() + pause

    def _found_again(self, one: Tracked) -> bool:
        """True if LSF has the job although bsub's answer was lost."""
        number = self.scheduler.find_by_name(one.record.name, self.timeout)
        if number:
            self._began(one, number)
        return bool(number)

    def _gave_up(self, one: Tracked) -> bool:
        since = one.failing_since
        if since is None or self.clock() - since < self.settings.submit_limit * 60:
            return False
        self._fail(one, f"LSF took no job for {self.settings.submit_limit:g} min")
        return True

    def _name(self, record: Record) -> None:
        words = [record.rule, *record.wildcards.values()]
        record.name = plain(".".join(words))[:80] + f".{uuid.uuid4().hex[:12]}"
        log = self.folder / FOLDER.parent / "logs" / plain(record.rule) / f"{record.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        record.log = str(log)
        record.write()

    def _make_group(self, group: str | None) -> None:
        if group and group not in self._groups:
            self.scheduler.add_group(group, self.timeout)
            self._groups.add(group)

    def _arguments(self, one: Tracked) -> list[str]:
        record = one.record
        request = Request(
            name=record.name,
            log=Path(record.log),
            folder=self.folder,
            command=one.command,
            cores=one.cores,
            resources=one.resources,
            group=record.group,
        )
        return bsub_arguments(request, self.settings)

    def _began(self, one: Tracked, number: str) -> None:
        one.record.job_id = number
        one.record.write()
        one.watch, one.failing_since, one.tries = self._new_watch(), None, 0
        self.logger.info(f"{one.record.rule}: LSF job {number} (log: {one.record.log})")

    def _new_watch(self) -> Watch:
        chosen = self.settings
        return Watch(
            Limits(
                suspended=chosen.suspended_limit * 60,
                unknown=chosen.unknown_limit * 60,
                lost=chosen.lost_limit * 60,
                kill=chosen.kill_limit * 60,
            )
        )

    # --- watching

    def _look_after(self, jobs: list[Tracked]) -> None:
        living = [one.record.job_id for one in jobs if one.exit is None]
        answers: dict[str, Answer] = {}
        if living:
            try:
                answers = self.scheduler.ask(living, self.timeout)
                self._answered()
            except NoAnswerError as error:
                self._did_not_answer(error)
        for one in jobs:
            if one.exit is None:
                self._see(one, answers.get(str(one.record.job_id)))
            if one.exit is not None:
                self._end(one, one.exit)

    def _see(self, one: Tracked, answer: Answer | None) -> None:
        watch, now = one.watch, self.clock()
        assert watch is not None
        before = watch.stat
        action = watch.see(answer, now)
        if action is Action.WAIT and answer is not None and one.replaced_by and not watch.killing:
            action = watch.kill("a change of its inputs or params", now)
        if action is Action.DONE:
            self._done(one)
        elif action is Action.FAILED:
            one.exit, one.exit_seen = answer, now
        elif action in (Action.KILL, Action.FORCE_KILL):
            self._kill(one, action is Action.FORCE_KILL)
        elif answer is not None:
            one.attached = False
            if watch.stat != before and watch.troubled:
                limit = watch.limits.of(watch.stat) / 60
                self.logger.warning(f"LSF job {one.record.job_id}: {watch.stat}; waiting for up to {limit:g} min")

    def _kill(self, one: Tracked, force: bool) -> None:
        assert one.watch is not None
        self.logger.warning(f"LSF job {one.record.job_id}: bkill{' -r' if force else ''} after {one.watch.killing}")
        try:
            self.scheduler.kill([one.record.job_id], self.timeout, force=force)
        except NoAnswerError as error:
            self.logger.warning(str(error))  # repeated after `kill_limit`

    def _done(self, one: Tracked) -> None:
        if one.replaced_by:
            self._plan(one, one.replaced_by)
        elif one.attached and not is_newer(one.record.outputs, one.inputs):
            self.logger.info(
                f"{one.record.rule}: LSF job {one.record.job_id} is done, but not its files: submitted anew"
            )
            self._plan(one, one.record)
        else:
            one.result = True

    def _end(self, one: Tracked, answer: Answer) -> None:
        """Says what an EXIT means."""
        assert one.watch is not None
        record, killing = one.record, one.watch.killing
        if one.replaced_by:
            self._plan(one, one.replaced_by)
            return
        outcome = read_outcome(record.outcome)
        ending = judge(answer, outcome, str(record.job_id), ours=bool(killing))
        waited = self.clock() - one.exit_seen
        if ending is Ending.UNCLEAR and record.outcome and waited < self.settings.outcome_wait * 60:
            return
        why = describe(answer, killing)
        if ending is Ending.CONTINUES and record.sessions < self.settings.max_sessions:
            self.logger.info(
                f"{record.rule}: LSF job {record.job_id} continues: it saved a checkpoint and ended ({why})"
            )
            record.sessions += 1
            self._plan(one, record)
        elif one.attached:
            self.logger.info(f"{record.rule}: LSF job {record.job_id} of an earlier run failed ({why}): submitted anew")
            self._plan(one, record)
        else:
            if ending is Ending.CONTINUES:
                why += f"; {record.sessions} sessions are the limit (max_sessions)"
            elif outcome and outcome.job_id == record.job_id:
                why += f"; it said: {outcome.message}"
            self._fail(one, f"LSF job {record.job_id}: {why}\nlog: {record.log}\n{last_lines(record.log)}\n")

    def _plan(self, one: Tracked, record: Record) -> None:
        """The job needs another LSF job."""
        record.name, record.job_id = "", None
        record.write()
        one.record, one.replaced_by, one.attached = record, None, False
        one.watch, one.exit, one.next_try = None, None, self.clock()

    def _fail(self, one: Tracked, message: str) -> None:
        one.result, one.message = False, message

    # --- outages

    def _did_not_answer(self, error: NoAnswerError) -> None:
        """Jobs go on without us: there is no limit, only a word now and then."""
        now = self.clock()
        if self._silent_since is None:
            self._silent_since = self._warned_at = now
            self.logger.warning(f"LSF does not answer; jobs go on, asking again: {error}")
        elif now - self._warned_at >= LONGEST_PAUSE:
            self._warned_at = now
            self.logger.warning(f"LSF has not answered for {(now - self._silent_since) / 60:.0f} min: {error}")

    def _answered(self) -> None:
        if self._silent_since is not None:
            self.logger.warning(f"LSF answers again after {(self.clock() - self._silent_since) / 60:.1f} min")
            self._silent_since = None


def is_newer(outputs: Iterable[str], inputs: Iterable[str]) -> bool:
    """True if all outputs exist and none is older than an input."""
    try:
        oldest = min(os.stat(path).st_mtime for path in outputs)
    except (OSError, ValueError):
        return False
    return all(os.stat(path).st_mtime <= oldest for path in inputs if os.path.exists(path))
