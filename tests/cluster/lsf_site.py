"""A working directory, heads that run in it, and the fake LSF behind them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "lsf"))
from fakelsf.cluster import Cluster  # noqa: E402
from fakelsf.supervisor import session  # noqa: E402

SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
PATH = f"{HERE / 'lsf' / 'bin'}:/usr/local/bin:/usr/bin:/bin"
# Short pauses, in minutes; a limit only matters where a test says so.
QUICK = {"submit-pause": 0.02, "outcome-wait": 10, "interrupt-pause": 0.05}
# Only a broken run is as slow as this [s].
PATIENCE = 900.0

SNAKEFILE = """
NAMES = config["names"].split()
rule all:
    input: expand("out/{name}.txt", name=NAMES)
rule work:
    output: "out/{name}.txt"
    log: "logs/{name}.log"
    params: version=config.get("version", "1")
    resources: runtime=240, mem_mb=4000, outcome=lambda wildcards: f"state/{wildcards.name}.json"
    shell: "exec python3 {workflow.basedir}/worker.py {wildcards.name} {output} {resources.outcome}"
"""


def wait_for(condition: Callable[[], Any], what: str | Callable[[], str]) -> Any:
    """Polls for a state; how long it takes does not matter."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"never happened: {what if isinstance(what, str) else what()}")


def heed_interrupts() -> None:
    """Undoes what a shell does to its background jobs: they, and all below them, ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Site:
    """A working directory whose name has a space, with the workflow above, and a cluster."""

    def __init__(self, folder: Path, **cluster: Any) -> None:
        self.folder = folder / "my work"
        self.folder.mkdir(parents=True)
        (self.folder / "Snakefile").write_text(SNAKEFILE.replace("{workflow.basedir}/", ""))
        (self.folder / "worker.py").write_text((HERE / "lsf_worker.py").read_text())
        self.cluster = Cluster.create(folder / "cluster", **cluster)
        self.heads: list[subprocess.Popen[bytes]] = []
        self.printed = folder / "printed.txt"

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": PATH, "HOME": os.environ.get("HOME", "/"), "FAKE_LSF": str(self.cluster.folder)}

    def head(self, *names: str, retries: int = 3, version: str = "1", **settings: Any) -> subprocess.Popen[bytes]:
        """Starts Snakemake; what it prints goes to ``printed``."""
        options = [f"--lsf-steady-{name}={value}" for name, value in {**QUICK, **settings}.items()]
        return self.snakemake(
            "--executor", "lsf-steady", "--jobs", "50", "--retries", str(retries), "--keep-going",
            "--rerun-incomplete", "--rerun-triggers", "mtime", "params", "--latency-wait", "60",
            "--seconds-between-status-checks", "0",
            "--config", f"names={' '.join(names)}", f"version=v{version}", *options, cwd=self.folder,
        )  # fmt: skip

    def snakemake(self, *arguments: str, cwd: Path) -> "subprocess.Popen[bytes]":
        """Starts any Snakemake that finds the cluster's commands."""
        with self.printed.open("ab") as output:
            process = subprocess.Popen(
                [SNAKEMAKE, *arguments],
                cwd=cwd, env=self.environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=heed_interrupts,
            )  # fmt: skip
        self.heads.append(process)
        return process

    def finish(self, head: "subprocess.Popen[bytes]") -> int:
        """Waits for the end of a head."""
        wait_for(lambda: head.poll() is not None, lambda: f"end of the head\n{self.text()}")
        return int(head.returncode)

    def kill_head(self, head: "subprocess.Popen[bytes]") -> None:
        """kill -9, and what its user does next."""
        head.send_signal(signal.SIGKILL)
        head.wait()
        self.unlock()

    def unlock(self) -> None:
        subprocess.run(
            [SNAKEMAKE, "--unlock", "--config", "names=x"],
            cwd=self.folder, env=self.environment, capture_output=True, check=True,
        )  # fmt: skip

    def text(self) -> str:
        """All that the heads have printed."""
        return self.printed.read_text(errors="replace") if self.printed.exists() else ""

    def says(self, words: str, times: int = 1) -> None:
        """Waits until the head has said something."""
        wait_for(lambda: self.text().count(words) >= times, f"{words!r} in\n{self.text()}")

    # --- the workers

    def jobs_of(self, name: str) -> list[dict[str, Any]]:
        """All LSF jobs of a worker, oldest first."""
        return [job for job in self.cluster.jobs() if job["name"].startswith(f"work.{name}.")]

    def begun(self, name: str, count: int = 1) -> dict[str, Any]:
        """Waits until the worker has begun for the ``count``-th time; gives its LSF job."""
        wait_for(lambda: (self.folder / f"begun-{name}-{count}").exists(), f"worker {name} begins\n{self.text()}")
        return self.jobs_of(name)[-1]

    def let_go(self, *names: str) -> None:
        """Lets workers finish, those of the future too."""
        for name in names:
            (self.folder / f"go-{name}").touch()

    def tell(self, name: str, what: str) -> None:
        """Tells a worker to misbehave, once."""
        (self.folder / f"{what}-{name}").touch()

    def outputs(self) -> dict[str, str]:
        return {path.stem: path.read_text() for path in (self.folder / "out").glob("*.txt")}

    def check_nothing_left(self, *names: str, records: int | None = 0) -> None:
        """Right outputs, no job lost, doubled or orphaned.

        The record of a job that ended before a new head looked stays until the job is wanted again: ``records=None``.
        """
        assert self.outputs() == {name: f"whole {name}\n" for name in names}, self.text()
        for name in names:
            jobs = self.jobs_of(name)
            for one, other in pairwise(jobs):
                assert one["ended"] is not None, f"{name}: job {one['id']} never ended"
                assert other["started"] is None or one["ended"] <= other["started"], f"{name}: two jobs at a time"
        wait_for(lambda: all(job["stat"] in ("DONE", "EXIT") for job in self.cluster.jobs()), "end of all jobs")
        left = list((self.folder / ".snakemake/lsf-steady/jobs").glob("*.json"))
        assert records is None or len(left) == records, f"records left: {left}"

    def close(self) -> None:
        """Ends whatever a failed test has left."""
        for head in self.heads:
            if head.poll() is None:
                head.kill()
                head.wait()
        leaders = {job["pid"] for job in self.cluster.jobs() if job["pid"]}
        for name in filter(str.isdigit, os.listdir("/proc")):
            if session(int(name)) in leaders:
                os.kill(int(name), signal.SIGKILL)
        for job in self.cluster.jobs():
            self.cluster.update(job["id"], kill="TERM_FORCE_OWNER", held=False)
