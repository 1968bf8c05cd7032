"""What the commands take and print."""

import os
import sys
import time
from collections.abc import Callable

from fakelsf import control, info, show, submit
from fakelsf.cluster import Cluster
from fakelsf.resources import RefusedError

COMMANDS: dict[str, Callable[[Cluster, list[str]], int]] = {
    "bsub": submit.bsub,
    "bgadd": submit.bgadd,
    "bjobs": show.bjobs,
    "bhist": show.bhist,
    "bkill": control.bkill,
    "bstop": control.bstop,
    "bresume": control.bresume,
    "badmin": info.badmin,
    "lsclusters": info.lsclusters,
    "bhosts": info.bhosts,
    "lshosts": info.lshosts,
    "bqueues": info.bqueues,
}


def main(name: str, arguments: list[str]) -> int:
    """Runs a command, unless a fault prevents it."""
    if "FAKE_LSF" not in os.environ:
        print(f"{name}: FAKE_LSF does not name the folder of a fake cluster", file=sys.stderr)
        return 1
    cluster = Cluster.from_environment()
    cluster.note_call(name, arguments)
    fault = cluster.fault_of(name) or {}
    if fault.get("empty"):
        return 0
    if fault.get("refuse"):
        print("Request aborted by esub. Job not submitted.", file=sys.stderr)
        return 255
    time.sleep(fault.get("slow", 0))
    if fault and not fault.get("after") and not fault.get("slow"):
        print("LSF is down. Please wait ...\nbatch system daemon not responding", file=sys.stderr)
        return 255
    try:
        code = COMMANDS[name](cluster, arguments)
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)
        return 255
    return 255 if fault.get("after") else code
