"""How a job ended: its own word (the outcome file) beside LSF's."""

import json
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_lsf_steady.lsf import Answer

RUN_ME_AGAIN = 75  # sysexits.h EX_TEMPFAIL: stopped with a checkpoint
TAIL = 12


class Ending(Enum):
    """What an EXIT means."""

    CONTINUES = auto()
    FAILED = auto()
    UNCLEAR = auto()


@dataclass(frozen=True)
class Outcome:
    """What a job wrote about its own end.

    Attributes:
        exit_code: of its program.
        message: its last words.
        job_id: the LSF job that wrote it.
    """

    exit_code: int
    message: str
    job_id: str


def read_outcome(path: str | None) -> Outcome | None:
    """The outcome file; None if there is none, or it is no JSON of the right kind."""
    if not path:
        return None
    try:
        value: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        return Outcome(int(value["exit_code"]), str(value.get("message", "")), str(value["job_id"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def judge(answer: Answer, outcome: Outcome | None, job_id: str, ours: bool) -> Ending:
    """Tells a job that wants to continue from one that failed.

    Args:
        answer: LSF's, an EXIT.
        outcome: as read; only this very job's counts.
        job_id: LSF's number of the job.
        ours: we killed it, not its owner.
    """
    if "OWNER" in answer.reason and not ours:
        return Ending.FAILED
    if outcome is not None and outcome.job_id == job_id:
        return Ending.CONTINUES if outcome.exit_code == RUN_ME_AGAIN else Ending.FAILED
    if "MEMLIMIT" in answer.reason:
        return Ending.FAILED  # LSF leaves it no time to save
    killed = bool(answer.reason) or (answer.exit_code or 0) > 128
    return Ending.UNCLEAR if killed else Ending.FAILED


def describe(answer: Answer, killing: str) -> str:
    """Why it ended, in one line."""
    if killing:
        return f"killed after {killing}"
    code = f"exit code {answer.exit_code}" if answer.exit_code is not None else "no exit code told"
    return f"{answer.reason.rstrip('.')} ({code})" if answer.reason else code


def last_lines(path: str) -> str:
    """The end of a log, indented."""
    try:
        lines = [line for line in Path(path).read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return "    (no log)"
    return "\n".join(f"    {line}" for line in lines[-TAIL:])
