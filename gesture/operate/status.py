"""Where every job of an experiment stands: read from results, leases, ledgers, notes, and the schedulers' lists.

Nothing is asked that costs others something: LSF's jobs are known by the executor's records, Slurm's by one `squeue`.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from gesture.base.disk import refusal
from gesture.base.errors import GestureError, StoppedEarlyError
from gesture.base.lease import holder, is_gone, is_here, silence, who
from gesture.base.text import aligned, clock, few
from gesture.config.digests import average_digest, evaluate_digest, report_digest
from gesture.config.layout import HISTORY, MANIFEST, METRICS, WEIGHTS
from gesture.config.settings import Experiment, load
from gesture.operate import note
from gesture.operate.cancel import heads, queued
from gesture.operate.chain import ChainJob, chain
from gesture.operate.stages import StageStatus, stage_status
from gesture.schedulers.ask import Ask
from gesture.schedulers.scheduler import Job
from gesture.steps import recipe

# `stopped`: the next session goes on from a checkpoint. `outdated`: done, but the next run does it again.
State = Literal["done", "running", "waiting", "stopped", "failed", "outdated"]
STATES: tuple[State, ...] = ("done", "running", "waiting", "stopped", "failed", "outdated")
SCHEMA = 1
LOG_LINES = 5
BAR = 20
# A program elsewhere that gave no sign of life for so long is still named, with a remark [s].
SILENT = 120.0
# Settings that a step's result depends on beside its inputs; those of the steps before are in names or manifests.
_SLICES = {"evaluate": evaluate_digest, "average": average_digest, "report": report_digest}
# Which files of the job before are read, where that is not all of them.
_READ = {"train": {WEIGHTS}, "average": {METRICS}}


@dataclass(frozen=True)
class JobStatus:
    """One job of the workflow.

    Attributes:
        job: which.
        state: where it stands.
        reason: why it failed, waits or is outdated, or who runs it; empty if done.
        tail: last lines of the log of one that failed.
        stage: how far a training stage is; None for other steps.
    """

    job: ChainJob
    state: State
    reason: str = ""
    tail: tuple[str, ...] = ()
    stage: StageStatus | None = None


@dataclass(frozen=True)
class Status:
    """An experiment.

    Attributes:
        experiment: its name.
        heads: Snakemake processes of this machine that were started in the working directory.
        jobs: all of them, each after those that it needs.
    """

    experiment: str
    heads: tuple[int, ...]
    jobs: tuple[JobStatus, ...]

    def count(self, state: State) -> int:
        """How many jobs are in a state."""
        return sum(one.state == state for one in self.jobs)

    @property
    def state(self) -> State:
        """Of all jobs: `failed` if one is, else `running` if one is, `done` if all are."""
        order: tuple[State, ...] = ("failed", "running", "stopped", "outdated", "waiting", "done")
        return next(state for state in order if self.count(state))


def status(experiment: Experiment, root: Path, ask: Ask) -> Status:
    """All jobs in run order.

    Args:
        experiment: resolved settings.
        root: working directory of the workflow.
        ask: runs a command of a scheduler.
    """
    listed = {_plain(one.what): one for one in queued(root, experiment.experiment, ask)}
    found: dict[str, JobStatus] = {}
    for job in chain(experiment, root):
        before = [found[key] for key in job.after]
        try:
            found[job.key] = _status(experiment, job, before, listed, root)
        except GestureError as error:  # a damaged file is the news, and hides nothing else
            found[job.key] = JobStatus(job, "failed", str(error))
        except OSError as error:
            found[job.key] = JobStatus(job, "failed", str(refusal(error, job.folder)))
    return Status(experiment.experiment, tuple(heads(root)), tuple(found.values()))


def _status(
    experiment: Experiment, job: ChainJob, before: list[JobStatus], listed: Mapping[str, Job], root: Path
) -> JobStatus:
    noted, queue = note.read(job.log), listed.get(_plain(job.key))
    stage = _stage(experiment, job)
    held = holder(job.live or job.folder) if job.step in ("download", "convert", "train") else None
    if held:
        return JobStatus(job, "running", _words(held, job.live or job.folder), stage=stage)
    if noted and noted.get("exit_code") is None and _lives(noted, listed):
        return JobStatus(job, "running", who(noted), stage=stage)
    missing = [path for path in job.files if not path.exists()]
    if not missing:
        return _made(experiment, job, before, noted, stage, root)
    error = _error(job, noted, stage)
    if error:
        return JobStatus(job, "failed", error, tuple(_tail(job.log)), stage)
    if stage is not None and stage.state == "stopped":
        return JobStatus(job, "stopped", _waits_for(before) or _queued(queue), stage=stage)
    return JobStatus(job, "waiting", _waits_for(before) or _queued(queue) or "can start", stage=stage)


def _stage(experiment: Experiment, job: ChainJob) -> StageStatus | None:
    if job.member is None or job.live is None:
        return None
    return stage_status(experiment, job.member, int(job.wildcards[1]), job.live, job.folder / MANIFEST)


def _made(
    experiment: Experiment,
    job: ChainJob,
    before: list[JobStatus],
    noted: dict[str, Any],
    stage: StageStatus | None,
    root: Path,
) -> JobStatus:
    """A job whose files are there: done, if they are still those that the next run would make."""
    why = ""
    again = [one.job for one in before if one.state != "done"]
    if again:
        why = f"{few([one.key for one in again], 2)} {'is' if len(again) == 1 else 'are'} not done"
    elif stage is not None and stage.state == "outdated":
        why = "made with other settings"
    elif _slice_changed(experiment, job, noted, root):
        why = "made with other settings, or by an older version"
    elif newer := _newer(job, before):
        why = f"{newer} is newer"
    return JobStatus(job, "outdated" if why else "done", why, stage=stage)


def _slice_changed(experiment: Experiment, job: ChainJob, noted: dict[str, Any], root: Path) -> bool:
    """Whether the settings that a job was given differ in what counts; False where nothing was noted."""
    if noted and noted.get("recipe") != recipe(job.step):
        return True
    settings = root / str(noted.get("settings") or "")
    if job.step not in _SLICES or not settings.is_file():
        return False
    digest = _SLICES[job.step]
    return digest(_settings(settings)) != digest(experiment)


@lru_cache(maxsize=8)
def _settings(path: Path) -> Experiment:
    """Resolved settings, read once for all jobs that were given them: their file is named after its content."""
    return load(path)


def _newer(job: ChainJob, before: list[JobStatus]) -> Path | None:
    """A file of a step before, other than the shared records, that was written after this job's."""
    if job.step in ("convert", "train"):  # written again with the same content, these change nothing
        return None
    oldest = min(path.stat().st_mtime_ns for path in job.files)
    for one in (two.job for two in before if two.job.step != "convert"):
        names = {HISTORY} if (job.step, one.step) == ("report", "train") else _READ.get(one.step)
        for path in one.files:
            if (names is None or path.name in names) and path.exists() and path.stat().st_mtime_ns > oldest:
                return path
    return None


