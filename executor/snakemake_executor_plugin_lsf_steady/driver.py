"""Takes jobs from submission to their end, round after round; knows nothing of Snakemake and has its clock injected."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from snakemake_executor_plugin_lsf_steady import lsf
from snakemake_executor_plugin_lsf_steady.ending import (
    Ending,
    describe,
    judge,
    last_lines,
    read_outcome,
    what_is_missing,
)
from snakemake_executor_plugin_lsf_steady.lessons import learn
from snakemake_executor_plugin_lsf_steady.lsf import Answer, NoAnswerError
from snakemake_executor_plugin_lsf_steady.settings import ExecutorSettings
from snakemake_executor_plugin_lsf_steady.submission import Submission
from snakemake_executor_plugin_lsf_steady.tracked import Tracked
from snakemake_executor_plugin_lsf_steady.watch import Action, Limits, Watch

A_WORD = 600.0  # how often an outage is told again [s]


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
        self.submission = Submission(settings, logger, clock, scheduler)
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
                if self.submission.submit(one):
                    one.watch = self._new_watch()
                if self.clock() - began > self.interval:
                    break  # many submissions must not keep the others from being looked after
        if self.clock() >= self._next_question:
            self._next_question = self.clock() + self.interval
            self._look_after([one for one in open_jobs if one.watch is not None and one.result is None])

    # --- watching

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

    def _look_after(self, jobs: list[Tracked]) -> None:
        living = {str(one.record.job_id): one.record.name for one in jobs if one.exit is None}
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
            self._see_pending(one, answer, now)
            if watch.stat != before and watch.troubled:
                limit = watch.limits.of(watch.stat) / 60
                self.logger.warning(f"LSF job {one.record.job_id}: {watch.stat}; waiting for up to {limit:g} min")

    def _see_pending(self, one: Tracked, answer: Answer, now: float) -> None:
        """Tells once why a job waits so long; one that may wait because of the nodes left out gets them back."""
        if answer.stat != "PEND":
            one.pending_since = None
            return
        if one.pending_since is None:
            one.pending_since = now
        waited, limit = now - one.pending_since, self.settings.pending_limit * 60
        if limit and waited >= limit and not one.pending_told:
            one.pending_told = True
            self.logger.warning(
                f"{one.name}: LSF job {one.record.job_id} has waited in the queue for {waited / 60:.0f} min; "
                f"LSF's reason: {self._pending_reason(one)}"
            )
        left_out = self.submission.left_out(one)
        if left_out and waited >= self.settings.avoid_limit * 60:
            why = f"{waited / 60:.0f} min in the queue without {', '.join(left_out)}: submitted anew with them"
            self.submission.unfit -= set(left_out)
            one.replaced_by = replace(one.record, avoid=[])
            assert one.watch is not None
            self._kill(one, one.watch.kill(why, now) is Action.FORCE_KILL)

    def _pending_reason(self, one: Tracked) -> str:
        try:
            return self.scheduler.pending_reason(one.record.job_id, self.timeout) or "(none told)"
        except NoAnswerError as error:
            return f"({error})"

    def _kill(self, one: Tracked, force: bool) -> None:
        assert one.watch is not None
        self.logger.warning(f"LSF job {one.record.job_id}: bkill{' -r' if force else ''} after {one.watch.killing}")
        try:
            self.scheduler.kill([one.record.name], self.timeout, force=force)
        except NoAnswerError as error:
            self.logger.warning(str(error))  # repeated after `kill_limit`

    def _done(self, one: Tracked) -> None:
        if one.replaced_by:
            one.plan(one.replaced_by, self.clock())
        elif one.attached and what_is_missing(one.record.outputs, one.inputs, empty=True):
            self.logger.info(
                f"{one.record.rule}: LSF job {one.record.job_id} is done, but not its files: submitted anew"
            )
            one.plan(one.record, self.clock())
        else:
            one.result = True

    def _end(self, one: Tracked, answer: Answer) -> None:
        """Says what an EXIT means."""
        assert one.watch is not None
        record, killing = one.record, one.watch.killing
        if one.replaced_by:
            one.plan(one.replaced_by, self.clock())
            return
        told = read_outcome(record.outcome)
        own = told if told and told.is_of(record.job_id, record.name) else None
        ending = judge(answer, own, ours=bool(killing))
        why = describe(answer, killing)
        missing = what_is_missing(record.outputs, one.inputs) if ending is Ending.DONE else ""
        waited = self.clock() - one.exit_seen
        # The end of a killed job, and files from another node, may come later than LSF's word.
        if (missing or (ending is Ending.UNCLEAR and record.outcome)) and waited < self.settings.outcome_wait * 60:
            return
        lesson = learn(one, answer, own, ending, self.settings)
        if lesson:
            self.logger.warning(f"{one.name}: LSF job {record.job_id}: {lesson}")
        if ending is Ending.DONE and not missing:
            self.logger.info(
                f"{one.name}: LSF says that job {record.job_id} failed ({why}), but it said itself that it was done, "
                "and its files are whole: done"
            )
            one.result = True
        elif ending is Ending.CONTINUES and record.sessions < self.settings.max_sessions:
            self.logger.info(
                f"{record.rule}: LSF job {record.job_id} continues: it saved a checkpoint and ended ({why})"
            )
            record.sessions += 1
            one.plan(record, self.clock())
        elif ending is Ending.UNFIT_NODE and record.moves < self.settings.max_moves:
            assert own is not None
            self.logger.warning(f"{one.name}: LSF job {record.job_id} moves to another node: {own.message}")
            if one.resources.get("gpu"):
                self.submission.unfit.update({answer.host or own.host} - {""})
            record.moves += 1
            one.plan(record, self.clock())
        elif ending is Ending.FINAL and not one.attached:
            assert own is not None
            one.fail(f"{one.name}: {own.message}\n    LSF job {record.job_id}, log: {record.log}", final=True)
        elif one.attached:
            self.logger.info(f"{record.rule}: LSF job {record.job_id} of an earlier run failed ({why}): submitted anew")
            one.plan(record, self.clock())
        else:
            if ending is Ending.CONTINUES:
                why += f"; {record.sessions} sessions are the limit (max_sessions)"
            elif missing:
                why += f"; it said that it was done, but {missing}"
            elif own:
                why += f"; it said: {own.message}"
            one.fail(f"LSF job {record.job_id}: {why}\nlog: {record.log}\n{last_lines(record.log)}\n")

    # --- outages

    def _did_not_answer(self, error: NoAnswerError) -> None:
        """Jobs go on without us: there is no limit, only a word now and then."""
        now = self.clock()
        if self._silent_since is None:
            self._silent_since = self._warned_at = now
            self.logger.warning(f"LSF does not answer; jobs go on, asking again: {error}")
        elif now - self._warned_at >= A_WORD:
            self._warned_at = now
            self.logger.warning(f"LSF has not answered for {(now - self._silent_since) / 60:.0f} min: {error}")

    def _answered(self) -> None:
        if self._silent_since is not None:
            self.logger.warning(f"LSF answers again after {(self.clock() - self._silent_since) / 60:.1f} min")
            self._silent_since = None
