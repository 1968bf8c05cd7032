"""bsub and bgadd.

The words of refusals are those of LSF's table of messages (the published source of Platform Lava) where it has one;
those marked OURS are made up, because no page of IBM's gives them.
"""

import os
import sys
from typing import Any

from fakelsf.cluster import Cluster
from fakelsf.resources import RefusedError, check_request, minutes

WITH_VALUE = {
    "J",
    "o",
    "e",
    "P",
    "q",
    "W",
    "n",
    "R",
    "M",
    "gpu",
    "cwd",
    "g",
    "wa",
    "wt",
    "env",
    "G",
    "app",
    "sla",
    "sp",
}
LONGEST = 4094  # characters of a command, a job name or a path, as IBM documents
WITHOUT_VALUE = {"rn", "r", "x", "N", "B"}


def parse(arguments: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Options (-R as a list) and the command."""
    options: dict[str, Any] = {"R": []}
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        name = rest.pop(0)[1:]
        if name in WITHOUT_VALUE:
            options[name] = True
        elif name in WITH_VALUE and rest:
            value = rest.pop(0)
            if name == "R":
                options["R"].append(value)
            elif name in options:
                raise RefusedError(f"-{name}: given twice. Job not submitted.")  # OURS
            else:
                options[name] = value
        else:
            raise RefusedError(f"-{name}: Bad option or no value. Job not submitted.")  # OURS
    if not rest:
        raise RefusedError("Empty job. Job not submitted.")
    return options, rest


def bsub(cluster: Cluster, arguments: list[str]) -> int:
    """Submits a job; everything that LSF checks at once is checked here."""
    config = cluster.config
    if config["banner"]:
        print(config["banner"], file=sys.stderr)
    options, command = parse(arguments)
    if len(" ".join(command)) > LONGEST:
        raise RefusedError(f"The command is longer than {LONGEST} characters. Job not submitted.")  # OURS
    queue = options.get("q", config["default_queue"])
    if queue not in config["queues"]:
        raise RefusedError(f"{queue}: No such queue. Job not submitted.")
    if queue in config["closed"]:
        raise RefusedError(f"{queue}: Queue has been closed. Job not submitted.")
    run_limit = minutes(options["W"], "RUNLIMIT") if "W" in options else config["queues"][queue]
    if run_limit > config["queues"][queue]:
        raise RefusedError("RUNLIMIT: Cannot exceed queue's hard limit(s). Job not submitted.")
    warning = check_warning(options, run_limit)
    slots = options.get("n", "1").split(",")[0]
    if not slots.isdigit() or int(slots) == 0:
        raise RefusedError(f"{slots}: Bad processor specification. Job not submitted.")  # OURS
    if "g" in options and not options["g"].startswith("/"):
        raise RefusedError(f"{options['g']}: Bad/empty job group name. Job not submitted.")
    if len(options.get("J", "")) > LONGEST:
        raise RefusedError("Bad job name. Job not submitted.")
    for flag in ("o", "e", "cwd"):
        if len(options.get(flag, "")) > LONGEST:
            raise RefusedError(f"-{flag}: The path is longer than {LONGEST} characters. Job not submitted.")  # OURS
    request = check_request(options, config)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LSB_")}
    job = {
        "name": options.get("J", command[0]), "user": os.environ.get("USER", "user"), "queue": queue,
        "group": options.get("g"), "command": " ".join(command), "options": options, "request": request,
        "slots": int(slots), "run_limit": run_limit, "warning": warning,
        "cwd": options.get("cwd", os.getcwd()), "env": environment,
        "stat": "PEND", "held": False, "shown": None, "forgotten": None, "mistaken": False, "submitted": cluster.now(),
        "started": None, "ended": None, "exit_code": None, "reason": None, "pid": None, "kill": None,
    }  # fmt: skip
    number = start_supervisor(cluster, job)
    kind = "is submitted to queue" if "q" in options else "is submitted to default queue"
    print(f"Job <{number}> {kind} <{queue}>.")
    return 0


def check_warning(options: dict[str, Any], run_limit: int) -> dict[str, Any] | None:
    """-wa and -wt belong together, and the warning comes within the run limit."""
    if ("wa" in options) != ("wt" in options):
        raise RefusedError("-wa and -wt must be used together. Job not submitted.")  # OURS
    if "wa" not in options:
        return None
    ahead = minutes(options["wt"], "warning time")
    if ahead >= run_limit:
        raise RefusedError("-wt: warning time must be less than the run limit. Job not submitted.")  # OURS
    return {"signal": options["wa"], "ahead": ahead}


def start_supervisor(cluster: Cluster, job: dict[str, Any]) -> int:
    """A detached process takes the job, dispatches and watches it, as LSF's daemons do; gives the job's number.

    Whatever becomes of bsub, the job is taken whole or not at all.
    """
    reader, writer = os.pipe()
    if not os.fork():
        os.setsid()
        number = cluster.add_job(job)
        os.write(writer, str(number).encode())
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        # Whoever waits for the end of bsub's output must not wait for the job: no inherited descriptor stays open.
        os.closerange(3, 256)
        os.execv(sys.executable, [sys.executable, "-s", "-S", "-m", "fakelsf.supervisor", str(number)])
    os.close(writer)
    return int(os.read(reader, 20))


def bgadd(cluster: Cluster, arguments: list[str]) -> int:
    """`bgadd [-L limit] /group`."""
    *options, group = arguments
    if options and (options[0] != "-L" or not options[1].isdigit()):
        raise RefusedError("Usage: bgadd [-L limit] job_group_name")
    if not cluster.add_group(group, int(options[1]) if options else None):
        raise RefusedError(f"{group}: Job group already exists")
    print(f"Job group <{group}> was added.")
    return 0
