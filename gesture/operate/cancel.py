"""The live jobs of an experiment: on LSF, on Slurm, and as processes of this machine."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gesture.base.errors import GestureError
from gesture.base.files import read_manifest
from gesture.base.lease import holder, is_here
from gesture.config.layout import CHECKPOINTS, LOGS, RESULTS, Layout
from gesture.schedulers.ask import Ask


@dataclass(frozen=True)
class Job:
    """Something that computes for an experiment.

    Attributes:
        name: for people, such as `Slurm job 17`.
        what: rule and member, as far as known.
        end: command that ends it.
    """

    name: str
    what: str
    end: tuple[str, ...]


def belongs(paths: list[str], experiment: str) -> bool:
    """True if one of these paths is the experiment's own; records and raw files are shared."""
    folders = [f"/{folder}/{experiment}/" for folder in (RESULTS, CHECKPOINTS, LOGS)]
    return any(folder in f"/{path}".replace("//", "/") for path in paths for folder in folders)


def lsf_jobs(folder: Path, experiment: str, note: Callable[[str], None] = print) -> list[Job]:
    """By the records that the executor keeps of jobs it has submitted and not yet taken the result of.

    Args:
        folder: working directory of the workflow.
        experiment: its name.
        note: is told of records that are damaged, and passed over.
    """
    found = []
    for path in sorted(folder.glob(".snakemake/lsf-steady/jobs/*.json")):
        try:
            record = read_manifest(path, "cancel", rule=str, wildcards=dict, outputs=list)
            outputs = [str(one) for one in (*record["outputs"], record.get("outcome") or "")]
        except (GestureError, OSError):
            if path.exists():  # else its head has just taken the result
                note(f"note: {path}: empty or damaged, and passed over; whether its job lives: bjobs -w")
            continue
        if not record.get("name") or not belongs(outputs, experiment):
            continue
        what = " ".join([record["rule"], *map(str, record["wildcards"].values())])
        number = record.get("job_id")
        # One whose number was never learned still has its name.
        end = ("bkill", str(number)) if number else ("bkill", "-J", record["name"], "0")
        found.append(Job(f"LSF job {number or record['name']}", what, end))
    return found


def slurm_jobs(folder: Path, experiment: str, ask: Ask) -> list[Job]:
    """By what Slurm says of this user's jobs: the executor's comment, and a script that names the resolved settings."""
    lines = (ask("squeue", "--me", "--noheader", "--format=%i|%k") or "").splitlines()
    settings = f"{Layout(experiment, folder.resolve()).results.settings}/"
    found = []
    for number, _, comment in (line.partition("|") for line in lines):
        if comment.startswith("rule_") and settings in (ask("scontrol", "write", "batch_script", number, "-") or ""):
            what = comment.removeprefix("rule_").replace("_wildcards_", " ")
            found.append(Job(f"Slurm job {number}", what, ("scancel", number)))
    return found


def end(job: Job) -> tuple[Literal["ended", "gone", "refused"], str]:
    """Ends a job.

    Returns:
        What became of it, `gone` if it had ended before, and what the scheduler said.
    """
    try:
        done = subprocess.run(job.end, capture_output=True, text=True, check=False)
    except OSError as error:
        return "refused", f"{job.end[0]}: {error.strerror}"
    said = " ".join((done.stderr + done.stdout).split())
    gone = re.search(r"already finished|not found|no matching job|invalid job id|already completing", said, flags=re.I)
    return ("gone" if gone else "ended" if done.returncode == 0 else "refused"), said


def trainers(folder: Path, experiment: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Stage (`member stage2`) and lease of every trainer that holds one."""
    for stage in sorted(Layout(experiment, folder).checkpoints.glob("*/stage*")):
        held = holder(stage)
        if held:
            yield f"{stage.parent.name} {stage.name}", held


def is_ours(held: dict[str, Any]) -> bool:
    """True if the lease's process can be seen from here, runs outside of a scheduler, and is a trainer."""
    if held["job"] or not is_here(held):
        return False
    try:
        return b"\0train\0" in Path(f"/proc/{held['pid']}/cmdline").read_bytes()
    except OSError:
        return False


def heads(folder: Path) -> list[int]:
    """Snakemake processes of this machine that were started in a folder and give out jobs."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if (process / "cwd").resolve() != folder.resolve() or int(process.name) == os.getpid():
                continue
        except OSError:
            continue
        is_head = any(Path(os.fsdecode(word)).name == "snakemake" for word in words[:4]) and b"--mode" not in words
        found += [int(process.name)] if is_head else []
    return sorted(found)


def stop_trainer(pid: int) -> None:
    """Asks a trainer to save and end."""
    with suppress(ProcessLookupError):  # it just has
        os.kill(pid, signal.SIGTERM)
