"""Damages files in seeded ways, lets the real reader read them, and counts what came of it.

Of every case one of these is true: *refused* in one line a problem, the *same* result as of sound files, a *lawful*
other result (of files that a person wrote and nothing vouches for), a *traceback*, or *silently* another result. The
last two must not be.
"""

import os
import random
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutations import Mutate

from gesture.base.disk import is_refusal
from gesture.base.errors import GestureError

SEED = int(os.environ.get("GESTURE_FUZZ_SEED", "1"))
# Each kind of file is damaged so often; `make fuzz` asks for thousands.
CASES = int(os.environ.get("GESTURE_FUZZ", "0"))
LONGEST_S = 60
MOST_LINES = 11

OUTCOMES = ("refused", "same", "lawful", "traceback", "silently")


@dataclass(frozen=True)
class Subject:
    """Files of one kind, and what reads them.

    Attributes:
        name: of the kind, in the table.
        folder: holds the files and whatever else the reader needs.
        files: those to damage, relative to the folder.
        read: gives something that can be compared; it may write into the folder.
        mutations: how to damage.
        vouched: a digest or checksum stands for the content: another result may not pass.
        cases: how many in the bounded sample.
    """

    name: str
    folder: Path
    files: Sequence[str]
    read: Callable[[Path], Any]
    mutations: Sequence[Mutate]
    vouched: bool = True
    cases: int = 60


@dataclass
class Counts:
    """How the cases of a kind ended, and those that must not be, each with what repeats it."""

    name: str
    ended: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def line(self) -> str:
        """A row of the table."""
        return f"{self.name:<24}{sum(self.ended.values()):>7}" + "".join(f"{self.ended[one]:>11}" for one in OUTCOMES)


HEADER = f"{'kind of file':<24}{'cases':>7}" + "".join(f"{one:>11}" for one in OUTCOMES)


def fuzz(subject: Subject) -> Counts:
    """Damages one file after another, each time from sound ones."""
    counts = Counts(subject.name)
    sound = _content(subject.folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries may say what they like, as long as we say the right thing
        expected = subject.read(subject.folder)
        _restore(subject.folder, sound)
        only = os.environ.get("GESTURE_FUZZ_CASE")
        for number in [int(only)] if only else range(CASES or subject.cases):
            how, ended, said = _case(subject, number, expected)
            counts.ended[ended] += 1
            if ended in ("traceback", "silently") and len(counts.faults) < 12:
                repeat = f"GESTURE_FUZZ_SEED={SEED} GESTURE_FUZZ_CASE={number} with this test"
                counts.faults.append(f"{subject.name}: {how}: {ended}: {said or 'another result'} (again: {repeat})")
            _restore(subject.folder, sound)
    return counts


def _case(subject: Subject, number: int, expected: Any) -> tuple[str, str, str]:
    """What was done to which file, how it ended, and what was said."""
    rng = random.Random(f"{SEED}/{subject.name}/{number}")
    name = rng.choice(list(subject.files))
    mutate = rng.choice(list(subject.mutations))
    path = subject.folder / name
    path.write_bytes(mutate(path.read_bytes(), rng))
    how = f"{mutate.__name__} of {name}"
    try:
        with _limited():
            found = subject.read(subject.folder)
    except GestureError as error:
        text = str(error)
        lines = text.split("\n")
        if len(lines) > MOST_LINES or not all(lines) or "Traceback" in text or "\0" in text:
            return how, "traceback", f"not one line: {text[:300]!r}"
        return how, "refused", text
    except Exception as error:
        if isinstance(error, OSError) and is_refusal(error):  # the command says it in one line
            return how, "refused", str(error)
        return how, "traceback", f"{type(error).__name__}: {error}"[:300]
    if found == expected:
        return how, "same", ""
    return how, "silently" if subject.vouched else "lawful", ""


@contextmanager
def _limited() -> Iterator[None]:
    """A reader that does not come to an end counts as a traceback."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"read for more than {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _content(folder: Path) -> dict[Path, tuple[bytes, int]]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def _restore(folder: Path, sound: dict[Path, tuple[bytes, int]]) -> None:
    """Everything as it was, with its dates: readers may compare them."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path not in sound:
            path.unlink()
    for path, (data, mtime) in sound.items():
        if not path.is_file() or path.stat().st_mtime_ns != mtime or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            os.utime(path, ns=(mtime, mtime))
