"""Several heads of Snakemake in one working directory: one for each experiment, and one that makes what they share.

Snakemake's own lock lists every file that a head may write, for as long as it runs: a second experiment with the same
records is refused for days, with the advice to `--unlock`. And it outlives a head that was killed. Leases do neither.
"""

import atexit
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gesture.base.errors import GestureError, HeldByAnotherError
from gesture.base.lease import Lease, holder, is_here, living, who
from gesture.config.layout import Layout, head_folder, records_folder
from gesture.config.settings import Experiment
from gesture.operate.experiments import latest, started
from gesture.schedulers import job_id

# Between two looks whether another head is done [s].
PAUSE = 2.0

Take = Callable[[Path], None]


def be_the_only_one(experiment: str, root: Path = Path(), take: Take | None = None) -> None:
    """Makes this process the head of an experiment, until it ends.

    Args:
        experiment: its name.
        root: working directory of the workflow.
        take: takes a lease and keeps it; tests pass their own.

    Raises:
        HeldByAnotherError: another head is at work on it.
    """
    folder = Layout(experiment, root).head
    remedy = f"let it finish, or end it and run again; its jobs: gesture status {experiment}"
    try:
        _take(folder, take)
    except HeldByAnotherError:
        held = holder(folder)
        whom = who(held) if held else "another process"
        raise HeldByAnotherError(f"experiment {experiment!r} is being run from here by {whom}; {remedy}") from None


def make_or_wait_for_records(
    experiment: Experiment,
    are_whole: Callable[[], bool],
    root: Path = Path(),
    take: Take | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Returns once the records are there, or once this head is the one to make them.

    Args:
        experiment: resolved settings.
        are_whole: looks whether the records are there, and nobody is at work on them.
        root: working directory of the workflow.
        take: takes a lease and keeps it; tests pass their own.
        sleep: waits [s].
    """
    folder = head_folder(records_folder(experiment, root))
    told = False
    while not are_whole():
        try:
            _take(folder, take)
            return
        except HeldByAnotherError:
            held = holder(folder)
        if held and not told:
            records = folder.parent
            print(f"{records}: waits for the records; {who(held)} makes them, for another experiment", file=sys.stderr)
            told = True
        sleep(PAUSE)


def make_records_anew(experiment: Experiment, root: Path = Path(), take: Take | None = None) -> None:
    """Makes this head the one that makes the records, where they are there and have to be made again.

    Args:
        experiment: resolved settings.
        root: working directory of the workflow.
        take: takes a lease and keeps it; tests pass their own.

    Raises:
        HeldByAnotherError: the head of another experiment is at work with them.
    """
    records = records_folder(experiment, root)
    for held in living(_heads_on(records, experiment.experiment, root)).values():
        raise HeldByAnotherError(
            f"{records}: the records have to be made anew, and {who(held)} is at work on them for another experiment; "
            "let it finish, or end it, and run again"
        )
    turn = holder(head_folder(records))
    if turn is None or not _is_this_process(turn):
        (take or _keep)(head_folder(records))


def _heads_on(records: Path, but: str, root: Path) -> list[Path]:
    """Leases of the heads of all other experiments with these records."""
    found = []
    for name, folder in started(root).items():
        with suppress(GestureError):  # what cannot be read has no head that could go on
            if name != but and records_folder(latest(folder), root) == records:
                found.append(Layout(name, root).head)
    return found


def _take(folder: Path, take: Take | None) -> None:
    """Takes a lease, unless its holder can be seen: that one holds it even while it is stopped, as by Ctrl-Z.

    Raises:
        HeldByAnotherError: its holder lives.
    """
    held = holder(folder)
    if held and is_here(held) and not _is_this_process(held):
        raise HeldByAnotherError(f"{folder}: held by {who(held)}")
    (take or _keep)(folder)


def _is_this_process(held: dict[str, Any]) -> bool:
    return bool(held["pid"] == os.getpid())


def _keep(folder: Path) -> None:
    """Takes a lease until this process ends, however it does.

    Raises:
        HeldByAnotherError: its holder lives.
    """
    lease = Lease(folder, job=job_id())
    lease.__enter__()
    atexit.register(lease.__exit__)
