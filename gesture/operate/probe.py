"""A job of a few minutes that looks at a compute node with the same checks."""

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gesture.config.layout import LOGS
from gesture.schedulers.finding import Finding, ok, problem, warning
from gesture.schedulers.profile import Request

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


def submit_command(request: Request, command: str, log: Path) -> list[str]:
    """The scheduler's line for it: as for the training job, but few minutes and little memory."""
    if request.scheduler == "slurm":
        line = [
            "sbatch",
            "--parsable",
            f"--time={MINUTES}",
            f"--mem={MEMORY_MB}",
            "--job-name=gesture_doctor",
            f"--output={log}",
        ]
        line += [f"--partition={request.queue}"] if request.queue else []
        line += [f"--account={request.account}"] if request.account else []
        model = f"{request.gpu_model}:" if request.gpu_model else ""
        line += [f"--gres=gpu:{model}{request.gpus}"] if request.gpus else []
        return [*line, *shlex.split(request.extra), f"--wrap={command}"]
    unit = "" if request.unit == "none" else "MB"
    line = [
        "bsub",
        "-J",
        "gesture_doctor",
        "-W",
        f"0:{MINUTES:02d}",
        "-n",
        "1",
        "-R",
        f"rusage[mem={MEMORY_MB}{unit}]",
        "-o",
        str(log),
    ]
    line += ["-q", request.queue] if request.queue else []
    line += ["-P", request.account] if request.account else []
    return [*line, *_lsf_gpu(request), *shlex.split(request.extra), command]


def _lsf_gpu(request: Request) -> list[str]:
    """The GPU in the site's dialect; nothing where the profile's own options ask for it."""
    if not request.gpus or re.search(r"-gpu |ngpus", request.extra):
        return []
    if request.gpu_dialect == "gpu-option":
        model = f":gmodel={request.gpu_model}" if request.gpu_model else ""
        return ["-gpu", f"num={request.gpus}:mode=exclusive_process{model}"]
    strings = [f"rusage[ngpus_excl_p={request.gpus}]"]
    strings += [f"select[gpu_model0=={request.gpu_model}]"] if request.gpu_model else []
    return [word for text in strings for word in ("-R", text)]


def job_number(printed: str) -> str | None:
    """What sbatch or bsub called the job."""
    match = re.search(r"Job <(\d+)>|^(\d+)", printed, flags=re.M)
    return (match[1] or match[2]) if match else None


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
    line = submit_command(request, node_command(profile, answer), log)
    done = subprocess.run(line, capture_output=True, text=True, cwd=folder, check=False)
    number = job_number(done.stdout)
    if done.returncode or number is None:
        said = " ".join((done.stderr + done.stdout).split())
        return [problem("probe", f"{line[0]}: {said}", "training jobs would be refused too", "change the profile")]
    end = time.monotonic() + patience
    while not answer.exists() and time.monotonic() < end:
        sleep(1.0)
    if not answer.exists():
        subprocess.run(
            ["scancel" if request.scheduler == "slurm" else "bkill", number], capture_output=True, check=False
        )
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
