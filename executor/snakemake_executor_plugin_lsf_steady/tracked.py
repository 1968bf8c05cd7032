"""A job on its way from Snakemake to its result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snakemake_executor_plugin_lsf_steady.lsf import Answer
from snakemake_executor_plugin_lsf_steady.records import Record
from snakemake_executor_plugin_lsf_steady.watch import Watch


@dataclass
class Tracked:
    """A job that Snakemake wants done, through all the LSF jobs that it may take.

    Attributes:
        record: what is on disk about it.
        command: shell line.
        cores: slots.
        resources: as Snakemake evaluated them.
        inputs: files; a result older than one of them is not taken from an earlier run.
        group: LSF job group for the next submission; the one of `record` may be of an earlier head's settings.
        attached: an earlier head submitted it, and this one has not seen it alive yet.
        replaced_by: the record of the next job, while the one of `record` must be ended first.
        watch: follows the LSF job; None until there is one.
        result: True for done, False for failed.
        final: another try would fail in the same way.
        message: why it failed.
    """

    record: Record
    command: str
    cores: int
    resources: Mapping[str, Any]
    inputs: list[str] = field(default_factory=list)
    group: str | None = None
    attached: bool = False
    replaced_by: Record | None = None
    watch: Watch | None = None
    result: bool | None = None
    final: bool = False
    message: str = ""
    next_try: float = 0.0
    tries: int = 0
    failing_since: float | None = None
    trouble: str = ""
    pending_since: float | None = None
    pending_told: bool = False
    exit: Answer | None = None
    exit_seen: float = 0.0

    @property
    def name(self) -> str:
        """The rule and its wildcards, for messages."""
        return " ".join([self.record.rule, *(f"{name}={value}" for name, value in self.record.wildcards.items())])

    def plan(self, record: Record, now: float) -> None:
        """The job needs another LSF job, and gets it as soon as may be."""
        record.name, record.job_id, record.group = "", None, self.group
        record.write()
        self.record, self.replaced_by, self.attached = record, None, False
        self.watch, self.exit, self.next_try = None, None, now

    def fail(self, message: str, final: bool = False) -> None:
        """It has failed; ``final``: another try would fail in the same way."""
        self.result, self.message, self.final = False, message, final
