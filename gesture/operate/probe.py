"""A job of a few minutes that looks at a compute node with the same checks."""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gesture.config.layout import LOGS
from gesture.schedulers.finding import Finding, ok, problem, warning
from gesture.schedulers.profile import scheduler_of
from gesture.schedulers.scheduler import Request

# It imports TensorFlow from a file system that may be cold, makes one training step on the GPU, and ends [min; MB].
MINUTES, MEMORY_MB = 10, 8000
ROOT = Path(__file__).parents[2]


def node_command(profile: str, answer: Path) -> str:
    """The shell line of the job: this checkout's doctor by this Python, its findings as JSON in ``answer``."""
    partial = answer.with_suffix(".partial")
    words = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-P", "-m", "gesture.cli", "doctor"]
    words += ["--profile", profile, "--node", "--json", "--directory", str(answer.parent)]
    return (
        f"{shlex.join(words)} > {shlex.quote(str(partial))}; mv {shlex.quote(str(partial))} {shlex.quote(str(answer))}"
    )


def findings(
    request: Request, profile: str, folder: Path, patience: float, sleep: Callable[[float], None] = time.sleep
) -> list[Finding]:
    """Submits the job, waits for it, and gives what it found.

    Args:
        request: what the profile asks for.
        profile: its name or folder, for the job.
        folder: working directory, which the node must see.
        patience: how long to wait for the job [s]; it is cancelled then.
        sleep: waits [s].
    """
    folder = folder.absolute()
    answer, log = folder / f".doctor-{time.time_ns()}.json", folder / LOGS / "doctor-probe.log"
    log.parent.mkdir(exist_ok=True)
    scheduler = scheduler_of(request.executor)
    line = scheduler.submission(request, MINUTES, MEMORY_MB, node_command(profile, answer), log)
    done = subprocess.run(line, capture_output=True, text=True, cwd=folder, check=False)
    number = scheduler.job_number(done.stdout)
    if done.returncode or number is None:
        said = " ".join((done.stderr + done.stdout).split())
        return [problem("probe", f"{line[0]}: {said}", "training jobs would be refused too", "change the profile")]
    end = time.monotonic() + patience
    while not answer.exists() and time.monotonic() < end:
        sleep(1.0)
    if not answer.exists():
        subprocess.run(scheduler.cancel(number), capture_output=True, check=False)
        return [
            warning(
                "probe",
                f"job {number} had not answered after {patience / 60:g} min and was cancelled; its log: {log}",
                "nothing is known of the compute nodes",
                "wait longer (--probe-wait), or look at the log",
            )
        ]
    return [ok("probe", f"job {number} has run"), *_read(answer, log)]


def _read(answer: Path, log: Path) -> list[Finding]:
    text = answer.read_text(encoding="utf-8")
    answer.unlink()
    try:
        found = [Finding(**one) for one in json.loads(text)]
    except (json.JSONDecodeError, TypeError):
        return [
            problem(
                "probe",
                f"the node cannot run gesture; see {log}",
                "no job would run",
                "put the environment and the clone on a file system that the nodes see",
            )
        ]
    return [Finding(f"node: {one.check}", one.level, one.what, one.why, one.todo) for one in found]
