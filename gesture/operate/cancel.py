"""The live jobs of an experiment: of every scheduler, and as processes of this machine."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from gesture.base.lease import holder, is_here
from gesture.config.layout import Layout
from gesture.schedulers import SCHEDULERS
from gesture.schedulers.ask import Ask
from gesture.schedulers.scheduler import Job


def queued(folder: Path, experiment: str, ask: Ask) -> list[Job]:
    """The jobs that any scheduler knows."""
    return [job for scheduler in SCHEDULERS.values() for job in scheduler.jobs(folder, experiment, ask)]


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
