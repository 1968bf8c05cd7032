"""Live state of a stage: a folder a checkpoint, renamed into place when all its bytes are on the disk.

`LAST-<token>.json` lists the checkpoints of the writer that held this lease token, newest first. Readers follow the
highest token alone, so what a writer commits after it was overtaken is never loaded.
"""

import re
import shutil
from pathlib import Path
from typing import Any

from gesture.errors import GestureError
from gesture.files import atomic_folder, file_digest, link_or_copy, read_json, sync, write_json
from gesture.lease import Lease
from gesture.models.network import GestureNetwork
from gesture.training.optimiser import TwoRateAdam
from gesture.training.stage import OPTIMISER, WEIGHTS

KEEP = 2


class Checkpoints:
    """The checkpoints of one stage, written under a lease."""

    def __init__(self, folder: Path, lease: Lease, fingerprint: dict[str, str]) -> None:
        """Makes what an earlier writer committed this writer's own.

        Args:
            folder: where they are.
            lease: held by this process.
            fingerprint: part -> digest of all that determines the result.
        """
        self._folder = folder
        self._lease = lease
        self._fingerprint = fingerprint
        self._names: list[str] = []
        self._adopt()

    def _adopt(self) -> None:
        """Links the checkpoints of the writer before under our token: it may yet wake up and delete its own."""
        pointers = sorted(self._folder.glob("LAST-*.json"))
        committed = read_json(pointers[-1]) if pointers else []
        for name in committed:
            old = self._folder / name
            if not old.is_dir():
                continue
            own = self._name(int(re.findall(r"\d+", name)[0]))
            with atomic_folder(self._folder / own) as partial:
                for path in old.iterdir():
                    link_or_copy(path, partial / path.name)
            self._names.append(own)
        self._point()
        for path in self._folder.glob("step-*"):
            if path.name not in self._names:
                shutil.rmtree(path, ignore_errors=True)
        for path in pointers:
            if path != self._pointer:
                path.unlink(missing_ok=True)

    def save(self, network: GestureNetwork, optimiser: TwoRateAdam, step: int) -> None:
        """Saves the state after ``step`` steps; keeps the last two checkpoints.

        Raises:
            HeldByAnotherError: another writer has taken over; nothing is committed.
            OSError: the disk is full; the checkpoints before are untouched.
        """
        name = self._name(step)
        with atomic_folder(self._folder / name) as partial:
            write_state(partial, network, optimiser)
            digests = {file: file_digest(partial / file) for file in (WEIGHTS, OPTIMISER)}
            write_json(partial / "state.json", {"step": step, "fingerprint": self._fingerprint, "sha256": digests})
            self._lease.require()
        old = [one for one in self._names if one != name]
        self._names = [name, *old][:KEEP]
        self._point()
        for one in old[KEEP - 1 :]:
            shutil.rmtree(self._folder / one, ignore_errors=True)

    def restore(self, network: GestureNetwork, optimiser: TwoRateAdam) -> tuple[int | None, list[str]]:
        """Loads the newest valid checkpoint of this very job.

        Returns:
            Its step, or None if there is none, and a sentence for each checkpoint that was passed over. One of another
            fingerprint is moved to `aside/`, never overwritten.
        """
        remarks = []
        for name in list(self._names):
            path = self._folder / name
            try:
                state = _read_valid(path)
            except (GestureError, OSError, KeyError) as error:
                remarks.append(f"checkpoint {name} is damaged and not used: {error}")
                self._names.remove(name)
                continue
            changed = [part for part, value in self._fingerprint.items() if state["fingerprint"].get(part) != value]
            if changed:
                self._names.remove(name)
                self._move_aside(path)
                remarks.append(f"checkpoint {name} is moved aside: it was made with other {', '.join(changed)}")
                continue
            read_state(path, network, optimiser)
            return int(state["step"]), remarks
        return None, remarks

    def remove_all(self) -> None:
        """Removes the checkpoints of a finished stage; its ledger stays."""
        self._names = []
        for path in [*self._folder.glob("step-*"), *self._folder.glob(".*.partial")]:
            shutil.rmtree(path, ignore_errors=True)
        for path in self._folder.glob("LAST-*.json"):
            path.unlink(missing_ok=True)

    def _name(self, step: int) -> str:
        return f"step-{step:09d}-t{self._lease.token:06d}"

    @property
    def _pointer(self) -> Path:
        return self._folder / f"LAST-{self._lease.token:06d}.json"

    def _point(self) -> None:
        self._lease.require()
        write_json(self._pointer, self._names)

    def _move_aside(self, path: Path) -> None:
        aside = self._folder / "aside"
        aside.mkdir(exist_ok=True)
        path.replace(aside / path.name)


def write_state(folder: Path, network: GestureNetwork, optimiser: TwoRateAdam) -> None:
    """Writes weights (the averaged ones, if any) and the optimiser's state and forces them to the disk."""
    with optimiser.averaged_weights():
        network.save_weights(folder / WEIGHTS)
    optimiser.save(folder / OPTIMISER)
    for name in (WEIGHTS, OPTIMISER):
        sync(folder / name)


def read_state(folder: Path, network: GestureNetwork, optimiser: TwoRateAdam) -> None:
    """Reads what `write_state` wrote."""
    network.load_weights(folder / WEIGHTS)
    optimiser.load(folder / OPTIMISER)


def _read_valid(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = read_json(path / "state.json")
    for name, digest in state["sha256"].items():
        if file_digest(path / name) != digest:
            raise GestureError(f"{path / name}: wrong digest")
    return state
