"""LSF's commands: called without a shell, their answers parsed, their failures told from their news."""

import ctypes
import os
import re
import signal
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

NOT_FOUND = "NOT FOUND"
AT_ONCE = 100  # job numbers in one command line
# A refusal ends with these words; an overloaded or absent LSF may say so too, with one of those.
REFUSED = re.compile(r"not submitted|bad option|illegal option|usage: bsub", re.I)
FOR_NOW = re.compile(
    r"LSF is down|not respond|try (again )?later|timed? ?out|retrying|temporar|cannot (contact|connect)"
    r"|unable to contact|communication|too many|threshold|library call",
    re.I,
)
MISSING = re.compile(r"<?(\d+)>?.*\b(?:is not found|no matching job)", re.I)
NONE_THERE = re.compile(r"is not found|no matching job|no (unfinished )?job found", re.I)


@dataclass(frozen=True)
class Answer:
    """What LSF says of a job.

    Attributes:
        stat: PEND, RUN, ..., or NOT FOUND.
        exit_code: of an EXIT, if told.
        reason: why LSF ended it (`TERM_RUNLIMIT: job killed after reaching LSF run time limit.`), or empty.
    """

    stat: str
    exit_code: int | None = None
    reason: str = ""


class NoAnswerError(Exception):
    """LSF did not answer, or not with what was asked for."""


class RefusedError(Exception):
    """LSF refused the request; asking again would not help."""


_PRCTL = getattr(ctypes.CDLL(None), "prctl", None)
_PR_SET_PDEATHSIG = 1


def _die_with_head() -> None:
    """A bsub that waits for LSF must not submit after its head was killed and another one has taken over."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL)


def call(arguments: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Runs a command; a Ctrl-C in the terminal does not reach it.

    Raises:
        NoAnswerError: it took longer than ``timeout`` [s], or could not be started.
    """
    environment = {**os.environ, "LC_ALL": "C", "LSB_BJOBS_FORMAT": ""}
    try:
        return subprocess.run(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            start_new_session=True,
            preexec_fn=_die_with_head,
        )
    except subprocess.TimeoutExpired:
        raise NoAnswerError(f"{arguments[0]}: no answer in {timeout:.0f} s") from None
    except OSError as error:
        raise NoAnswerError(f"{arguments[0]}: {error}") from error


def submit(arguments: list[str], timeout: float) -> str:
    """Calls bsub and gives the job's number.

    Raises:
        RefusedError: the request is wrong.
        NoAnswerError: anything else; LSF may have the job or not.
    """
    done = call(arguments, timeout)
    found = re.search(r"Job <(\d+)> is submitted", done.stdout)
    if found and done.returncode == 0:
        return found[1]
    words = (done.stderr + done.stdout).strip()
    if REFUSED.search(words) and not FOR_NOW.search(words):
        raise RefusedError(words)
    raise NoAnswerError(words or f"bsub ended with code {done.returncode} and said nothing")


def find_by_name(name: str, timeout: float) -> str | None:
    """Number of the job with this name; None if LSF says that there is none.

    Raises:
        NoAnswerError: LSF did not say.
    """
    done = call(["bjobs", "-a", "-noheader", "-o", "jobid", "-J", name], timeout)
    numbers = re.findall(r"^\s*(\d+)\s*$", done.stdout, flags=re.M)
    if numbers:
        return str(numbers[0])
    if NONE_THERE.search(done.stderr + done.stdout):
        return None
    raise NoAnswerError(done.stderr.strip() or "bjobs said nothing")


def ask(job_ids: Iterable[str], timeout: float) -> dict[str, Answer]:
    """What bjobs says of jobs, and bhist of those that bjobs no longer knows; who is not in it, was not told.

    Raises:
        NoAnswerError: bjobs told nothing of any of them.
    """
    answers: dict[str, Answer] = {}
    wanted = sorted(set(job_ids), key=int)
    for some in chunks(wanted):
        fields = "jobid stat exit_code exit_reason delimiter='^'"
        done = call(["bjobs", "-a", "-noheader", "-o", fields, *some], timeout)
        answers.update(parse_bjobs(done.stdout))
        for number in MISSING.findall(done.stderr):
            if number in some and number not in answers:
                answers[number] = from_history(number, timeout)
        if not answers:
            raise NoAnswerError(done.stderr.strip() or "bjobs said nothing")
    return {number: answer for number, answer in answers.items() if number in wanted}


def parse_bjobs(text: str) -> dict[str, Answer]:
    """Lines `jobid^stat^exit_code^exit_reason`; anything else is left out."""
    answers = {}
    for line in text.splitlines():
        number, _, rest = line.strip().partition("^")
        stat, _, rest = rest.partition("^")
        code, _, reason = rest.partition("^")
        if number.isdigit() and re.fullmatch(r"[A-Z_]+", stat):
            reason = reason if reason.strip("-") else ""
            answers[number] = Answer(stat, int(code) if code.isdigit() else None, reason)
    return answers


def from_history(number: str, timeout: float) -> Answer:
    """A job that bjobs has forgotten, as bhist remembers it."""
    try:
        done = call(["bhist", "-n", "0", "-l", number], timeout)
    except NoAnswerError:
        return Answer(NOT_FOUND)
    return parse_bhist(done.stdout)


def parse_bhist(text: str) -> Answer:
    """The last word of a history; LSF breaks its lines anywhere and indents the rest by 21 spaces."""
    whole = re.sub(r"\n {21}", "", text)
    events = re.findall(r"^\w{3} \w{3} +\d+ [\d:]+(?: \d{4})?: +(.*)$", whole, flags=re.M)
    if not events:
        return Answer(NOT_FOUND)
    stat, code = "PEND", None
    for event in events:
        if event.startswith(("Done successfully", "Completed <done>")):
            stat = "DONE"
        elif event.startswith(("Exited", "Completed <exit>", "Termination")):
            stat = "EXIT"
        elif event.startswith(("Dispatched", "Starting", "Started", "Resumed", "Running")):
            stat = "RUN"
        elif event.startswith(("Requeued", "Migrat")):
            stat = "PEND"
        found = re.search(r"exit code (\d+)", event)
        code = int(found[1]) if found else code
    reason = re.search(r"TERM_\w+(?:: [^.]*\.?)?", whole) if stat == "EXIT" else None
    return Answer(stat, code, reason[0] if reason else "")


def kill(job_ids: Iterable[str], timeout: float, force: bool = False) -> None:
    """Calls bkill (``force``: -r, for hosts that do not answer); whether it worked, only `ask` tells."""
    for some in chunks(sorted(set(job_ids), key=int)):
        call(["bkill", *(["-r"] if force else []), *some], timeout)


def add_group(group: str, timeout: float) -> None:
    """Makes a job group that runs one job at a time.

    Raises:
        NoAnswerError: LSF did not say that it is there.
    """
    done = call(["bgadd", "-L", "1", group], timeout)
    words = done.stderr + done.stdout
    if done.returncode != 0 and "exist" not in words:
        raise NoAnswerError(words.strip() or "bgadd said nothing")


def chunks(job_ids: list[str]) -> Iterator[list[str]]:
    """Lists short enough for a command line."""
    for place in range(0, len(job_ids), AT_ONCE):
        yield job_ids[place : place + AT_ONCE]
