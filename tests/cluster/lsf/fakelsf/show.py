"""bjobs and bhist."""

import fnmatch
import re
import sys
from typing import Any

from fakelsf.cluster import Cluster
from fakelsf.resources import RefusedError
from fakelsf.supervisor import LIMITS

FINISHED = ("DONE", "EXIT")


def stat(job: dict[str, Any]) -> str:
    """The state as bjobs shows it."""
    return str(job["shown"] or job["stat"])


def reason(job: dict[str, Any]) -> str:
    """Why it was ended, in LSF's words; empty if it ended by itself."""
    return f"{job['reason']}: {LIMITS[job['reason']]}" if job["reason"] and job["stat"] == "EXIT" else ""


def run_time(job: dict[str, Any]) -> str:
    """How long it has run; needs the clock, so `bjobs` puts `now` into each job."""
    if job["started"] is None:
        return "0 second(s)"
    return f"{(job['ended'] or job['now']) - job['started']:.0f} second(s)"


def pending_reasons(cluster: Cluster, job: dict[str, Any]) -> list[str]:
    """LSF's words for hosts that are left out or full."""
    hosts = [host["name"] for host in cluster.config["hosts"]]
    left_out = [host for host in hosts if host in job["request"]["without"]]
    reasons = [("Job's resource requirements not satisfied", len(left_out)),
               ("Job's requirements for resource reservation not satisfied", len(hosts) - len(left_out))]  # fmt: skip
    told = [f" {words}: {number} host{'s' if number > 1 else ''};" for words, number in reasons if number]
    return told or [" There are no suitable hosts for the job;"]


FIELDS = {
    "jobid": lambda job: str(job["id"]),
    "stat": stat,
    "user": lambda job: job["user"],
    "queue": lambda job: job["queue"],
    "job_name": lambda job: job["name"],
    "exit_code": lambda job: str(job["exit_code"]) if job["stat"] == "EXIT" else "",
    "exit_reason": reason,
    "exec_host": lambda job: (f"{job['slots']}*" if job["slots"] > 1 else "") + (job.get("host") or ""),
    "run_time": run_time,
    "job_group": lambda job: job["group"] or "",
    "pend_reason": lambda job: "waiting for dispatch" if job["stat"] == "PEND" else "",
    "combined_resreq": lambda job: " ".join(f"{k}[{','.join(v)}]" for k, v in job["request"]["merged"].items()),
}


def options_of(arguments: list[str], with_value: set[str], flags: set[str]) -> tuple[dict[str, str], list[int]]:
    """Options and job numbers."""
    options: dict[str, str] = {}
    numbers, rest = [], list(arguments)
    while rest:
        word = rest.pop(0)
        if word.startswith("-") and word[1:] in with_value and rest:
            options[word[1:]] = rest.pop(0)
        elif word.startswith("-") and word[1:] in flags:
            options[word[1:]] = ""
        elif word.isdigit():
            numbers.append(int(word))
        else:
            raise RefusedError(f"{word}: Illegal option or job ID.")
    return options, numbers


def chosen(cluster: Cluster, options: dict[str, str], numbers: list[int], blind: tuple[str, ...]) -> list[Any]:
    """The jobs asked for; complains about those that are not known."""
    known = [job for job in cluster.jobs() if job["forgotten"] not in blind]
    if numbers:
        by_number = {job["id"]: job for job in known}
        for number in numbers:
            if number not in by_number:
                print(f"Job <{number}> is not found", file=sys.stderr)
        return [by_number[number] for number in numbers if number in by_number]
    if "J" in options:
        known = [job for job in known if fnmatch.fnmatchcase(job["name"], options["J"])]
    if "g" in options:
        known = [job for job in known if ((job["group"] or "") + "/").startswith(options["g"].rstrip("/") + "/")]
    return known


