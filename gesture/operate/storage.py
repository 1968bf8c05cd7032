"""Is the working directory a place for checkpoints: space, quota, atomic names, a clock that agrees?"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gesture.base.text import size
from gesture.config.members import members
from gesture.config.settings import Experiment
from gesture.operate.costs import LIVE_CHECKPOINTS, STATE_BYTES, measured
from gesture.schedulers.ask import Ask
from gesture.schedulers.finding import Finding, ok, problem, warning

# Of a network that was not trained yet: full-width SMnet [numbers].
PARAMETERS = 80_000_000
# Without an experiment to judge by [bytes].
ROOM = 10e9
# Snakemake compares times of files; a second is usual between machines, a minute is a broken clock [s].
SKEW, BROKEN_CLOCK = 2.0, 60.0


def needed_bytes(experiment: Experiment, folder: Path) -> float:
    """Most that the results and live checkpoints of all members can take, records not counted [bytes].

    Args:
        experiment: resolved settings.
        folder: working directory, whose earlier results tell how large the networks are.
    """
    seen = {name: one.parameters for name, one in measured(experiment, folder).items()}
    return sum(
        STATE_BYTES * (seen.get(one.variant_name) or PARAMETERS) * (one.stages + LIVE_CHECKPOINTS)
        for one in members(experiment).values()
    )


def space(free: float, needed: float) -> Finding:
    """Enough room? Both in bytes."""
    if free >= needed:
        return ok("space", f"{size(free)} free, at most {size(needed)} needed")
    return problem(
        "space",
        f"{size(free)} free, up to {size(needed)} needed",
        "a checkpoint that finds no room is lost, and its hours with it",
        "free some, or start Snakemake with --directory on another file system",
    )


def quota(text: str | None, needed: float) -> Finding | None:
    """The user's quota, of `quota -w` or `lfs quota`; None where there is none."""
    left = [
        (int(limit) - int(used.rstrip("*"))) * 1024.0
        for used, soft, hard in re.findall(r"^\s*/?\S+\s+(\d+\*?)\s+(\d+)\s+(\d+)\b", text or "", flags=re.M)
        for limit in [soft if int(soft) else hard]
        if int(limit)
    ]
    if not left:
        return None
    if min(left) >= needed:
        return ok("quota", f"{size(min(left))} left")
    return problem(
        "quota",
        f"{size(max(0.0, min(left)))} left of the quota, up to {size(needed)} needed",
        "writing stops at the quota, in the middle of a stage",
        "clean up (`gesture clean`), ask for more, or start Snakemake with --directory on another file system",
    )


def file_system(folder: Path, clock: Callable[[], float] = time.time) -> list[Finding]:
    """Tries what checkpoints and leases rely on, in a folder of its own that is removed again."""
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as name:
            place = Path(name)
            before = clock()
            (place / "one").write_text("1")
            return [_exclusive(place), _rename(place), _link(place), skew((place / "one").stat().st_mtime - before)]
    except OSError as error:
        return [
            problem(
                "file system",
                f"{folder}: {error.strerror}",
                "no step can write its results",
                "start Snakemake with --directory somewhere writable",
            )
        ]


def _exclusive(place: Path) -> Finding:
    try:
        os.close(os.open(place / "one", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return ok("exclusive files", "a file that exists is not created again")
    return problem(
        "exclusive files",
        "O_EXCL creates a file that exists",
        "two trainers could write one member's checkpoints",
        "start Snakemake with --directory on another file system",
    )


def _rename(place: Path) -> Finding:
    (place / "two").write_text("2")
    with (place / "one").open() as reader:
        (place / "two").replace(place / "one")
        whole = reader.read() == "1" and (place / "one").read_text() == "2" and not (place / "two").exists()
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        whole = False
    finally:
        os.close(descriptor)
    if whole:
        return ok("atomic rename", "a file is replaced as a whole, and the name can be synced")
    return problem(
        "atomic rename",
        "renaming over a file does not replace it as a whole, or cannot be synced",
        "a crash could leave half a checkpoint under its final name",
        "start Snakemake with --directory on another file system",
    )


def _link(place: Path) -> Finding:
    try:
        (place / "three").hardlink_to(place / "one")
    except OSError:
        return warning(
            "hard links",
            "not possible here",
            "files that are kept twice are copied",
            "nothing, if space suffices",
        )
    return ok("hard links", "possible")


def skew(seconds: float) -> Finding:
    """Judges how much later than ours the clock of the file system is [s]."""
    if abs(seconds) <= SKEW:
        return ok("clock", f"the file system's clock is {seconds:+.1f} s off")
    level = problem if abs(seconds) > BROKEN_CLOCK else warning
    return level(
        "clock",
        f"the file system's clock is {seconds:+.1f} s off",
        "Snakemake repeats steps whose inputs look newer than their outputs",
        "ask the site to synchronise the clocks (NTP) of this host and the file server",
    )


def findings(folder: Path, experiment: Experiment | None, ask: Ask) -> list[Finding]:
    """All checks of a working directory."""
    needed = ROOM if experiment is None else needed_bytes(experiment, folder)
    found = file_system(folder)
    if folder.exists():
        found.append(space(shutil.disk_usage(folder).free, needed))
    answers = [ask("quota", "-w"), ask("lfs", "quota", "-q", "-u", str(os.getuid()), str(folder))]
    return [*found, *(one for one in (quota(answer, needed) for answer in answers) if one)]
