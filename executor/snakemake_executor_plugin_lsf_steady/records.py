"""What is known of submitted jobs, on disk: a head that starts anew finds the jobs of the one that died."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

FOLDER = Path(".snakemake/lsf-steady/jobs")


@dataclass
class Record:
    """One job that Snakemake wants done; written before bsub is called and again when LSF has named the job.

    Attributes:
        rule: its name.
        wildcards: their values.
        outputs: declared output files, relative to the working directory.
        identity: digest of rule, inputs, outputs and params; another one means that this is another job.
        outcome: file in which the job says how it ended, or None.
        name: LSF job name of the present submission; empty before the first one.
        job_id: LSF's number; None until bsub has answered.
        log: LSF's log of the present submission.
        group: LSF job group, or None.
        sessions: how many jobs have continued one another so far.
    """

    rule: str
    wildcards: dict[str, str]
    outputs: list[str]
    identity: str
    outcome: str | None = None
    name: str = ""
    job_id: str | None = None
    log: str = ""
    group: str | None = None
    sessions: int = 1
    version: int = field(default=1)

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return FOLDER / f"{key(self.outputs)}.json"

    def write(self) -> None:
        """Writes it so that a crash leaves the old or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)

    def remove(self) -> None:
        """Forgets it: Snakemake has taken the job's result."""
        self.path.unlink(missing_ok=True)


def key(outputs: Iterable[str]) -> str:
    """Names a job by what it makes."""
    return digest(sorted(outputs))


def digest(value: Any) -> str:
    """16 hexadecimal digits for a value of JSON types; anything else counts by its text."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def find(outputs: Iterable[str]) -> Record | None:
    """The record of the job that makes these files, None if there is none."""
    path = FOLDER / f"{key(outputs)}.json"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    known = {one.name for one in fields(Record)}
    return Record(**{name: content for name, content in value.items() if name in known})
