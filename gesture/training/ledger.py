"""Who trained when, and why it ended: a line when a session starts and one when it ends.

A start without an end is a session that was killed.
"""

import json
import resource
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gesture.files import append_line, read_lines
from gesture.session import job_id


class Ledger:
    """The sessions of a stage, kept after its checkpoints are gone."""

    def __init__(self, path: Path, start: int, bounds: tuple[int, int], replayed: int) -> None:
        """Writes the line of a session that starts.

        Args:
            path: JSONL file beside the checkpoints.
            start: step that the session goes on from.
            bounds: first step of the stage and the one after its last.
            replayed: steps that an earlier session did after its last checkpoint.
        """
        self.path = path
        self._start = start
        self._began = time.monotonic()
        place = {"host": socket.gethostname(), "job": job_id()}
        steps = {"step": start, "first": bounds[0], "last": bounds[1], "steps_replayed": replayed}
        append_line(path, json.dumps({"event": "start", "time": _now(), **place, **steps}))

    def end(self, step: int, reason: str) -> None:
        """Writes the line of a session that ends by itself."""
        measured = {
            "steps": step - self._start,
            "seconds": round(time.monotonic() - self._began, 1),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        append_line(self.path, json.dumps(dict(event="end", time=_now(), reason=reason, step=step, **measured)))


def sessions(path: Path) -> list[dict[str, Any]]:
    """All sessions that a ledger knows, each with start, end and reason; `killed` where no end was written."""
    found: list[dict[str, Any]] = []
    for line in read_lines(path):
        if line["event"] == "start":
            found.append({**line, "start": line["time"], "end": None, "reason": "killed", "steps": None})
        elif found:
            found[-1] |= {key: value for key, value in line.items() if key not in ("event", "time", "step")}
            found[-1]["end"] = line["time"]
    return [{key: value for key, value in one.items() if key not in ("event", "time")} for one in found]


def _now() -> str:
    """The time in UTC, ISO 8601 with seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")
