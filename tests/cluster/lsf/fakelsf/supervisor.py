"""Dispatches one job and watches it to its end: `python -m fakelsf.supervisor NUMBER`, started by bsub."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fakelsf.cluster import Cluster
from fakelsf.report import report

STARTED = ("RUN", "USUSP", "SSUSP")
LIMITS = {
    "TERM_RUNLIMIT": "job killed after reaching LSF run time limit.",
    "TERM_MEMLIMIT": "job killed after reaching LSF memory usage limit.",
    "TERM_OWNER": "job killed by owner.",
    "TERM_ADMIN": "job killed by root or LSF administrator.",
    "TERM_FORCE_OWNER": "job killed by owner without time for cleanup.",
}
PAGE = os.sysconf("SC_PAGE_SIZE")


class Supervisor:
    """Plays mbatchd and sbatchd for one job."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        """Nothing is started yet."""
        self.cluster = cluster
        self.number = number
        self.child: subprocess.Popen[bytes] | None = None
        self.sent: list[int] = []
        self.next_signal = 0.0

    def run(self) -> None:
        """From PEND to DONE or EXIT."""
        while not self.dispatch():
            if self.job["kill"]:
                self.finish("EXIT", 130, self.job["kill"])
                return
            time.sleep(0.05)
        while self.child is not None and self.child.poll() is None:
            self.watch()
            time.sleep(0.05)
        assert self.child is not None
        code = self.child.returncode if self.child.returncode >= 0 else 128 - self.child.returncode
        self.finish("DONE" if code == 0 else "EXIT", code, self.job["reason"])

    @property
    def job(self) -> dict[str, Any]:
        """The job as it is now."""
        job = self.cluster.job(self.number)
        assert job is not None
        return job

    # --- dispatch

    def dispatch(self) -> bool:
        """Starts the job if it may start."""
        with self.cluster.locked():
            others = [one for one in self.cluster.jobs() if one["stat"] in STARTED and one["id"] != self.number]
            job = self.job
            if job["held"] or job["kill"] or self.blocked(job, others):
                return False
            host = self.host(job, others) or ""
            self.child = self.start(job, host)
            started = {**job, "stat": "RUN", "started": self.cluster.now(), "pid": self.child.pid}
            self.cluster.write_job({**started, "host": host})
        return True

    def blocked(self, job: dict[str, Any], others: list[dict[str, Any]]) -> bool:
        """True while the group is full or no host is free."""
        for group, limit in self.cluster.groups.items():
            inside = [one for one in others if is_inside(one, group)]
            if limit is not None and is_inside(job, group) and len(inside) >= limit:
                return True
        return self.host(job, others) is None

    def host(self, job: dict[str, Any], others: list[dict[str, Any]]) -> str | None:
        """The first host with room and the right GPUs."""
        wanted = job["request"]
        for host in self.cluster.config["hosts"]:
            there = [one for one in others if one.get("host") == host["name"]]
            free = host["slots"] - sum(one["slots"] for one in there)
            gpus = host["gpus"] - sum(one["request"]["gpus"] for one in there)
            models = all(model == host["gpu_model"] for model in wanted["models"])
            if host["name"] in wanted["without"]:
                continue
            if free >= job["slots"] and gpus >= wanted["gpus"] and models:
                return str(host["name"])
        return None

    def start(self, job: dict[str, Any], host: str) -> subprocess.Popen[bytes]:
        """The job's shell, in a session of its own, with the environment of bsub."""
        environment = {**job["env"], "LSB_JOBID": str(self.number), "LSB_JOBNAME": job["name"], "LSB_HOSTS": host}
        environment.update(LSB_QUEUE=job["queue"], LSB_DJOB_NUMPROC=str(job["slots"]))
        if job["request"]["gpus"]:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, range(job["request"]["gpus"])))
        with self.spool.open("wb") as output:
            return subprocess.Popen(
                ["/bin/sh", "-c", job["command"]],
                cwd=job["cwd"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def spool(self) -> Path:
        """Where the output is until the job ends."""
        return self.cluster.folder / f"jobs/{self.number}.out"

    # --- watch

    def watch(self) -> None:
        """Limits, warning, kill requests."""
        job, now = self.job, self.cluster.now()
        run_time = now - job["started"]
        warning = job["warning"]
        if warning and not job.get("warned") and run_time >= (job["run_limit"] - warning["ahead"]) * 60:
            self.cluster.update(self.number, warned=True)
            self.signal(signal.Signals[f"SIG{warning['signal']}"])
        if not job["kill"] and run_time >= job["run_limit"] * 60:
            job = self.cluster.update(self.number, kill="TERM_RUNLIMIT")
        if not job["kill"] and self.over_memory(job):
            job = self.cluster.update(self.number, kill="TERM_MEMLIMIT")
        if job["kill"] and job["shown"] not in ("UNKWN", "ZOMBI"):  # an unreachable host hears of no kill
            self.kill(job["kill"], now)

    def kill(self, reason: str, now: float) -> None:
        """The next signal of the sequence, when its time has come."""
        config = self.cluster.config
        sequence, pause = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], config["kill_interval"]
        if reason == "TERM_RUNLIMIT":
            sequence, pause = [signal.SIGUSR2, signal.SIGKILL], config["run_limit_grace"]
        if reason in ("TERM_MEMLIMIT", "TERM_FORCE_OWNER"):
            sequence = [signal.SIGKILL]
        if len(self.sent) < len(sequence) and now >= self.next_signal:
            self.cluster.update(self.number, reason=reason)
            self.signal(signal.SIGCONT)
            self.signal(sequence[len(self.sent)])
            self.sent.append(sequence[len(self.sent)])
            self.next_signal = now + pause

    def over_memory(self, job: dict[str, Any]) -> bool:
        """True if the processes use more than was asked for."""
        limit = job["request"]["mem_mb"]
        if limit is None:
            return False
        if self.cluster.config["memory_per"] == "core":
            limit *= job["slots"]
        return sum(resident(pid) for pid in self.processes()) > limit * 2**20

    def processes(self) -> Iterator[int]:
        """All processes of the job's session."""
        assert self.child is not None
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and session(int(entry.name)) == self.child.pid:
                yield int(entry.name)

    def signal(self, number: int) -> None:
        """Sends a signal to every process of the job."""
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    # --- the end

    def finish(self, stat: str, code: int, reason: str | None) -> None:
        """Writes the log as `-o` does and closes the job."""
        if self.job["mistaken"]:
            stat, code, reason = "EXIT", 255, None
        job = self.cluster.update(self.number, reason=reason)
        output = self.spool.read_text(errors="replace") if self.spool.exists() else ""
        if "o" in job["options"]:
            path = Path(job["cwd"], job["options"]["o"].replace("%J", str(self.number)))
            if path.parent.is_dir():
                with path.open("a") as log:
                    log.write(report(job, stat, code, f"{reason}: {LIMITS[reason]}" if reason else None, output))
        self.cluster.update(self.number, stat=stat, exit_code=code, ended=self.cluster.now())


def is_inside(job: dict[str, Any], group: str) -> bool:
    """True if the job belongs to the group or one below it."""
    return f"{job['group'] or ''}/".startswith(f"{group}/")


def session(pid: int) -> int | None:
    """The session of a process; None if it is gone or dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[3])


def resident(pid: int) -> int:
    """Memory of a process [bytes]."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (FileNotFoundError, ProcessLookupError):
        return 0


if __name__ == "__main__":
    Supervisor(Cluster.from_environment(), int(sys.argv[1])).run()
