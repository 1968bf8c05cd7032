"""The state of the cluster: configuration, jobs, faults, clock; files in one folder, changed under one lock."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

V100 = "TeslaV100_SXM2_32GB"
DEFAULTS: dict[str, Any] = {
    "clock": {"scale": 1.0, "began": 0.0, "ahead": 0.0},
    "cluster": "fake",
    # LSF_GPU_NEW_SYNTAX: with `extend`, bsub takes -gpu and refuses ngpus_excl_p; with `N` the other way round.
    "gpu_new_syntax": "N",
    # LSF_UNIT_FOR_LIMITS: what a memory amount without a unit is counted in.
    "unit": "MB",
    # Is rusage[mem=...] for each core, or for the job?
    "memory_per": "job",
    "hosts": [
        {"name": "node1", "slots": 32, "mem_mb": 500_000, "gpus": 8, "gpu_model": V100},
        {"name": "node2", "slots": 32, "mem_mb": 500_000, "gpus": 0, "gpu_model": ""},
    ],
    # Does rusage[mem=...] take a unit? An LSF of long ago does not.
    "memory_units": True,
    # Queues that take no jobs, as during maintenance.
    "closed": [],
    # What the site prints before every answer of bsub.
    "banner": "",
    # Name -> longest run limit [min].
    "queues": {"normal": 24 * 60, "short": 4 * 60},
    "default_queue": "normal",
    # Finished jobs are shown by bjobs for so long [s].
    "clean_period": 3600.0,
    # bkill: time from INT to TERM and from TERM to KILL; run limit: time from USR2 to KILL [s].
    "kill_interval": 10.0,
    "run_limit_grace": 600.0,
}


class Cluster:
    """The cluster in a folder."""

    def __init__(self, folder: Path) -> None:
        """Opens it; ``create`` makes one."""
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, **changes: Any) -> "Cluster":
        """Makes a cluster with nothing in it; ``scale``: fake seconds in a real one."""
        scale = changes.pop("scale", 1.0)
        (folder / "jobs").mkdir(parents=True)
        cluster = cls(folder)
        config = {**DEFAULTS, **changes, "clock": {"scale": scale, "began": time.time(), "ahead": 0.0}}
        cluster._write("config.json", config)
        cluster._write("faults.json", {})
        cluster._write("groups.json", {})
        return cluster

    @classmethod
    def from_environment(cls) -> "Cluster":
        """The cluster of $FAKE_LSF."""
        return cls(Path(os.environ["FAKE_LSF"]))

    # --- files

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes anything inside the block."""
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _read(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())

    def _write(self, name: str, value: Any) -> None:
        path = self.folder / name
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(value))
        temporary.replace(path)

    @property
    def config(self) -> dict[str, Any]:
        """What the administrator set."""
        return dict(self._read("config.json"))

    def configure(self, **changes: Any) -> None:
        """Changes the configuration."""
        with self.locked():
            self._write("config.json", {**self.config, **changes})

    # --- clock

    def now(self) -> float:
        """Fake time since the cluster was made [s]."""
        clock = self.config["clock"]
        return float((time.time() - clock["began"]) * clock["scale"] + clock["ahead"])

    def advance(self, seconds: float) -> None:
        """Lets fake time pass at once."""
        with self.locked():
            config = self.config
            config["clock"]["ahead"] += seconds
            self._write("config.json", config)

    # --- faults

    @property
    def faults(self) -> dict[str, Any]:
        """Command -> how it misbehaves."""
        return dict(self._read("faults.json"))

    def break_command(self, command: str, times: int | None = None, until: float | None = None, **how: Any) -> None:
        """Lets a command fail the next ``times`` times, or until a fake time, or (neither) until it is mended.

        Keywords: ``after=True``: a bsub that takes the job and fails all the same; ``slow``: answers after so many real
        seconds instead of failing; ``empty=True``: says nothing, successfully; ``refuse=True``: refuses for good.
        """
        with self.locked():
            self._write("faults.json", {**self.faults, command: {"times": times, "until": until, **how}})

    def mend(self, command: str) -> None:
        """Ends a fault."""
        with self.locked():
            self._write("faults.json", {name: how for name, how in self.faults.items() if name != command})

    def fault_of(self, command: str) -> dict[str, Any] | None:
        """The fault of this call, if any; counts it."""
        with self.locked():
            faults = self.faults
            fault = faults.get(command)
            if fault is None:
                return None
            over = fault["until"] is not None and self.now() >= fault["until"]
            if over or fault["times"] == 0:
                del faults[command]
                fault = None
            elif fault["times"] is not None:
                fault["times"] -= 1
            self._write("faults.json", faults)
            return fault

    # --- jobs

    def add_job(self, job: dict[str, Any]) -> int:
        """Gives a new job its number."""
        with self.locked():
            number = max((one["id"] for one in self.jobs()), default=100) + 1
            self._write(f"jobs/{number}.json", {"id": number, **job})
        return number

    def job(self, number: int) -> dict[str, Any] | None:
        """A job by its number, None if there is none."""
        try:
            return dict(self._read(f"jobs/{number}.json"))
        except FileNotFoundError:
            return None

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs ever, by number."""
        numbers = sorted(int(path.stem) for path in (self.folder / "jobs").glob("[0-9]*.json"))
        return [self._read(f"jobs/{number}.json") for number in numbers]

    def write_job(self, job: dict[str, Any]) -> None:
        """Replaces a job; the caller holds the lock."""
        self._write(f"jobs/{job['id']}.json", job)

    @property
    def groups(self) -> dict[str, int | None]:
        """Job groups and how many jobs each may run at a time."""
        return dict(self._read("groups.json"))

    def add_group(self, group: str, limit: int | None) -> bool:
        """False if it is there already."""
        with self.locked():
            groups = self.groups
            if group in groups:
                return False
            self._write("groups.json", {**groups, group: limit})
            return True

    def update(self, number: int, **changes: Any) -> dict[str, Any]:
        """Changes a job."""
        with self.locked():
            job = {**self._read(f"jobs/{number}.json"), **changes}
            self._write(f"jobs/{number}.json", job)
            return job

    def show_as(self, number: int, stat: str | None) -> None:
        """Lets bjobs show another state than the true one: UNKWN, ZOMBI, PROV, WAIT; None: the true one again."""
        self.update(number, shown=stat)

    def forget(self, number: int, everywhere: bool = False) -> None:
        """Lets bjobs, and if wanted bhist too, no longer know a job."""
        self.update(number, forgotten="everywhere" if everywhere else "bjobs")

    def mistake_end(self, number: int) -> None:
        """Lets LSF say EXIT of a job whatever becomes of it, as where its daemon was killed on the job's host."""
        self.update(number, mistaken=True)

    def recycle(self, number: int) -> None:
        """LSF's numbers have come round: a job of somebody else has this one, and ours is known no more."""
        self.update(number, name="somebody else's", user="stranger", stat="RUN", shown=None)

    def calls(self, command: str) -> list[list[str]]:
        """Arguments of all calls of a command."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [one[1:] for one in map(json.loads, lines) if one[0] == command]

    def note_call(self, command: str, arguments: list[str]) -> None:
        """Remembers a call."""
        with self.locked(), (self.folder / "calls.jsonl").open("a") as file:
            file.write(json.dumps([command, *arguments]) + "\n")
