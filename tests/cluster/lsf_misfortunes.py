"""What may happen to a job on LSF: each brings one about, waits until the head has seen it, and mends it.

Shared by the tests, where all happen to one head at once, and by benchmarks/prove_lsf.py.
"""

import random
import subprocess
import time
from collections.abc import Callable
from typing import Any

from lsf_site import Site, wait_for


def command(site: Site, *words: str) -> None:
    """Runs an LSF command as a user does."""
    subprocess.run(words, env=site.environment, check=True, capture_output=True)


def done(site: Site, name: str) -> None:
    """DONE: nothing happens."""
    site.begun(name)


def fails(site: Site, name: str) -> None:
    """EXIT: its program fails once."""
    site.begun(name)
    site.tell(name, "fail")


def run_limit(site: Site, name: str) -> None:
    """RUNLIMIT: the walltime passes; the worker saves."""
    job = site.begun(name)
    site.cluster.update(job["id"], run_limit=0)


def memory_limit(site: Site, name: str) -> None:
    """MEMLIMIT: it needs more than was asked for."""
    job = site.begun(name)
    site.cluster.update(job["id"], request={**job["request"], "mem_mb": 1})


def owner(site: Site, name: str) -> None:
    """OWNER: somebody calls bkill."""
    command(site, "bkill", str(site.begun(name)["id"]))


def shown_as(stat: str) -> Callable[[Site, str], None]:
    """LSF loses sight of the job's host for a while."""

    def happen(site: Site, name: str) -> None:
        number = site.begun(name)["id"]
        site.cluster.show_as(number, stat)
        site.says(f"LSF job {number}: {stat}")
        site.cluster.show_as(number, None)

    return happen


def suspended(site: Site, name: str) -> None:
    """USUSP: somebody calls bstop, and later bresume."""
    number = site.begun(name)["id"]
    command(site, "bstop", str(number))
    site.says(f"LSF job {number}: USUSP")
    command(site, "bresume", str(number))


def suspended_by_system(site: Site, name: str) -> None:
    """SSUSP: the host is overloaded for a while."""
    number = site.begun(name)["id"]
    command(site, "bstop", "-s", "system", str(number))
    site.says(f"LSF job {number}: SSUSP")
    command(site, "bresume", str(number))


def forgotten(site: Site, name: str) -> None:
    """bjobs no longer knows the job; bhist does."""
    site.cluster.forget(site.begun(name)["id"])


def pending_suspended(site: Site, name: str) -> None:
    """PSUSP: somebody calls bstop before it starts. The caller has left no slot free."""
    number = wait_for(lambda: site.jobs_of(name), f"job of {name}")[0]["id"]
    command(site, "bstop", str(number))
    site.says(f"LSF job {number}: PSUSP")
    command(site, "bresume", str(number))


MISFORTUNES: dict[str, Callable[[Site, str], Any]] = {
    "DONE": done,
    "EXIT": fails,
    "RUNLIMIT": run_limit,
    "MEMLIMIT": memory_limit,
    "OWNER": owner,
    "UNKWN": shown_as("UNKWN"),
    "ZOMBI": shown_as("ZOMBI"),
    "USUSP": suspended,
    "SSUSP": suspended_by_system,
    "forgotten": forgotten,
    "PSUSP": pending_suspended,
}
# LSF jobs that each one takes.
TAKES = {name: 2 if name in ("EXIT", "RUNLIMIT", "MEMLIMIT", "OWNER") else 1 for name in MISFORTUNES}
# Reason in the log for those that fail.
REASONS = {"EXIT": "exit code", "MEMLIMIT": "TERM_MEMLIMIT", "OWNER": "TERM_OWNER"}


def all_at_once(site: Site, outage: float) -> None:
    """Eleven jobs of one head, each with its own misfortune, within them an outage of bjobs (fake minutes)."""
    hosts = site.cluster.config["hosts"]
    site.cluster.configure(hosts=[])
    head = site.head(*MISFORTUNES)
    pending_suspended(site, "PSUSP")
    site.cluster.configure(hosts=hosts)
    for name in MISFORTUNES:
        site.begun(name)
    if outage:
        site.cluster.break_command("bjobs", until=site.cluster.now() + outage * 60)
        site.says("LSF does not answer")
    for name in ("EXIT", "RUNLIMIT", "MEMLIMIT", "OWNER", "forgotten"):
        MISFORTUNES[name](site, name)
    if outage:
        calls = len(site.cluster.calls("bjobs"))
        wait_for(lambda: len(site.cluster.calls("bjobs")) > calls + 3, "more questions in the outage")
        site.cluster.advance(outage * 60)
        site.says("LSF answers again")
    for name in ("UNKWN", "ZOMBI", "USUSP", "SSUSP"):
        MISFORTUNES[name](site, name)
    site.let_go(*MISFORTUNES)
    assert site.finish(head) == 0, site.text()
    site.check_nothing_left(*MISFORTUNES)
    assert {name: len(site.jobs_of(name)) for name in MISFORTUNES} == TAKES
    printed = site.text()
    for name, reason in REASONS.items():
        assert f"LSF job {site.jobs_of(name)[0]['id']}: " in printed
        assert reason in printed
    assert f"LSF job {site.jobs_of('RUNLIMIT')[0]['id']} continues" in printed


def heads_killed(site: Site, times: int, seed: int) -> None:
    """Heads killed with -9 at random instants; then the last one ends well, with one LSF job for each worker."""
    names = ("a", "b", "c")
    chance = random.Random(seed)
    for _ in range(times):
        head = site.head(*names)
        time.sleep(chance.uniform(0.5, 8))  # any instant is a fair one, on a slow machine too
        site.kill_head(head)
    head = site.head(*names)
    for name in names:
        site.begun(name)
    site.let_go(*names)
    assert site.finish(head) == 0, site.text()
    site.check_nothing_left(*names, records=None)
    assert {name: len(site.jobs_of(name)) for name in names} == dict.fromkeys(names, 1), "jobs submitted for live ones"
