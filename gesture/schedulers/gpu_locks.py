"""GPUs for this process alone: a lock for each, taken before TensorFlow looks, freed when the process ends.

On a machine without a scheduler, members are trained side by side, and each must have GPUs of its own. A lock is a file
named after the GPU's UUID in a folder of this machine's; the kernel frees it however the process ends, and its worker
processes do not inherit it.
"""

import fcntl
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from gesture.base.errors import GestureError, StoppedEarlyError
from gesture.schedulers import job_id

VISIBLE = "CUDA_VISIBLE_DEVICES"
# Where /tmp is not the same for all processes of a machine, as in some containers.
FOLDER = "GESTURE_GPU_LOCKS"
# Between two looks [s]: at first short, since jobs that start together only collect one after the other.
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 1.0
# A driver that does not answer; starting it takes some seconds where nothing keeps it loaded [s].
PATIENCE = 120.0


def visible() -> list[str]:
    """UUIDs of the GPUs that this process may see, in CUDA's order; CUDA is not started in this process."""
    program = Path(__file__).with_name("gpu_uuids.py")
    with suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            [sys.executable, "-I", str(program)], capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        return done.stdout.split()
    return []


def take(
    count: int,
    reason_to_stop: Callable[[], str | None] = lambda: None,
    say: Callable[[str], None] = print,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Leaves this process ``count`` of the GPUs that it sees, and nobody else these; before TensorFlow is imported.

    With 0 it sees none: nobody asked for one, and TensorFlow would occupy all. A scheduler that shows its job as many
    as it asked for has chosen already. Where there are too few nothing is done, and `hardware().reason` says why.

    Args:
        count: GPUs that were asked for.
        reason_to_stop: such as `signal SIGTERM`; ends the waiting.
        say: prints a line.
        sleep: waits [s].

    Raises:
        StoppedEarlyError: the session had to end before enough of them were free.
        GestureError: the folder of the locks cannot be used.
    """
    if count == 0:
        os.environ[VISIBLE] = ""
        return
    uuids = visible()
    if len(uuids) < count or (job_id() and len(uuids) == count):
        return
    chosen = _locked(count, uuids, reason_to_stop, say, sleep)
    names = os.environ[VISIBLE].split(",") if VISIBLE in os.environ else [str(number) for number in range(len(uuids))]
    os.environ[VISIBLE] = ",".join(names[number] for number in chosen)


def _locked(
    count: int,
    uuids: list[str],
    reason_to_stop: Callable[[], str | None],
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> list[int]:
    """Takes locks until there are enough; numbers of the GPUs.

    One process at a time collects: two that want two GPUs each would otherwise end with one each, and wait for ever;
    and who wants two is not overtaken by all who want one.
    """
    folder = _folder()
    turn: int | None = None
    chosen: list[int] = []
    pause = FIRST_PAUSE
    while True:
        turn = turn if turn is not None else _try(folder / "turn")
        if turn is not None:
            for number, uuid in enumerate(uuids):
                if len(chosen) < count and number not in chosen and _try(folder / uuid) is not None:
                    chosen.append(number)
        if turn is not None and len(chosen) == count:
            os.close(turn)
            return sorted(chosen)
        if pause < LONGEST_PAUSE <= 2 * pause:  # once, when this is no mere queue
            others = _holders(folder / uuid for number, uuid in enumerate(uuids) if number not in chosen)
            say(f"waiting for {count} of {len(uuids)} GPUs; they are taken by process {others}")
        reason = reason_to_stop()
        if reason:
            raise StoppedEarlyError(f"{reason}: no GPU was free until now; run the same command again")
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _try(path: Path) -> int | None:
    """An open file whose lock is ours until it is closed or this process ends; None if it is another's.

    A record lock: unlike that of `flock`, worker processes do not inherit it and keep it when their parent is killed.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    os.ftruncate(file, 0)
    os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    return file


def _holders(paths: Iterable[Path]) -> str:
    """Who has taken them, as far as it is known; never to be asked for one's own: closing a file frees its lock."""
    found = []
    for path in paths:
        with suppress(OSError):
            found.append(path.read_text(encoding="ascii", errors="replace").strip())
    return ", ".join(dict.fromkeys(filter(None, found))) or "(unknown)"


def _folder() -> Path:
    """The folder of the locks: this user's own, on this machine's disk, the same whatever `TMPDIR` says.

    Raises:
        GestureError: it belongs to someone else, or cannot be made.
    """
    folder = Path(os.environ.get(FOLDER) or f"/tmp/gesture-gpus-{os.getuid()}")  # noqa: S108 (checked below)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise GestureError(f"{folder}: no place for locks of GPUs ({error}); set {FOLDER} to a local folder") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise GestureError(f"{folder}: is no folder of yours; set {FOLDER} to one on this machine's disk")
    return folder
