"""One writer a checkpoint folder, on file systems without locks: numbered leases, heartbeats, fencing.

A lease is the file `lease-<token>.json`; whoever created the one with the highest token is the writer. Creating it
with O_EXCL lets exactly one of several succeed. A writer that was overtaken may wake up and go on writing: its
checkpoints carry its token, and readers follow the highest one, so nothing of it is ever loaded.

Whether a holder lives is never read off a clock: those of two hosts, and of a file server, may differ by minutes. Its
heartbeat moves, or it does not; and a process id says something only to whom it was given by the same kernel, since the
same start, in the same namespace.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gesture.base.disk import refusal
from gesture.base.errors import HeldByAnotherError
from gesture.base.files import write_json
from gesture.base.process import identity

HEARTBEAT = 10.0
STALE = 45.0


class Lease:
    """The right to write into a folder; use as a context manager.

    A lease is stale if its holder's process is gone from this host, or if its content has not changed for 45 s that we
    have watched it.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        heartbeat: float = HEARTBEAT,
        job: str | None = None,
        patient: bool = False,
    ) -> None:
        """Nothing is written until the lease is taken.

        Args:
            folder: the checkpoint folder.
            clock: monotonic time [s]; tests pass their own.
            sleep: waits [s].
            heartbeat: time between signs of life [s].
            job: the scheduler's number of this process's job, if it is one.
            patient: wait for a holder that lives until it is done, instead of giving up.
        """
        self._folder = folder
        self._clock = clock
        self._sleep = sleep
        self._heartbeat = heartbeat
        self._job = job
        self._patient = patient
        self._beats = 0
        self._ended = threading.Event()
        self._pulse = threading.Thread(target=self._beat, daemon=True)
        self.token = 0

    def __enter__(self) -> "Lease":
        """Takes the lease, waiting up to 45 s to see whether an earlier holder lives.

        Raises:
            HeldByAnotherError: it does, and this lease is not patient; its host, process and job are named.
            GestureError: the folder cannot be written to.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            while True:
                held = highest_token(self._folder)
                if held:
                    self._wait_until_stale(held)
                if self._create(held + 1):
                    break
        except OSError as error:
            raise refusal(error, self._folder) from error
        self._pulse.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._pulse.join()
        # On a full disk the next writer has to wait for this lease to go stale; that is no reason to fail.
        with suppress(OSError):
            if self.is_mine():
                self._write(released=True)
            for token in range(1, self.token):
                self._path(token).unlink(missing_ok=True)

    def is_mine(self) -> bool:
        """False once another writer has taken over."""
        return highest_token(self._folder) == self.token

    def require(self) -> None:
        """To be called before anything is committed.

        Raises:
            HeldByAnotherError: another writer has taken over.
        """
        if not self.is_mine():
            raise HeldByAnotherError(f"{self._folder}: another writer took over while this one was held up")

    def _path(self, token: int) -> Path:
        return self._folder / f"lease-{token:06d}.json"

    def _wait_until_stale(self, token: int) -> None:
        path = self._path(token)
        seen, since, told = None, self._clock(), False
        while True:
            content = _read(path)
            if content is None or content.get("released") or is_gone(content):
                return
            if content != seen:
                if seen is not None and not self._patient:  # a sign of life
                    raise HeldByAnotherError(
                        f"{self._folder}: held by {who(content)}; let it finish, or end it and run again"
                    )
                if seen is not None and not told:
                    print(f"{self._folder}: waits for {who(content)}, which writes there", file=sys.stderr)
                    told = True
                seen, since = content, self._clock()
            if self._clock() - since >= STALE:
                return
            self._sleep(1.0)

    def _create(self, token: int) -> bool:
        try:
            descriptor = os.open(self._path(token), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(self._content(), file)
        except OSError:
            self._path(token).unlink()  # an empty one would be somebody's, for all that others know
            raise
        self.token = token
        return True

    def _content(self, released: bool = False) -> dict[str, Any]:
        place = {"host": socket.gethostname(), "pid": os.getpid(), "job": self._job, **identity(os.getpid())}
        return {**place, "beat": self._beats, "released": released}

    def _write(self, released: bool = False) -> None:
        write_json(self._path(self.token), self._content(released))

    def _beat(self) -> None:
        while not self._ended.wait(self._heartbeat):
            self._beats += 1
            # A disk that is full, or away for a while, must not end the heartbeat.
            with suppress(OSError):
                if not self.is_mine():
                    return
                self._write()


def highest_token(folder: Path) -> int:
    """Token of the newest lease in a folder; 0 if there never was one."""
    return max((int(path.stem.removeprefix("lease-")) for path in folder.glob("lease-*.json")), default=0)


def holder(folder: Path) -> dict[str, Any] | None:
    """Who may hold a folder, as far as one look can tell: host, pid, job; None if nobody does for certain.

    One whose process was elsewhere is named even if it is gone: see `living`.
    """
    content = _read(folder / f"lease-{highest_token(folder):06d}.json")
    return None if content is None or content.get("released") or is_gone(content) else content


def living(
    folders: Iterable[Path],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[Path, dict[str, Any]]:
    """Who holds which of these folders; those whose process cannot be seen are watched for 45 s, all at once.

    Args:
        folders: checkpoint folders, or others that are written under a lease.
        clock: monotonic time [s].
        sleep: waits [s].
    """
    held = {folder: content for folder in folders if (content := holder(folder)) is not None}
    silent = {folder: content for folder, content in held.items() if not is_here(content)}
    if silent:
        some = ", ".join(sorted({who(one) for one in silent.values()}))
        print(f"looks for up to {STALE:.0f} s whether {some} lives", file=sys.stderr)
    began = clock()
    while silent and clock() - began < STALE:
        sleep(1.0)
        # A lease that was released, moved on, or was taken over has an answer.
        silent = {folder: content for folder, content in silent.items() if holder(folder) == content}
    return {folder: now for folder in held if folder not in silent and (now := holder(folder)) is not None}


def silence(folder: Path) -> float:
    """How long ago the holder of a folder seems to have given a sign of life [s].

    By the clocks of two hosts, which may differ: a hint for people, nothing to decide by.
    """
    try:
        return time.time() - (folder / f"lease-{highest_token(folder):06d}.json").stat().st_mtime
    except OSError:
        return 0.0


def who(content: dict[str, Any]) -> str:
    """A holder in words."""
    return f"process {content['pid']} on {content['host']}" + (f" (job {content['job']})" if content["job"] else "")


def is_here(content: dict[str, Any]) -> bool:
    """True if the holder is a living process that this one can see."""
    return _is_of_this_place(content) and not is_gone(content)


def _read(path: Path) -> dict[str, Any] | None:
    """The content of a lease; None if it is gone, nobody's while its holder is still writing it."""
    nobody = {"host": "", "pid": 0, "job": None}
    try:
        return {**nobody, **json.loads(path.read_text(encoding="utf-8"))}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):  # half-written, or a network file system that is away for a moment
        return nobody


def _is_of_this_place(content: dict[str, Any]) -> bool:
    """True if the holder's process id means the same to us: same host, kernel since its start, and namespace."""
    here = identity(os.getpid())
    # Leases from before these were noted have the host alone.
    same = all(content.get(key, here[key]) == here[key] for key in ("boot", "namespace"))
    return same and content["host"] == socket.gethostname()


def is_gone(content: dict[str, Any]) -> bool:
    """True if the holder ran in this place and is gone; its number may have been given to another process since."""
    if not _is_of_this_place(content):
        return False
    try:
        os.kill(content["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    started = identity(content["pid"])["started"]
    return None not in (started, content.get("started")) and started != content["started"]