def bjobs(cluster: Cluster, arguments: list[str]) -> int:
    """Jobs in the table asked for by -o, or LSF's usual one; -l says what was asked for."""
    options, numbers = options_of(arguments, {"o", "J", "g", "u"}, {"a", "noheader", "w", "l", "p"})
    now, keep = cluster.now(), cluster.config["clean_period"]
    jobs = chosen(cluster, options, numbers, ("bjobs", "everywhere"))
    old = [job for job in jobs if job["stat"] in FINISHED and now - job["ended"] > keep]
    if numbers:
        for job in old:
            print(f"Job <{job['id']}> is not found", file=sys.stderr)
    jobs = [job for job in jobs if job not in old]
    if not numbers and "a" not in options:
        jobs = [job for job in jobs if job["stat"] not in FINISHED]
    if not jobs:
        if not numbers:
            print(f"Job <{options['J']}> is not found" if "J" in options else "No job found", file=sys.stderr)
        return 255
    jobs = [{**job, "now": now} for job in jobs]
    if "p" in options:
        print("JOBID   USER    STAT  QUEUE      FROM_HOST   JOB_NAME   SUBMIT_TIME")
        for job in jobs:
            if job["stat"] == "PEND":
                print(f"{job['id']:<7} {job['user']:<7} PEND  {job['queue']:<10} login1      {job['name'][-10:]:<10} "
                      "Jan  6 10:00")  # fmt: skip
                print("\n".join(pending_reasons(cluster, job)))
        return 0
    if "l" in options:
        for job in jobs:
            print(f"\nJob <{job['id']}>, Job Name <{job['name']}>, User <{job['user']}>, Status <{stat(job)}>, "
                  f"Queue <{job['queue']}>\n RUNLIMIT\n {job['run_limit']}.0 min\n RESOURCE REQUIREMENT DETAILS:\n"
                  f" Combined: {FIELDS['combined_resreq'](job)}")  # fmt: skip
        return 0
    print_table(jobs, options)
    return 0


def print_table(jobs: list[dict[str, Any]], options: dict[str, str]) -> None:
    """One line a job; empty fields are `-`."""
    text = options.get("o", "jobid user stat queue exec_host job_name")
    delimiter = re.search(r"delimiter='(.)'", text)
    names = re.sub(r"delimiter='.'", "", text).split()
    if not set(names) <= set(FIELDS):
        raise RefusedError(f"{sorted(set(names) - set(FIELDS))}: unknown output field")
    between = delimiter[1] if delimiter else " "
    if "noheader" not in options:
        print(between.join(name.upper() for name in names))
    for job in jobs:
        print(between.join(FIELDS[name](job) or "-" for name in names))


def bhist(cluster: Cluster, arguments: list[str]) -> int:
    """The long form, wrapped in the middle of words as LSF does."""
    options, numbers = options_of(arguments, {"J", "n", "u"}, {"a", "l"})
    jobs = chosen(cluster, options, numbers, ("everywhere",))
    if not jobs:
        if not numbers:
            print("No matching job found", file=sys.stderr)
        return 255
    for job in jobs:
        print("\n".join(history(job)))
        print("-" * 78)
    return 0


def history(job: dict[str, Any]) -> list[str]:
    """The events of a job."""
    day = "Mon Jan  6 10:00:00:"
    events = [f"{day} Submitted from host <login1>, to Queue <{job['queue']}>, CWD <{job['cwd']}>;"]
    if job["started"] is not None:
        events.append(
            f"{day} Dispatched 1 Task(s) on Host(s) <{job.get('host') or 'node1'}>; Starting (Pid {job['pid']});"
        )
    if job["stat"] == "DONE":
        events.append(f"{day} Done successfully. The CPU time used is 1.0 seconds;")
    if job["stat"] == "EXIT":
        events.append(f"{day} Exited with exit code {job['exit_code']}. The CPU time used is 1.0 seconds;")
        if job["reason"]:
            events.append(f"{day} Completed <exit>; {reason(job)}")
    head = f"Job <{job['id']}>, Job Name <{job['name']}>, User <{job['user']}>, Command <{job['command']}>"
    return [line for text in (head, *events) for line in wrapped(text)]


def wrapped(text: str) -> list[str]:
    """Lines of at most 80 characters, broken anywhere, the rest indented by 21."""
    first, rest = text[:80], text[80:]
    return [first, *(" " * 21 + rest[place : place + 59] for place in range(0, len(rest), 59))]
