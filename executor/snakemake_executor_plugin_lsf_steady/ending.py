"""How a job ended: its own word (the outcome file) beside LSF's."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_lsf_steady.lsf import Answer

DONE = 0
WRONG_INPUT = 2  # a mistake that the user can mend
NODE_IS_UNFIT = 71  # sysexits.h EX_OSERR: such as no usable GPU; another node may be fine
RUN_ME_AGAIN = 75  # sysexits.h EX_TEMPFAIL: stopped with a checkpoint
FAILED_FOR_GOOD = 76  # it would fail in the same way again
TAIL = 12


class Ending(Enum):
    """What an EXIT means."""

    DONE = auto()
    CONTINUES = auto()
    UNFIT_NODE = auto()
    FAILED = auto()
    FINAL = auto()
    UNCLEAR = auto()


ENDINGS = {
    DONE: Ending.DONE,
    WRONG_INPUT: Ending.FINAL,
    NODE_IS_UNFIT: Ending.UNFIT_NODE,
    RUN_ME_AGAIN: Ending.CONTINUES,
    FAILED_FOR_GOOD: Ending.FINAL,
}


@dataclass(frozen=True)
class Outcome:
    """What a job wrote about its own end.

    Attributes:
        exit_code: of its program.
        message: its last words.
        job_id: the LSF job that wrote it.
        job_name: its name; empty if the program does not tell.
        host: where it ran; empty if the program does not tell.
    """

    exit_code: int
    message: str
    job_id: str
    job_name: str = ""
    host: str = ""

    def is_of(self, job_id: str | None, name: str) -> bool:
        """True if this very job wrote it: numbers come again, so the name, where it is told, must be the same too."""
        return self.job_id == job_id and self.job_name in ("", name)


def read_outcome(path: str | None) -> Outcome | None:
    """The outcome file; None if there is none, or it is no JSON of the right kind."""
    if not path:
        return None
    try:
        value: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        texts = [str(value.get(name) or "") for name in ("job_name", "host")]
        return Outcome(int(value["exit_code"]), str(value.get("message", "")), str(value["job_id"]), *texts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def judge(answer: Answer, own: Outcome | None, ours: bool) -> Ending:
    """What an end means for the next step.

    Args:
        answer: LSF's, an EXIT.
        own: this very job's outcome.
        ours: we killed it, not its owner.
    """
    by_owner = "OWNER" in answer.reason and not ours
    if own is not None:
        ending = ENDINGS.get(own.exit_code, Ending.FAILED)
        return Ending.FAILED if by_owner and ending in (Ending.CONTINUES, Ending.UNFIT_NODE) else ending
    if by_owner or is_out_of_memory(answer):
        return Ending.FAILED  # LSF leaves a job that needs too much memory no time to save
    killed = bool(answer.reason) or (answer.exit_code or 0) > 128
    return Ending.UNCLEAR if killed else Ending.FAILED


def is_out_of_memory(answer: Answer) -> bool:
    """True if LSF ended the job because it needed more than it had asked for."""
    return "MEMLIMIT" in answer.reason


def describe(answer: Answer, killing: str) -> str:
    """Why it ended, in one line."""
    if killing:
        return f"killed after {killing}"
    code = f"exit code {answer.exit_code}" if answer.exit_code is not None else "no exit code told"
    return f"{answer.reason.rstrip('.')} ({code})" if answer.reason else code


def what_is_missing(outputs: Iterable[str], inputs: Iterable[str], empty: bool = False) -> str:
    """The first output that is not there, is empty (unless that may be) or is older than an input; or nothing."""
    newest = max((os.stat(path).st_mtime for path in inputs if os.path.exists(path)), default=0.0)
    for path in outputs:
        try:
            found = os.stat(path)
        except OSError:
            return f"{path} is missing"
        if found.st_size == 0 and not empty:
            return f"{path} is empty"
        if found.st_mtime < newest:
            return f"{path} is older than what it is made from"
    return ""


def last_lines(path: str) -> str:
    """The end of a log, indented."""
    try:
        lines = [line for line in Path(path).read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return "    (no log)"
    return "\n".join(f"    {line}" for line in lines[-TAIL:])
