"""TensorBoard event files without the tensorboard package: Event messages in TFRecord framing.

Every session writes the curves anew, from the history it goes on from, and removes the file of the session before: so
they are continuous and nothing overlaps after a rollback. A running TensorBoard forgets the old curve at the START
mark (tensorboard/backend/event_processing/event_accumulator.py).
"""

import time
from pathlib import Path
from typing import Any

from tensorflow.core.framework.summary_pb2 import Summary
from tensorflow.core.util.event_pb2 import Event, SessionLog

from gesture.convert.shard import write_record

TAGS = ("loss", "accuracy", "rate")


class Events:
    """The event file of one session."""

    def __init__(self, folder: Path, session: int) -> None:
        """Starts the file; those of earlier sessions are removed.

        Args:
            folder: for TensorBoard's --logdir.
            session: its number: TensorBoard reads files in the order of their names.
        """
        folder.mkdir(parents=True, exist_ok=True)
        own = folder / f"events.out.tfevents.{session:010d}"
        for path in folder.glob("events.out.tfevents.*"):
            if path.name < own.name:
                path.unlink(missing_ok=True)
        self._file = own.open("wb")
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
        self._write(Event(wall_time=time.time(), session_log=SessionLog(status=SessionLog.START)))

    def add(self, line: dict[str, Any]) -> None:
        """Adds a line of the history as `train/loss`, `train/rate`, `validation/loss`, `validation/accuracy`."""
        values = [
            Summary.Value(tag=f"{line['kind']}/{tag}", simple_value=line[tag])
            for tag in TAGS
            if line.get(tag) is not None
        ]
        self._write(Event(wall_time=line.get("time", 0.0), step=line["step"], summary=Summary(value=values)))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _write(self, event: Event) -> None:
        write_record(self._file, event.SerializeToString())
        self._file.flush()
