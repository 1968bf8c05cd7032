"""Hands a job to LSF: once, whatever bsub answers or does not."""

import logging
import shlex
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_lsf_steady.lsf import NoAnswerError, RefusedError
from snakemake_executor_plugin_lsf_steady.records import FOLDER, Record, key
from snakemake_executor_plugin_lsf_steady.refusal import LONGEST, setting_to_change, shown
from snakemake_executor_plugin_lsf_steady.request import Request, bsub_arguments, plain
from snakemake_executor_plugin_lsf_steady.settings import ExecutorSettings
from snakemake_executor_plugin_lsf_steady.tracked import Tracked

LONGEST_PAUSE = 600.0  # between two tries of bsub [s]


class Submission:
    """All submissions of one head.

    Attributes:
        unfit: hosts whose GPUs a program could not use; other jobs with GPUs keep away from them too.
    """

    def __init__(
        self, settings: ExecutorSettings, logger: logging.Logger, clock: Callable[[], float], scheduler: Any
    ) -> None:
        """Nothing is submitted yet; see `Driver`."""
        self.settings = settings
        self.logger = logger
        self.clock = clock
        self.scheduler = scheduler
        self.timeout = settings.command_timeout * 60
        self.folder = Path.cwd()
        self.unfit: set[str] = set()
        self._groups: set[str] = set()

    def submit(self, one: Tracked) -> bool:
        """Tries once; the intention is on disk before, the number after. True if LSF has the job."""
        record = one.record
        try:
            number = self.scheduler.find_by_name(record.name, self.timeout) if record.name else None
            if number is None:
                if one.replaced_by:
                    one.plan(one.replaced_by, self.clock())
                    return False
                if self._gave_up(one):
                    return False
                if not record.name:
                    self._name(record)
                self._make_group(record.group)
                number = self.scheduler.submit(self._arguments(one), self.timeout)
        except RefusedError as error:
            self._refused(one, error)
            return False
        except NoAnswerError as error:
            self._try_later(one, str(error))
            return False
        record.job_id = number
        record.write()
        one.failing_since, one.tries, one.pending_since, one.pending_told = None, 0, None, False
        self.logger.info(f"{record.rule}: LSF job {number} (log: {record.log})")
        return True

    # --- the answer

    def _refused(self, one: Tracked, error: RefusedError) -> None:
        lines = [f"{one.name}: LSF refuses the job, and would again: {error}"]
        change = setting_to_change(str(error), one.resources, self.settings)
        lines += [f"    change in the profile: {change}"] if change else []
        lines += self._line(one)
        lines += [f"    bsub also said: {line}" for line in error.told.splitlines()]
        one.fail("\n".join(lines), final=True)

    def _try_later(self, one: Tracked, words: str) -> None:
        if one.failing_since is None:
            one.failing_since = self.clock()
            trying = f"not submitted yet, trying on for up to {self.settings.submit_limit:g} min"
            self.logger.warning("\n".join([f"{one.name}: {trying}: {words}", *self._line(one)]))
        one.trouble = words
        one.next_try = self.clock() + min(self.settings.submit_pause * 60 * 2**one.tries, LONGEST_PAUSE)
        one.tries += 1

    def _gave_up(self, one: Tracked) -> bool:
        since = one.failing_since
        if since is None or self.clock() - since < self.settings.submit_limit * 60:
            return False
        tried = f"LSF took no job for {self.settings.submit_limit:g} min (submit-limit)"
        one.fail("\n".join([f"{one.name}: {tried}; it last said: {one.trouble}", *self._line(one)]), final=True)
        return True

    def _line(self, one: Tracked) -> list[str]:
        """The bsub line for people, if there can be one."""
        try:
            return [f"    bsub line: {shown(self._arguments(one))}"]
        except RefusedError:
            return []

    # --- the request

    def _name(self, record: Record) -> None:
        words = [record.rule, *record.wildcards.values()]
        record.name = plain(".".join(words))[:80] + f".{uuid.uuid4().hex[:12]}"
        log = self.folder / FOLDER.parent / "logs" / plain(record.rule)[:80] / f"{record.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        record.log = str(log)
        record.write()

    def _make_group(self, group: str | None) -> None:
        if group and group not in self._groups:
            self.scheduler.add_group(group, self.timeout)
            self._groups.add(group)

    def _arguments(self, one: Tracked) -> list[str]:
        record, resources = one.record, dict(one.resources)
        if record.mem_mb:
            resources["mem_mb"] = record.mem_mb
        request = Request(
            name=record.name,
            log=Path(record.log),
            folder=self.folder,
            command=self._command(one),
            cores=one.cores,
            resources=resources,
            group=record.group,
            avoid=self.left_out(one),
        )
        return bsub_arguments(request, self.settings)

    def left_out(self, one: Tracked) -> tuple[str, ...]:
        """Hosts that a job must not run on."""
        unfit = self.unfit if one.resources.get("gpu") else ()
        return tuple(sorted({*one.record.avoid, *unfit}))

    def _command(self, one: Tracked) -> str:
        """The job's shell line; one that is too long for LSF goes into a file."""
        if len(one.command.encode()) <= LONGEST:
            return one.command
        path = self.folder / FOLDER.parent / "commands" / f"{key(one.record.outputs)}.sh"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(one.command + "\n", encoding="utf-8")
        return f"sh {shlex.quote(str(path))}"
