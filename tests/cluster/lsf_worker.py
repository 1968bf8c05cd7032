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


def save_and_stop(number: int, frame: FrameType | None) -> None:
    """What the real trainer does at its walltime."""
    outcome.parent.mkdir(exist_ok=True)
    aside = outcome.with_suffix(".tmp")
    aside.write_text(json.dumps({"exit_code": 75, "message": "saved", "job_id": os.environ["LSB_JOBID"]}))
    aside.replace(outcome)
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
    time.sleep(0.05)
output.write_text(f"whole {name}\n")
