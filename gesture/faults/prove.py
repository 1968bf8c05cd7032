"""Proof that a member's training can be interrupted anywhere: a chain of stages, undisturbed and disturbed, compared.

Everything goes through the command line, in processes of their own, as on a cluster.
"""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gesture.base.errors import GestureError, StoppedEarlyError
from gesture.base.files import file_digest
from gesture.base.session import STOP
from gesture.config.members import member, members
from gesture.config.settings import load
from gesture.train.ledger import sessions

Interruption = tuple[str, str]  # point, as gesture.faults.interrupt takes it, and name of the signal

# Three short stages on generated recordings.
SETTINGS = {
    "experiment": "proof",
    "data": {"dataset": "synthetic", "options": {"preset": "tiny"}, "size": 32},
    "training": {"batch_size": 4, "stages": [{"steps": 4, "learning_rate": rate} for rate in (2e-3, 1e-3, 4e-4)]},
    "variants": {
        "skeleton": {
            "network": {"model": "tcn", "frames": 16, "width": 8, "blocks": 1},
            "modalities": ["skeleton"],
        }
    },
}


def made_up(folder: Path, content: Mapping[str, Any] = SETTINGS) -> tuple[Path, Path, str]:
    """Writes settings, generated recordings and their records; returns settings, records and the first member."""
    folder.mkdir(parents=True, exist_ok=True)
    settings, raw, records = folder / "settings.yaml", folder / "raw.json", folder / "records" / "manifest.json"
    settings.write_text(yaml.safe_dump(dict(content)))
    _gesture("download", "--settings", settings, "--output", raw)
    _gesture("convert", "--settings", settings, "--raw", raw, "--output", records)
    return settings, records, next(iter(members(load(settings))))


@dataclass
class Chain:
    """All stages of a member, its predictions and its submission, in one folder.

    Attributes:
        settings: configuration.
        records: manifest of the records.
        member: who is trained.
        folder: where everything goes.
        interrupted: the interruptions that took place.
    """

    settings: Path
    records: Path
    member: str
    folder: Path
    interrupted: list[Interruption] = field(default_factory=list)

    def run(self, interruptions: Iterable[Interruption] = ()) -> "Chain":
        """Trains all stages, starting each again after every interruption, evaluates and averages.

        A step that a session does not reach is kept for the next stage; another point is given up.

        Raises:
            GestureError: a session ended in another way than it should.
        """
        waiting = iter(interruptions)
        point = next(waiting, None)
        for stage in range(1, self.stages + 1):
            while not self._session(stage, point):
                self.interrupted.append(point or ("", ""))
                point = next(waiting, None)
            if point and not point[0].startswith("step:"):
                point = next(waiting, None)
        given = ("--settings", self.settings, "--records", self.records)
        table = self.folder / "test.csv"
        weights = self.result(self.stages)
        _gesture("evaluate", *given, "--member", self.member, "--weights", weights, "--output", table)
        _gesture("average", table, "--output", self.folder)
        return self

    @property
    def stages(self) -> int:
        """Number of stages."""
        return member(load(self.settings), self.member).stages

    def result(self, stage: int) -> Path:
        """Result folder of a stage."""
        return self.folder / "result" / f"stage{stage}"

    def files(self) -> dict[str, Path]:
        """What must be the same: state of every stage, predictions, submission."""
        states = [
            self.result(stage) / name
            for stage in range(1, self.stages + 1)
            for name in ("model.weights.h5", "optimiser.h5")
        ]
        return {str(path.relative_to(self.folder)): path for path in [*states, *self._tables]}

    def digests(self) -> dict[str, str]:
        """SHA-256 of each of `files`."""
        return {name: file_digest(path) for name, path in self.files().items()}

    def replayed(self) -> int:
        """Steps that were done again."""
        ledgers = [self._live(stage) / "sessions.jsonl" for stage in range(1, self.stages + 1)]
        return sum(one["steps_replayed"] for ledger in ledgers for one in sessions(ledger))

    @property
    def _tables(self) -> list[Path]:
        return [self.folder / "test.csv", self.folder / "submission.csv"]

    def _live(self, stage: int) -> Path:
        return self.folder / "live" / f"stage{stage}"

    def _session(self, stage: int, point: Interruption | None) -> bool:
        """One session; True if the stage is done, False if the interruption ended it."""
        parent = ("--previous", self.result(stage - 1) / "model.weights.h5") if stage > 1 else ()
        command = [
            *("train", "--settings", self.settings, "--records", self.records, "--member", self.member, *parent),
            *("--stage", stage, "--checkpoints", self._live(stage), "--output", self.result(stage), "--save-steps", 1),
        ]
        program = ("gesture.faults.interrupt", *point) if point else ("gesture.cli",)
        done = subprocess.run(
            [sys.executable, "-m", *map(str, (*program, *command))], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return True
        expected = StoppedEarlyError.exit_code
        if point and point[1] == "SIGKILL":
            expected = -signal.SIGKILL
        if point is None or done.returncode != expected:
            raise GestureError(f"stage {stage}, {point}: exit {done.returncode}:\n{done.stdout}{done.stderr}")
        return False


def at_every_signal() -> list[Interruption]:
    """Each signal by which a scheduler asks a job to stop, to the whole process group."""
    steps = (1, 2, 3, 5)  # after its last step, the fourth, a stage ends anyway
    return [(f"step:{step}", one.name) for step, one in zip(steps, STOP, strict=True)]


def at_every_step(steps: int) -> Iterator[Interruption]:
    """A kill after each step, before it is saved."""
    return ((f"step:{step}", "SIGKILL") for step in range(1, steps + 1))


def at_random(count: int, seed: int) -> Iterator[Interruption]:
    """Kills, three of five inside a save, the others when a session begins or ends, and at a random time."""
    generator = random.Random(seed)
    for number in range(count):
        # One save takes about 20 operations, the start of a session as many.
        save, write = f"save:{generator.randint(1, 25)}", f"write:{generator.randint(1, 45)}"
        yield (save, f"after:{generator.uniform(0, 4):.3f}", save, write, save)[number % 5], "SIGKILL"


def _gesture(*arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gesture.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        raise GestureError(f"gesture {arguments[0]} ended with exit {done.returncode}:\n{done.stdout}{done.stderr}")
