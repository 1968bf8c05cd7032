"""Stands for a trainer: begins, waits to be let go, writes its output; misbehaves when a file tells it to."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

name, output, outcome = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])


def once(what: str) -> bool:
    """True the first time."""
    try:
        Path(f"{what}-{name}").unlink()
    except FileNotFoundError:
        return False
    return True


def say(code: int, message: str) -> None:
    """Writes how it ends, as the real trainer does."""
    outcome.parent.mkdir(exist_ok=True)
    aside = outcome.with_suffix(".tmp")
    who = {"job_id": os.environ["LSB_JOBID"], "job_name": os.environ["LSB_JOBNAME"], "host": os.environ["LSB_HOSTS"]}
    aside.write_text(json.dumps({"exit_code": code, "message": message, **who}))
    aside.replace(outcome)


def save_and_stop(number: int, frame: FrameType | None) -> None:
    """What the real trainer does at its walltime."""
    say(75, "saved")
    os._exit(75)


signal.signal(signal.SIGUSR2, save_and_stop)
count = 1
while True:
    try:
        Path(f"begun-{name}-{count}").touch(exist_ok=False)
        break
    except FileExistsError:
        count += 1
output.parent.mkdir(exist_ok=True)
output.write_text("half")
while not Path(f"go-{name}").exists():
    if once("fail"):
        print("something went wrong in step 12", flush=True)
        sys.exit(3)
    if once("refuse"):
        say(76, "loss is nan at step 12; lower the learning rate")
        sys.exit(76)
    if once("move"):
        say(71, "no usable GPU here: CUDA_ERROR_NO_DEVICE")
        sys.exit(71)
    time.sleep(0.05)
output.write_text(f"whole {name}\n")
say(0, "done")
