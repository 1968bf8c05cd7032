"""Errors that end a command with one line, and the exit codes that a workflow can act on."""

import re

# User and password of an address, and its query, where tokens stand.
_SECRETS = (re.compile(r"(?<=://)[^\s/?#@'\"]*@"), re.compile(r"(?<=://)([^\s?#'\"]*)[?#][^\s'\",;)]*"))


# That are told at once.
MOST_PROBLEMS = 10


class GestureError(Exception):
    """A mistake the user can mend: the command prints it as one line on stderr and exits 2.

    Addresses stand in its message without what in them may be a secret: it goes to logs, outcomes and pages.
    """

    exit_code = 2

    def __str__(self) -> str:
        text = super().__str__()
        if "://" in text:
            text = _SECRETS[1].sub(r"\1?...", _SECRETS[0].sub("", text))
        return text


class NoGpuError(GestureError):
    """TensorFlow finds no GPU here: an answer, not a mistake; exit 1."""

    exit_code = 1


class UnfitNodeError(GestureError):
    """This node lacks what the job was promised (a GPU, its driver); another may be fine; exit 71."""

    exit_code = 71


class StoppedEarlyError(GestureError):
    """The session ended at its walltime or at a signal, with a checkpoint: run the same command again."""

    exit_code = 75


class FailedForGoodError(GestureError):
    """Running again would fail in the same way (NaN loss, damaged records); exit 76."""

    exit_code = 76


class HeldByAnotherError(GestureError):
    """Another live process is writing this member's checkpoints; exit 77."""

    exit_code = 77


def raise_all(problems: list[str], kind: type[GestureError] = GestureError) -> None:
    """Tells up to ten problems, a line each.

    Raises:
        GestureError: there are some; of this kind.
    """
    problems = [line for problem in problems for line in problem.split("\n")]
    if problems:
        more = f"\n… and {len(problems) - MOST_PROBLEMS} more" if len(problems) > MOST_PROBLEMS else ""
        raise kind("\n".join(problems[:MOST_PROBLEMS]) + more)