def _error(job: ChainJob, noted: dict[str, Any], stage: StageStatus | None) -> str:
    """Why the last attempt failed; empty if it did not."""
    if stage is not None and stage.error:
        return stage.error
    code = noted.get("exit_code")
    if not noted or code in (0, StoppedEarlyError.exit_code):
        return ""
    if code is None:
        # A session that was killed goes on; what it was noted with says no more than that.
        ended = "" if stage is not None and stage.sessions else "ended without a word: killed, or its node was lost"
        return f"{ended} ({who(noted)})" if ended else ""
    return str(noted["message"]) or f"exit code {code}"


def _lives(noted: dict[str, Any], listed: Mapping[str, Job]) -> bool:
    """Whether the process of a note that has no end may live, as far as can be told from here."""
    if is_gone(noted):
        return False
    if is_here(noted) or not noted.get("job"):
        return True
    known = any(one.name.split()[-1] == str(noted["job"]) for one in listed.values())
    return known or not any(shutil.which(command) for command in ("squeue", "bjobs"))


def _waits_for(before: list[JobStatus]) -> str:
    """What has to be done first; empty if all is."""
    failed = [one.job.key for one in before if one.state == "failed"]
    if failed:
        return f"{few(failed, 2)} failed"
    open_ones = [one.job.key for one in before if one.state != "done"]
    return f"for {few(open_ones, 2)}" if open_ones else ""


