"""What is known of submitted jobs, on disk: a head that starts anew finds the jobs of the one that died."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
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
        avoid: hosts that are left out, since earlier tries died there at once.
        mem_mb: memory to ask for, as an earlier try was killed for needing more; None: what the rule says [MB].
        moves: how many jobs have left a host that was not fit for them.
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
    avoid: list[str] = field(default_factory=list)
    mem_mb: float | None = None
    moves: int = 0
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


def find(outputs: Iterable[str], warn: Callable[[str], None]) -> Record | None:
    """The record of the job that makes these files, None if there is none; one that cannot be read is named."""
    path = FOLDER / f"{key(outputs)}.json"
    known = {one.name for one in fields(Record)}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        record = Record(**{name: content for name, content in value.items() if name in known})
        return checked(record)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        warn(
            f"{path}: empty or damaged ({error}): passed over, its job is submitted anew. If the old one still lives, "
            "`bjobs -w` shows it: end it with bkill"
        )
        return None


def checked(record: Record) -> Record:
    """The record itself.

    Raises:
        ValueError: a value that no head writes.
    """
    texts = (record.rule, record.identity, record.name, record.log, *record.outputs, *record.avoid)
    texts += tuple(one for one in (record.outcome, record.job_id, record.group) if one is not None)
    if not all(isinstance(one, str) for one in texts) or not isinstance(record.wildcards, dict):
        raise ValueError("not a record")
    if record.job_id is not None and not record.job_id.isdigit():
        raise ValueError(f"job_id {record.job_id!r}")
    if not isinstance(record.sessions, int) or not isinstance(record.moves, int):
        raise ValueError("not a record")
    return record
