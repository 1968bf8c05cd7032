"""How far a stage of a member is, read from what its trainers leave: result, ledger, outcome, live history."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gesture.base.errors import FailedForGoodError, StoppedEarlyError
from gesture.base.files import read_manifest
from gesture.base.lease import holder
from gesture.config.digests import stage_digest
from gesture.config.layout import LEDGER, OUTCOME
from gesture.config.members import Member
from gesture.config.settings import Experiment
from gesture.train.ledger import live_history, sessions

State = Literal["waiting", "running", "stopped", "failed", "done", "outdated"]


@dataclass(frozen=True)
class StageStatus:
    """One stage of one member.

    Attributes:
        member: its name.
        stage: 1-based.
        state: `waiting` = never started; `running` = its lease is held; `stopped` = the next session goes on from a
            checkpoint; `failed` = the last session ended in an error; `done`; `outdated` = done with other settings.
        fraction: part of its steps that are done and saved or being done, 0 to 1.
        sessions: batch jobs used so far.
        hours: length of those that wrote an end [h].
        replayed: steps that were done twice [steps].
        seconds_left: at the pace of its last sessions; None where that is not known [s].
        error: why the last session failed; empty if it did not.
        device: kind of device that the last session computed on; empty where it is not known.
        exactness: that the result is not byte-exact, and why; empty where it is.
    """

    member: str
    stage: int
    state: State
    fraction: float = 0.0
    sessions: int = 0
    hours: float = 0.0
    replayed: int = 0
    seconds_left: float | None = None
    error: str = ""
    device: str = ""
    exactness: str = ""


def stage_status(experiment: Experiment, member: Member, stage: int, live: Path, manifest: Path) -> StageStatus:
    """A stage, by what its trainers left.

    Args:
        experiment: resolved settings.
        member: whose stage.
        stage: 1-based.
        live: folder of its checkpoints.
        manifest: of its result.
    """
    past = sessions(live / LEDGER)
    common: dict[str, Any] = {
        "member": member.name,
        "stage": stage,
        "sessions": len(past),
        "hours": sum(one.get("seconds") or 0.0 for one in past) / 3600,
        "replayed": sum(one.get("steps_replayed") or 0 for one in past),
        "device": (past[-1].get("device_kind") or {}).get("name", "") if past else "",
        "exactness": (past[-1].get("exactness") or "") if past else "",
    }
    held = holder(live)
    if manifest.exists() and held is None:
        made = read_manifest(manifest, "train")
        same = made.get("settings_digest") == stage_digest(experiment, member, stage)
        return StageStatus(state="done" if same else "outdated", fraction=1.0, **common)
    outcome = read_manifest(live / OUTCOME, "train") if (live / OUTCOME).exists() else {}
    ended_in_error = outcome.get("exit_code") not in (None, 0, StoppedEarlyError.exit_code)
    state: State = "running" if held else "failed" if ended_in_error else "stopped" if past else "waiting"
    fraction, seconds_left = _progress(live, past) if past else (0.0, None)
    error = ""
    if state == "failed":
        again = " (will not be tried again)" if outcome["exit_code"] == FailedForGoodError.exit_code else ""
        error = f"{outcome.get('message') or 'no message'}{again}"
    return StageStatus(state=state, fraction=fraction, seconds_left=seconds_left, error=error, **common)


def _progress(live: Path, past: list[dict[str, Any]]) -> tuple[float, float | None]:
    """Part done, and the time left at the pace of the last session that measured one [s]."""
    first, last = past[-1]["first"], past[-1]["last"]
    steps = [line["step"] for line in live_history(live)]
    done = max([past[-1]["step"], *steps]) - first
    fraction = done / (last - first) if last > first else 1.0
    measured = [one for one in past if one.get("steps") and one.get("seconds")]
    if not measured:
        return fraction, None
    pace = measured[-1]["seconds"] / measured[-1]["steps"]
    return fraction, (last - first - done) * pace
