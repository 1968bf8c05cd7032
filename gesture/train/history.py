"""Losses and accuracies by step, one JSON object a line, and the same as TensorBoard events.

`history.jsonl` of a result, and `history-<token>.jsonl` beside the checkpoints, have

* `{"kind": "train", "time", "loss", "steps", "stage", "step", "epoch", "rate"}`: mean loss of the ``steps`` steps up to
  ``step`` and the rate of the last of them; with `training.precision: float16` also `loss_scale` and `skipped`, all
  steps so far whose gradients overflowed;
* `{"kind": "validation", "time", "stage", "step", "epoch", "loss", "accuracy"}` at the end of an epoch.

``step`` counts finished steps from stage 1; ``time`` is in seconds since 1970. Every session writes a file of its own
lease's token, beginning with what it goes on from: one that was overtaken adds nothing to the file that is read.
"""

import json
import time
from pathlib import Path
from typing import Any

from gesture.base.files import append_line, write_text
from gesture.base.lease import Lease
from gesture.train.events import Events
from gesture.train.ledger import LIVE_HISTORY, live_history


class History:
    """Losses and accuracies of a stage, kept beside its checkpoints."""

    def __init__(self, live: Path, step: int, lease: Lease) -> None:
        """Forgets what came after the step that a session goes on from.

        Args:
            live: folder of the checkpoints; TensorBoard's files go into its folder `events`.
            step: of the checkpoint.
            lease: held by this process; its token names the files.

        Raises:
            HeldByAnotherError: another writer has taken over.
        """
        lease.require()
        self.path = live / f"history-{lease.token:06d}.jsonl"
        self._lease = lease
        self.lines = [one for one in live_history(live) if one["step"] <= step]
        write_text(self.path, "".join(json.dumps(one) + "\n" for one in self.lines))
        for earlier in live.glob(LIVE_HISTORY):
            if earlier.name < self.path.name:
                earlier.unlink(missing_ok=True)
        self._events = Events(live / "events", lease.token)
        for one in self.lines:
            self._events.add(one)

    def append(self, **entry: Any) -> None:
        """Adds one line; ``step`` counts finished steps from stage 1.

        Raises:
            HeldByAnotherError: another writer has taken over; the history is its.
        """
        self._lease.require()
        line = {"time": round(time.time(), 3), **entry}
        self.lines.append(line)
        append_line(self.path, json.dumps(line))
        self._events.add(line)

    def is_best(self, accuracy: float, loss: float) -> bool:
        """True if no validation so far had a higher accuracy, or the same and a lower loss."""
        earlier = [(one["accuracy"], -one["loss"]) for one in self.lines if one["kind"] == "validation"]
        return (accuracy, -loss) > max(earlier, default=(-1.0, 0.0))

    def close(self) -> None:
        """Closes the event file."""
        self._events.close()
