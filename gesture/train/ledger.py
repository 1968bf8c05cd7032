"""Who trained when, and why it ended: a line when a session starts and one when it ends.

`sessions.jsonl` beside the checkpoints has, in order,

* `{"event": "start", "lease", "time", "host", "job", "fingerprint", "step", "first", "last", "steps_replayed",
  "device", "device_kind", "exactness"}`: token of the session's lease, the step that it goes on from, the bounds of the
  stage, how many steps an earlier session had done after it, the device as the log names it and its kind, and null or
  that the result is no longer byte-exact and why; sessions of 0.1.0 have none of the last three;
* `{"event": "end", "lease", "time", "reason", "message", "step", "steps", "seconds", "samples_per_second", "peak_mb"}`:
  seconds are without imports and waiting for the lease; reason is `done`, `deadline`, `signal SIGTERM` and the like,
  `memory`, `failed` (for good), `overtaken` (by another writer), `stopped` (an error the user can mend) or `crash`.

A start without an end is a session that was killed. The lease says to which session an end belongs: one that was
overtaken may write its own long after the next has begun. `progress.json` is rewritten in place at every step, so that
replayed steps can be counted exactly even then.
"""

import json
import os
import resource
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from gesture.base.errors import FailedForGoodError, GestureError, HeldByAnotherError, StoppedEarlyError
from gesture.base.files import append_line, read_json, read_lines, write_text
from gesture.base.lease import Lease
from gesture.schedulers import job_id

PROGRESS = "progress.json"
LIVE_HISTORY = "history-*.jsonl"


class Ledger:
    """The sessions of a stage, kept after its checkpoints are gone; a context manager around one of them."""

    def __init__(
        self,
        path: Path,
        lease: Lease,
        fingerprint: str,
        start: int,
        bounds: tuple[int, int],
        device: Mapping[str, Any] | None = None,
    ) -> None:
        """Nothing is written yet.

        Args:
            path: JSONL file beside the checkpoints.
            lease: held by this process.
            fingerprint: of the job, as one digest.
            start: step that the session goes on from.
            bounds: first step of the stage and the one after its last.
            device: what is noted of the device: `device`, `device_kind`, `exactness`.
        """
        self.path = path
        self._lease = lease
        self._fingerprint = fingerprint
        self._start = self.step = start
        self._bounds = bounds
        self._device = dict(device or {})
        self._samples = 0

    def __enter__(self) -> "Ledger":
        """Writes the line of a session that starts.

        Raises:
            HeldByAnotherError: another writer has taken over.
        """
        self._lease.require()
        progress = self.path.with_name(PROGRESS)
        replayed = max(0, self._reached(progress) - self._start)
        # A file of its own: a session that was overtaken goes on writing into the one that this replaces.
        write_text(progress, self._mark())
        self._marker = os.open(progress, os.O_WRONLY)
        self._began = time.monotonic()
        place = {"host": socket.gethostname(), "job": job_id(), "fingerprint": self._fingerprint}
        steps = {"step": self._start, "first": self._bounds[0], "last": self._bounds[1], "steps_replayed": replayed}
        append_line(self.path, json.dumps({**self._event("start"), **place, **steps, **self._device}))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes which error ended the session; a full disk must not hide it."""
        with suppress(OSError):
            os.close(self._marker)
            if error is not None and not isinstance(error, StoppedEarlyError):
                self.end(_reason(error), f"{type(error).__name__}: {error}".partition("\n")[0])

    def did(self, step: int, samples: int) -> None:
        """Notes that ``step`` steps, counted from stage 1, are done, the last one on so many sequences."""
        self.step = step
        self._samples += samples
        # No fsync: it costs more than a small step, and the page cache outlives the process.
        os.pwrite(self._marker, self._mark().encode(), 0)

    def end(self, reason: str, message: str = "") -> None:
        """Writes the line of a session that ends; a second one replaces the first."""
        seconds = time.monotonic() - self._began
        measured = {
            "step": self.step,
            "steps": self.step - self._start,
            "seconds": round(seconds, 1),
            "samples_per_second": round(self._samples / max(seconds, 1e-9), 2),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        append_line(self.path, json.dumps({**self._event("end"), "reason": reason, "message": message, **measured}))

    def sessions(self) -> list[dict[str, Any]]:
        """The sessions of this very job, without those of other settings or data."""
        return [one for one in sessions(self.path) if one.get("fingerprint") == self._fingerprint]

    def _reached(self, progress: Path) -> int:
        """The step that earlier sessions of this job reached, saved or not."""
        try:
            value = read_json(progress)
            return int(value["step"]) if value["fingerprint"] == self._fingerprint else 0
        except (GestureError, KeyError, TypeError, ValueError):
            return 0

    def _mark(self) -> str:
        """How far it is, always of the same length."""
        return f'{{"fingerprint": "{self._fingerprint}", "step": {self.step:12d}}}\n'

    def _event(self, name: str) -> dict[str, Any]:
        return {"event": name, "lease": self._lease.token, "time": datetime.now(UTC).isoformat(timespec="seconds")}


def sessions(path: Path) -> list[dict[str, Any]]:
    """All sessions that a ledger knows, each with start, end and reason; `killed` where no end was written."""
    found: list[dict[str, Any]] = []
    for line in read_lines(path):
        if line.get("event") not in ("start", "end") or "time" not in line:
            continue  # a line that something has damaged
        if line["event"] == "start":
            found.append({**line, "start": line["time"], "end": None, "reason": "killed", "steps": None})
            continue
        for one in [one for one in found if one.get("lease") == line.get("lease")][-1:]:
            one |= {key: value for key, value in line.items() if key not in ("event", "time", "step")}
            one["end"] = line["time"]
    return [{key: value for key, value in one.items() if key not in ("event", "time")} for one in found]


def live_history(live: Path) -> list[dict[str, Any]]:
    """Losses and accuracies of a stage that is being trained, as the newest writer has them; none before the first.

    Args:
        live: folder of the checkpoints.
    """
    newest = max(live.glob(LIVE_HISTORY), default=None)
    return read_lines(newest) if newest else []


def _reason(error: BaseException) -> str:
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's
        return "memory"
    if isinstance(error, FailedForGoodError):
        return "failed"
    if isinstance(error, HeldByAnotherError):
        return "overtaken"
    return "stopped" if isinstance(error, GestureError) else "crash"
