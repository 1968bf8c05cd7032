"""Where every stage of every member stands, read from what the trainers leave: results, ledgers, outcomes, logs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gesture.base.errors import FailedForGoodError, StoppedEarlyError
from gesture.base.files import read_json
from gesture.base.lease import holder, is_here, silence
from gesture.base.text import aligned, clock
from gesture.config.digests import stage_digest
from gesture.config.layout import LEDGER, MANIFEST, OUTCOME, Layout
from gesture.config.members import Member, members
from gesture.config.settings import Experiment
from gesture.train.ledger import live_history, sessions

State = Literal["waiting", "running", "stopped", "failed", "done", "outdated"]
LOG_LINES = 5
BAR = 20
# A trainer elsewhere that gave no sign of life for so long is still named, with a remark [s].
SILENT = 120.0


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
        holder: host, process and job that hold the lease, if any.
        error: why the last session failed, and the last lines of its log.
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
    holder: str = ""
    error: tuple[str, ...] = ()
    device: str = ""
    exactness: str = ""


def status(experiment: Experiment, root: Path) -> Iterator[StageStatus]:
    """All stages in the order of the configuration.

    Args:
        experiment: resolved settings.
        root: working directory of the workflow, with `checkpoints/`, `results/` and `logs/` below.
    """
    for member in members(experiment).values():
        for stage in range(1, member.stages + 1):
            yield _stage(experiment, member, stage, root)


def _stage(experiment: Experiment, member: Member, stage: int, root: Path) -> StageStatus:
    layout = Layout(experiment.experiment, root)
    live, manifest = layout.live(member.name, stage), layout.results.stage(member.name, stage) / MANIFEST
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
        same = read_json(manifest).get("settings_digest") == stage_digest(experiment, member, stage)
        return StageStatus(state="done" if same else "outdated", fraction=1.0, **common)
    outcome = read_json(live / OUTCOME) if (live / OUTCOME).exists() else {}
    ended_in_error = outcome.get("exit_code") not in (None, 0, StoppedEarlyError.exit_code)
    state: State = "running" if held else "failed" if ended_in_error else "stopped" if past else "waiting"
    fraction, seconds_left = _progress(live, past) if past else (0.0, None)
    error: tuple[str, ...] = ()
    if state == "failed":
        again = " (will not be tried again)" if outcome["exit_code"] == FailedForGoodError.exit_code else ""
        log = layout.log("train", member.name, f"stage{stage}")
        error = (f"{outcome['message']}{again}", *_tail(log))
    return StageStatus(
        state=state, fraction=fraction, seconds_left=seconds_left, holder=_words(held, live), error=error, **common
    )


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


def _words(held: dict[str, Any] | None, live: Path) -> str:
    if held is None:
        return ""
    job = f", job {held['job']}" if held.get("job") else ""
    since = 0.0 if is_here(held) else silence(live)
    silent = f", silent for {clock(since)} by this host's clock" if since > SILENT else ""
    return f"process {held['pid']} on {held['host']}{job}{silent}"


def _tail(log: Path) -> list[str]:
    if not log.exists():
        return []
    return [f"{log}: {line}" for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]]


def describe(name: str, stages: list[StageStatus]) -> str:
    """The stages as a table: a line each, what failed below it."""
    rows = [["member", "stage", "", "state", "sessions", "hours", "replayed", "left", "device"]]
    rows += [
        [
            one.member,
            str(one.stage),
            _bar(one.fraction),
            one.state,
            str(one.sessions),
            f"{one.hours:.2f}",
            str(one.replayed),
            "" if one.seconds_left is None or one.state == "failed" else clock(one.seconds_left),
            one.device,
        ]
        for one in stages
    ]
    head, *lines = aligned(rows, left=4)
    told = [head]
    for one, line in zip(stages, lines, strict=True):
        told += [line, *(f"    {text}" for text in (one.holder, one.exactness, *one.error) if text)]
    done = sum(one.state == "done" for one in stages)
    hours = sum(one.hours for one in stages)
    return "\n".join([f"experiment {name}: {done} of {len(stages)} stages done, {hours:.2f} hours used", *told])


def _bar(fraction: float) -> str:
    return "#" * round(BAR * fraction) + "-" * (BAR - round(BAR * fraction)) + f" {fraction:4.0%}"
