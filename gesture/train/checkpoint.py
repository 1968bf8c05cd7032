"""Live state of a stage: a folder a checkpoint, renamed into place when all its bytes are on the disk.

`LAST-<token>.json` lists the checkpoints of the writer that held this lease token: `newest` (newest first) and `best`
(by validation, or null). It is a hint: the folders and their digests are the truth. Readers follow the highest token
alone, so what a writer commits after it was overtaken is never loaded.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import keras

from gesture.base.errors import GestureError
from gesture.base.files import (
    atomic_folder,
    link_or_copy,
    read_json,
    remove_litter,
    value_digest,
    write_json,
)
from gesture.base.lease import Lease
from gesture.config.layout import OUTCOME
from gesture.networks.layers.network import GestureNetwork
from gesture.train.live_state import check_live_state, read_live_state, size_of, write_live_state
from gesture.train.optimiser import TwoRateAdam

KEEP = 2
STATE = "state.bin"


class Checkpoints:
    """The checkpoints of one stage, written under a lease: the last two, and the best by validation."""

    def __init__(self, folder: Path, lease: Lease, fingerprint: dict[str, str]) -> None:
        """Makes what an earlier writer committed this writer's own.

        Args:
            folder: where they are.
            lease: held by this process.
            fingerprint: part -> digest of all that determines the result.

        Raises:
            GestureError: the disk is full or broken.
        """
        self._folder = folder
        self._lease = lease
        self._fingerprint = fingerprint
        self._newest: list[str] = []
        self._best: str | None = None
        # Kept until the stage ends, where nothing says that they are not needed.
        self._others: list[str] = []
        self.remarks: list[str] = []
        # Kinds of devices that the state was computed on, see `gesture.base.device_kind`; saved with it.
        self.devices: list[dict[str, Any]] = []
        with self._disk_errors_said():
            self._adopt()

    def _adopt(self) -> None:
        """Links the checkpoints of the writer before under our token: it may yet wake up and delete its own."""
        remove_litter(self._folder)
        pointers = sorted(self._folder.glob("LAST-*.json"))
        newest, best, others = self._found(pointers)
        for name in dict.fromkeys([*newest, *([best] if best else []), *others]):
            own = self._name(_step(name))
            if not self._link(name, own):
                continue
            if name in newest:
                self._newest.append(own)
            if name == best:
                self._best = own
            if name in others:
                self._others.append(own)
        self._point()
        self._remove_all_but(self._kept)
        for path in pointers:
            if path != self._pointer:
                path.unlink(missing_ok=True)

    def _found(self, pointers: list[Path]) -> tuple[list[str], str | None, list[str]]:
        """The checkpoints of the writer before: the newest, the best by validation, and others that are kept.

        The folders count, not what the pointer says of them: each has its own digest. The pointer tells which token was
        the highest even if that writer committed nothing, and which checkpoint is the best. Where it is lost or
        damaged, all are kept, and the best is the last that was saved as such.
        """
        by_token: dict[int, list[str]] = {}
        for name in sorted((one.name for one in self._folder.glob("step-*")), reverse=True):
            by_token.setdefault(_token(name), []).append(name)
        pointed = _token(pointers[-1].stem) if pointers else None
        # A writer that died before its first pointer has only linked what the one before still has.
        lost = pointed is None or (pointed not in by_token and max(by_token, default=0) > pointed)
        names = by_token.get(max(by_token, default=0) if lost else pointed or 0, [])
        try:
            best = None if lost else read_json(pointers[-1])["best"]
        except (GestureError, OSError, KeyError, TypeError) as error:
            best, lost = None, True
            self.remarks.append(f"{pointers[-1].name} is damaged, going by the checkpoints themselves: {error}")
        else:
            if lost and names:
                self.remarks.append("LAST-*.json is missing, going by the checkpoints themselves")
        if best not in names:
            best = next(filter(self._was_best, names), None)
        return names[:KEEP], best, names[KEEP:] if lost else []

    def _was_best(self, name: str) -> bool:
        try:
            return bool(read_json(self._folder / name / "state.json").get("best"))
        except (GestureError, OSError, AttributeError):
            return False

    def _link(self, name: str, own: str) -> bool:
        """Gives a checkpoint our token; False if the writer before has removed it in the meantime."""
        try:
            with atomic_folder(self._folder / own) as partial:
                for path in sorted((self._folder / name).iterdir()):
                    link_or_copy(path, partial / path.name)
        except FileNotFoundError:
            return False
        return True

    def restore(self, network: GestureNetwork, optimiser: TwoRateAdam) -> int | None:
        """Loads the newest valid checkpoint of this very job.

        Returns:
            Its step, or None if there is none; `devices` are then those of this checkpoint. `remarks` gets a sentence
            for each one that is passed over. Those of another fingerprint are moved to `aside/`, never overwritten.
        """
        for name in self._kept:
            try:
                state = _read_valid(self._folder / name)
            except (GestureError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
                self.remarks.append(f"checkpoint {name} is damaged and not used: {error}")
                self._forget(name)
                continue
            changed = [part for part, value in self._fingerprint.items() if state["fingerprint"].get(part) != value]
            if changed:
                aside = self._move_aside()
                what = ", ".join(changed)
                self.remarks.append(f"checkpoint {name} is moved aside to {aside}: it was made with other {what}")
                return None
            if self._best is not None and _step(self._best) > state["step"]:
                self._best = None
            read_live_state(self._folder / name / STATE, _variables(network, optimiser))
            self.devices = list(state.get("devices", []))  # none in those of 0.1.0
            return int(state["step"])
        return None

    def trial(self, network: GestureNetwork, optimiser: TwoRateAdam) -> None:
        """Writes a checkpoint and removes it: a full disk or quota shows in the first minute, not after hours.

        Raises:
            GestureError: there is no room for it, or for those that are still to come; with needed and free bytes.
        """
        path = self._folder / f"trial-t{self._lease.token:06d}"
        with self._disk_errors_said(network, optimiser):
            with atomic_folder(path) as partial:
                self._write(partial, network, optimiser, 0)
                size = sum(one.stat().st_size for one in partial.iterdir())
            shutil.rmtree(path)
            free = shutil.disk_usage(self._folder).free
            needed = size * (KEEP + 1 - len(self._newest))
        if free < needed:
            raise GestureError(
                f"{self._folder}: {_mb(needed)} MB are needed for checkpoints, {_mb(free)} MB are free; "
                "make room and run the same command again"
            )

    def save(self, network: GestureNetwork, optimiser: TwoRateAdam, step: int, best: bool = False) -> None:
        """Saves the state after ``step`` steps; keeps the last two checkpoints and the best.

        Raises:
            HeldByAnotherError: another writer has taken over; nothing is committed.
            GestureError: the disk is full or broken; the checkpoints before are untouched.
        """
        name = self._name(step)
        with self._disk_errors_said(network, optimiser):
            if name not in self._newest:
                # A damaged one of this step, passed over when this session began.
                shutil.rmtree(self._folder / name, ignore_errors=True)
                with atomic_folder(self._folder / name) as partial:
                    self._write(partial, network, optimiser, step, best)
                    self._lease.require()
            self._newest = [name, *(one for one in self._newest if one != name)][:KEEP]
            self._best = name if best else self._best
            self._point()
            self._remove_all_but(self._kept)

    def load_best(self, network: GestureNetwork, optimiser: TwoRateAdam) -> int:
        """Loads the best checkpoint by validation; returns its step.

        Raises:
            GestureError: there is none, or it is damaged.
        """
        if self._best is None:
            raise GestureError(f"{self._folder}: the best checkpoint is lost; start the stage anew with gesture clean")
        state = _read_valid(self._folder / self._best)
        read_live_state(self._folder / self._best / STATE, _variables(network, optimiser))
        return int(state["step"])

    def remove_all(self) -> None:
        """Removes the checkpoints of a finished stage; its ledger stays.

        The empty pointer stays too: what an overtaken writer commits from now on must not be followed either.
        """
        self._newest, self._best, self._others = [], None, []
        self._point()
        self._remove_all_but([])

    def _write(
        self, folder: Path, network: GestureNetwork, optimiser: TwoRateAdam, step: int, best: bool = False
    ) -> None:
        checksum = write_live_state(folder / STATE, _variables(network, optimiser))
        state = {"step": step, "fingerprint": self._fingerprint, "crc32": checksum, "devices": self.devices}
        state |= {"best": True} if best else {}
        write_json(folder / "state.json", {**state, "digest": value_digest(state)})

    def _name(self, step: int) -> str:
        return f"step-{step:09d}-t{self._lease.token:06d}"

    @property
    def _kept(self) -> list[str]:
        """All that are kept, in the order in which they are tried."""
        return list(dict.fromkeys([*self._newest, *([self._best] if self._best else []), *self._others]))

    @property
    def _pointer(self) -> Path:
        return self._folder / f"LAST-{self._lease.token:06d}.json"

    def _point(self) -> None:
        self._lease.require()
        write_json(self._pointer, {"newest": self._newest, "best": self._best})

    def _forget(self, name: str) -> None:
        self._newest = [one for one in self._newest if one != name]
        self._best = None if self._best == name else self._best
        self._others = [one for one in self._others if one != name]

    def _remove_all_but(self, kept: list[str]) -> None:
        """Removes checkpoints of ours and of writers before, never those of one that has taken over."""
        for path in [*self._folder.glob("step-*"), *self._folder.glob("trial-*")]:
            if path.name not in kept and int(path.name.rpartition("-t")[2]) <= self._lease.token:
                shutil.rmtree(path, ignore_errors=True)

    def _move_aside(self) -> Path:
        """Moves all that belongs to another fingerprint, with its history, to a folder of its own."""
        stays = ("lease-", "LAST-", ".", "aside", OUTCOME)
        # Should another writer take over meanwhile, what it writes is not in this list: its names carry its token.
        found = sorted(path for path in self._folder.iterdir() if not path.name.startswith(stays))
        number = 1
        while (aside := self._folder / "aside" / f"{number:03d}").exists():
            number += 1
        aside.mkdir(parents=True)
        for path in found:
            self._lease.require()
            with suppress(FileNotFoundError):  # another writer may have it
                path.replace(aside / path.name)
        self._newest, self._best, self._others = [], None, []
        self._point()
        return aside

    @contextmanager
    def _disk_errors_said(self, *states: Any) -> Iterator[None]:
        """Turns a disk that is full or broken into one line with needed and free bytes."""
        try:
            yield
        except OSError as error:
            self._lease.require()  # whoever took over also removes what we were writing
            needed = f"a checkpoint needs about {_mb(sum(map(size_of, _variables(*states))))} MB, " if states else ""
            free = shutil.disk_usage(self._folder).free
            # HDF5's own text is a paragraph; its errno is that of the failed write.
            what = os.strerror(error.errno) if error.errno else str(error).partition("\n")[0]
            raise GestureError(
                f"{self._folder}: not saved: {what}; {needed}{_mb(free)} MB are free there (a quota may allow less); "
                "the checkpoints before are untouched; make room and run the same command again"
            ) from error


def _read_valid(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = read_json(path / "state.json")
    digest = state.pop("digest")
    if digest != value_digest(state):
        raise GestureError(f"{path / 'state.json'}: wrong digest")
    check_live_state(path / STATE, state["crc32"])
    return state


def _variables(network: GestureNetwork, optimiser: TwoRateAdam) -> list[keras.Variable]:
    """The whole state of a run but the step."""
    return [*network.weights, *optimiser.state]


def _step(name: str) -> int:
    return int(re.findall(r"\d+", name)[0])


def _token(name: str) -> int:
    """Of the lease under which a checkpoint or a pointer was written: the last number of its name."""
    return int(re.findall(r"\d+", name)[-1])


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f}"
