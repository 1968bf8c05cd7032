"""bkill, bstop, bresume."""

import os
import signal
from typing import Any

from fakelsf.cluster import Cluster
from fakelsf.show import FINISHED, chosen, options_of
from fakelsf.supervisor import session


def bkill(cluster: Cluster, arguments: list[str]) -> int:
    """Asks for the end of jobs; -r gives up on the processes and forgets them."""
    options, numbers = options_of([one for one in arguments if one != "0"], {"J", "g", "s", "u"}, {"r"})
    code = 0
    for job in chosen(cluster, options, numbers, ("everywhere",)):
        if job["stat"] in FINISHED and job["shown"] != "ZOMBI":
            print(f"Job <{job['id']}>: Job has already finished")
            code = 255
        elif "r" in options:
            cluster.update(job["id"], kill="TERM_FORCE_OWNER", shown=None)
            print(f"Job <{job['id']}> is being terminated")
        else:
            shown = "ZOMBI" if job["shown"] == "UNKWN" else job["shown"]
            cluster.update(job["id"], kill=job["kill"] or "TERM_OWNER", shown=shown)
            print(f"Job <{job['id']}> is being terminated")
    return code


def bstop(cluster: Cluster, arguments: list[str]) -> int:
    """Suspends: PEND to PSUSP, RUN to USUSP (`-s system`: SSUSP, as an overloaded host would)."""
    options, numbers = options_of(arguments, {"J", "g", "s"}, set())
    for job in chosen(cluster, options, numbers, ("everywhere",)):
        with cluster.locked():
            job = cluster.job(job["id"]) or job
            if job["stat"] == "PEND":
                change: dict[str, Any] = {"stat": "PSUSP", "held": True}
            elif job["stat"] == "RUN":
                change = {"stat": "SSUSP" if options.get("s") == "system" else "USUSP"}
                signal_session(job["pid"], signal.SIGSTOP)
            else:
                continue
            cluster.write_job({**job, **change})
        print(f"Job <{job['id']}> is being stopped")
    return 0


def bresume(cluster: Cluster, arguments: list[str]) -> int:
    """The other way round."""
    options, numbers = options_of(arguments, {"J", "g"}, set())
    for job in chosen(cluster, options, numbers, ("everywhere",)):
        with cluster.locked():
            job = cluster.job(job["id"]) or job
            if job["stat"] == "PSUSP":
                change: dict[str, Any] = {"stat": "PEND", "held": False}
            elif job["stat"] in ("USUSP", "SSUSP"):
                change = {"stat": "RUN"}
                signal_session(job["pid"], signal.SIGCONT)
            else:
                continue
            cluster.write_job({**job, **change})
        print(f"Job <{job['id']}> is being resumed")
    return 0


def signal_session(leader: int, number: int) -> None:
    """Sends a signal to every process of a session."""
    for name in os.listdir("/proc"):
        if name.isdigit() and session(int(name)) == leader:
            try:
                os.kill(int(name), number)
            except ProcessLookupError:
                continue
