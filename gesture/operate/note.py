"""How a step went, noted beside its log by the step itself: who runs it, since when, how it ended and why.

`logged` names the log in `GESTURE_LOG`, and the note lies beside it: `average.log` has `average.json`. Snakemake
removes a log and the outputs before each attempt, and no scheduler passes a message on; the note is what stays. It is
read by `gesture status` alone, so a step never fails because it could not be written.
"""

import argparse
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gesture.base.errors import GestureError
from gesture.base.files import read_json, write_json
from gesture.base.process import identity
from gesture.schedulers import job_id
from gesture.steps import STEPS

LOG = "GESTURE_LOG"


@dataclass
class Ending:
    """What a command ended with; set before its note is closed.

    Attributes:
        exit_code: of the command.
        message: the error in one line; empty if there was none.
    """

    exit_code: int = 1
    message: str = ""


def beside(log: Path) -> Path:
    """Where the note of a step is."""
    return log.with_suffix(".json")


@contextmanager
def kept(options: argparse.Namespace) -> Iterator[Ending]:
    """Notes that a step begins, and how it ends; does nothing for commands that no rule called.

    Args:
        options: of the command, with its name.
    """
    log = os.environ.pop(LOG, None)  # not for what this process starts
    ending = Ending()
    if not log or options.command not in STEPS:
        yield ending
        return
    path, content = beside(Path(log)), _beginning(options)
    _write(path, content)
    try:
        yield ending
    except BaseException as error:
        ending.message = ending.message or f"{type(error).__name__}: {error}".partition("\n")[0]
        raise
    finally:
        _write(path, {**content, "ended": _now(), "exit_code": ending.exit_code, "message": ending.message})


def read(log: Path) -> dict[str, Any]:
    """The note of the step that has this log; empty if there is none, or none that can be read."""
    with suppress(GestureError, OSError):
        content = read_json(beside(log))
        needed = {"host": str, "pid": int, "began": str, "message": str}
        if isinstance(content, dict) and all(isinstance(content.get(key), kind) for key, kind in needed.items()):
            return content
    return {}


def _beginning(options: argparse.Namespace) -> dict[str, Any]:
    step = options.command
    place = {"host": socket.gethostname(), "pid": os.getpid(), "job": job_id(), **identity(os.getpid())}
    made_of = {"step": step, "recipe": STEPS[step].recipe, "settings": str(getattr(options, "settings", None) or "")}
    return {**made_of, **place, "began": _now(), "ended": None, "exit_code": None, "message": ""}


def _write(path: Path, content: dict[str, Any]) -> None:
    with suppress(OSError, GestureError):
        write_json(path, content)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