def _queued(job: Job | None) -> str:
    return f"{job.name} is in the queue, or has just begun" if job else ""


def _words(held: dict[str, Any], folder: Path) -> str:
    since = 0.0 if is_here(held) else silence(folder)
    return who(held) + (f", silent for {clock(since)} by this host's clock" if since > SILENT else "")


def _tail(log: Path) -> list[str]:
    if not log.is_file():
        return []
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]


def _plain(key: str) -> str:
    """Rule and wildcards as every scheduler's list has them: Slurm joins them by underscores."""
    return re.sub(r"[\s_]+", " ", key).strip()


def as_json(one: Status, root: Path) -> dict[str, Any]:
    """The status as `docs/status.md` describes it."""
    return {
        "schema": SCHEMA,
        "experiment": one.experiment,
        "directory": str(root.resolve()),
        "state": one.state,
        "heads": list(one.heads),
        "counts": {state: one.count(state) for state in STATES},
        "jobs": [_job_as_json(job) for job in one.jobs],
    }


def _job_as_json(one: JobStatus) -> dict[str, Any]:
    training = None
    if one.stage is not None:
        training = {key: value for key, value in asdict(one.stage).items() if key not in ("state", "error")}
    return {
        "step": one.job.step,
        "job": one.job.key,
        "state": one.state,
        "reason": one.reason or None,
        "log": str(one.job.log),
        "log_exists": one.job.log.exists(),
        "outputs": [str(path) for path in one.job.files],
        "after": list(one.job.after),
        "training": training,
    }


def describe(one: Status) -> str:
    """The jobs as a table, a line each; below it, of what failed, the end of its log."""
    lines = aligned([["job", "state", "", "sessions", "hours", "replayed", "left", "device"], *map(_row, one.jobs)], 3)
    told = [lines[0]]
    for job, line in zip(one.jobs, lines[1:], strict=True):
        shown = line
        if job.reason and job.state == "waiting":
            shown = f"{line}  {job.reason}"
        told.append(shown.rstrip())
        below = [] if job.state == "waiting" else [job.reason]
        below += [job.stage.exactness] if job.stage else []
        below += [f"log: {job.job.log}"] * (job.state == "failed") + [f"  {text}" for text in job.tail]
        told += [f"    {text}" for text in below if text]
    hours = sum(job.stage.hours for job in one.jobs if job.stage)
    counts = ", ".join(f"{one.count(state)} {state}" for state in STATES[1:] if one.count(state))
    head = f"experiment {one.experiment}: {one.count('done')} of {len(one.jobs)} jobs done"
    head += (f", {counts}" if counts else "") + f"; {hours:.2f} hours of training"
    at_work = f"; Snakemake at work: process {', '.join(map(str, one.heads))}" if one.heads else ""
    return "\n".join([head + at_work, *told])


def _row(one: JobStatus) -> list[str]:
    if one.stage is None:
        return [one.job.key, one.state, *[""] * 6]
    stage = one.stage
    left = "" if stage.seconds_left is None or one.state == "failed" else clock(stage.seconds_left)
    figures = [str(stage.sessions), f"{stage.hours:.2f}", str(stage.replayed), left, stage.device]
    return [one.job.key, one.state, _bar(stage.fraction), *figures]


def _bar(fraction: float) -> str:
    return "#" * round(BAR * fraction) + "-" * (BAR - round(BAR * fraction)) + f" {fraction:4.0%}"


def essence(one: Status) -> tuple[Any, ...]:
    """What has to change before a log file is told again: states, reasons and sessions, not figures that move on."""
    return tuple(
        (job.job.key, job.state, re.sub(r", silent for .*", "", job.reason), job.stage.sessions if job.stage else 0)
        for job in one.jobs
    )
