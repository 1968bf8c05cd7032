"""The training sessions of a member: when, where, how they ended, and what came between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Session:
    """One attempt at a stage.

    Attributes:
        stage: 1-based.
        start: when it began; None where that was never written.
        end: when it ended; None where it was killed.
        reason: why it ended.
        step: step it went on from, counted from stage 1; None where unknown.
        replayed: steps that an earlier session had done already [steps].
        host: machine; None where unknown.
        waited: hours since the member's session before: in the queue, or until someone ran it again; None for the
            first one and after a kill.
        peak_mb: largest resident memory [MB]; None where unknown.
        device: kind of device it computed on; None where unknown.
    """

    stage: int
    start: datetime | None
    end: datetime | None
    reason: str
    step: int | None
    replayed: int
    host: str | None
    waited: float | None
    peak_mb: int | None
    device: str | None = None

    @property
    def hours(self) -> float:
        """Length [h]; 0 where the end is unknown."""
        return (self.end - self.start).total_seconds() / 3600 if self.start and self.end else 0.0


def read_sessions(manifests: Sequence[Mapping[str, Any]]) -> list[Session]:
    """Sessions of all stages, in order, from the stages' manifests."""
    found: list[Session] = []
    for stage, manifest in enumerate(manifests, 1):
        for one in manifest.get("sessions") or []:
            start, end = _time(one.get("start")), _time(one.get("end"))
            before = found[-1].end if found else None
            waited = max(0.0, (start - before).total_seconds() / 3600) if start and before else None
            reason, replayed = one.get("reason") or "unknown", one.get("steps_replayed") or 0
            device = (one.get("device_kind") or {}).get("name")
            place = (one.get("host"), waited, one.get("peak_mb"), device)
            found.append(Session(stage, start, end, reason, one.get("step"), replayed, *place))
    return found


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
