"""LSF's commands: called without a shell, their answers parsed, their failures told from their news."""

import ctypes
import os
import re
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from snakemake_executor_plugin_lsf_steady import answer

NOT_FOUND = "NOT FOUND"
AT_ONCE = 100  # job numbers in one command line
FIELDS = "jobid job_name stat exit_code exit_reason exec_host run_time"
MISSING = re.compile(r"<?(\d+)>?.*\b(?:is not found|no matching job)", re.I)
NONE_THERE = re.compile(r"is not found|no matching job|no (unfinished )?job found", re.I)


@dataclass(frozen=True)
class Answer:
    """What LSF says of a job.

    Attributes:
        stat: PEND, RUN, ..., or NOT FOUND.
        exit_code: of an EXIT, if told.
        reason: why LSF ended it (`TERM_RUNLIMIT: job killed after reaching LSF run time limit.`), or empty.
        host: where it runs or ran, or empty.
        seconds: how long it has run, None if LSF does not say.
    """

    stat: str
    exit_code: int | None = None
    reason: str = ""
    host: str = ""
    seconds: float | None = None


class NoAnswerError(Exception):
    """LSF did not answer, or not with what was asked for."""


class RefusedError(Exception):
    """LSF refused the request, or never could take it; asking again would not help."""

    def __init__(self, words: str, told: str = "") -> None:
        """Takes LSF's line and all else that bsub printed."""
        super().__init__(words)
        self.told = told


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
    reply = answer.read(done.stdout, done.stderr, done.returncode)
    if reply.kind is answer.Kind.TAKEN:
        return reply.words
    if reply.kind is answer.Kind.PERMANENT:
        raise RefusedError(reply.words, reply.told)
    raise NoAnswerError(reply.words)


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


def ask(jobs: Mapping[str, str], timeout: float) -> dict[str, Answer]:
    """What bjobs says of jobs, and bhist of those that it no longer knows; who is not in the answer, was not told.

    Args:
        jobs: number -> name. LSF's numbers begin again one day: a number with another name is somebody else's job.
        timeout: of each command [s].

    Raises:
        NoAnswerError: bjobs told nothing of any of them.
    """
    answers: dict[str, Answer] = {}
    silence = ""
    for some in chunks(sorted(jobs, key=int)):
        done = call(["bjobs", "-a", "-noheader", "-o", f"{FIELDS} delimiter='^'", *some], timeout)
        told = parse_bjobs(done.stdout)
        silence = silence or done.stderr.strip() or "bjobs said nothing"
        gone = {number for number in MISSING.findall(done.stderr) if number not in told}
        for number in some:
            if number in told and told[number][0] == jobs[number]:
                answers[number] = told[number][1]
            elif number in told or number in gone:
                answers[number] = from_history(number, jobs[number], timeout)
    if not answers:
        raise NoAnswerError(silence)
    return answers


def parse_bjobs(text: str) -> dict[str, tuple[str, Answer]]:
    """Number -> name and answer, from lines with FIELDS; anything else is left out."""
    answers = {}
    for line in text.splitlines():
        fields = [one.strip() for one in line.strip().split("^")]
        number, name, stat, code, reason, host, seconds = (fields + [""] * 7)[:7]
        if number.isdigit() and re.fullmatch(r"[A-Z_]+", stat):
            reason = reason if reason.strip("-") else ""
            run_time = re.match(r"\d+", seconds)
            told = Answer(
                stat, int(code) if code.isdigit() else None, reason, first_host(host), run_time and float(run_time[0])
            )
            answers[number] = (name, told)
    return answers


def first_host(text: str) -> str:
    """The host of `node1`, `4*node1`, `node1:node1` or `-`: jobs of ours have one."""
    host = text.split(":")[0].rpartition("*")[2]
    return host if host.strip("-") else ""


def from_history(number: str, name: str, timeout: float) -> Answer:
    """A job that bjobs has forgotten, as bhist remembers it."""
    try:
        done = call(["bhist", "-n", "0", "-l", number], timeout)
    except NoAnswerError:
        return Answer(NOT_FOUND)
    return parse_bhist(done.stdout, name)


def parse_bhist(text: str, name: str) -> Answer:
    """The last word of the history of a job; LSF breaks its lines anywhere and indents the rest by 21 spaces."""
    histories = re.split(r"^(?=Job <\d+>)", re.sub(r"\n {21}", "", text), flags=re.M)
    whole = next((one for one in histories if f"Job Name <{name}>" in one.split("\n", 1)[0]), "")
    events = re.findall(r"^\w{3} \w{3} +\d+ [\d:]+(?: \d{4})?: +(.*)$", whole, flags=re.M)
    if not events:
        return Answer(NOT_FOUND)
    stat, code, host = "PEND", None, ""
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
        place = re.search(r"(?:Dispatched|Started).*?\bon (?:Host\(s\) |Hosts )?<([^<>]+)>", event)
        host = first_host(place[1]) if place else host
    reason = re.search(r"TERM_\w+(?:: [^.]*\.?)?", whole) if stat == "EXIT" else None
    return Answer(stat, code, reason[0] if reason else "", host)


def pending_reason(number: str, timeout: float) -> str:
    """Why LSF does not start a job, in its own words; empty if it does not say.

    Raises:
        NoAnswerError: no answer.
    """
    done = call(["bjobs", "-p", number], timeout)
    lines = done.stdout.splitlines()
    return " ".join(line.strip() for line in lines if line[:1].isspace() or line.rstrip().endswith(";"))


def kill(names: Iterable[str], timeout: float, force: bool = False) -> None:
    """Calls bkill (``force``: -r, for hosts that do not answer); whether it worked, only `ask` tells.

    By name: it is unique, and a number may meanwhile be that of another job of this user. `0` is every job so named;
    beside any other number LSF would ignore the name.
    """
    for name in names:
        call(["bkill", *(["-r"] if force else []), "-J", name, "0"], timeout)


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
