"""Live state of a stage: a folder a checkpoint, renamed into place when all its bytes are on the disk."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gesture.errors import GestureError
from gesture.files import file_digest, read_json, sync, write_json
from gesture.models.network import GestureNetwork
from gesture.training.optimiser import TwoRateAdam
from gesture.training.stage import OPTIMISER, WEIGHTS

KEEP = 2


def save(folder: Path, network: GestureNetwork, optimiser: TwoRateAdam, step: int, fingerprint: dict[str, str]) -> Path:
    """Saves the state after ``step`` steps; keeps the last two checkpoints.

    Raises:
        OSError: the disk is full; the checkpoints before are untouched.
    """
    final = folder / f"step-{step:09d}"
    with partial_folder(final) as partial:
        write_state(partial, network, optimiser)
        digests = {name: file_digest(partial / name) for name in (WEIGHTS, OPTIMISER)}
        write_json(partial / "state.json", {"step": step, "fingerprint": fingerprint, "sha256": digests})
    for old in existing(folder)[KEEP:]:
        shutil.rmtree(old)
    return final


@contextmanager
def partial_folder(final: Path) -> Iterator[Path]:
    """Yields an empty folder beside ``final`` that takes its place when the block ends well."""
    partial = final.with_name(f".{final.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    shutil.rmtree(final, ignore_errors=True)
    partial.replace(final)
    sync(final.parent)


def write_state(folder: Path, network: GestureNetwork, optimiser: TwoRateAdam) -> None:
    """Writes weights and optimiser slots and forces them to the disk."""
    network.save_weights(folder / WEIGHTS)
    optimiser.save(folder / OPTIMISER)
    for name in (WEIGHTS, OPTIMISER):
        sync(folder / name)


def read_state(folder: Path, network: GestureNetwork, optimiser: TwoRateAdam) -> None:
    """Reads what `write_state` wrote."""
    network.load_weights(folder / WEIGHTS)
    optimiser.load(folder / OPTIMISER)


def restore(
    folder: Path, network: GestureNetwork, optimiser: TwoRateAdam, fingerprint: dict[str, str]
) -> tuple[int | None, list[str]]:
    """Loads the newest valid checkpoint of this very job.

    Returns:
        Its step, or None if there is none, and a sentence for each checkpoint that was passed over. One of another
        fingerprint is moved to `aside/`, never overwritten.
    """
    remarks = []
    for path in existing(folder):
        try:
            state: dict[str, Any] = read_json(path / "state.json")
            for name, digest in state["sha256"].items():
                if file_digest(path / name) != digest:
                    raise GestureError(f"{path / name}: wrong digest")
        except (GestureError, OSError, KeyError) as error:
            remarks.append(f"checkpoint {path.name} is damaged and not used: {error}")
            continue
        changed = [part for part, digest in fingerprint.items() if state["fingerprint"].get(part) != digest]
        if changed:
            _move_aside(path)
            remarks.append(f"checkpoint {path.name} is moved aside: it was made with other {', '.join(changed)}")
            continue
        read_state(path, network, optimiser)
        return int(state["step"]), remarks
    return None, remarks


def existing(folder: Path) -> list[Path]:
    """The checkpoints in a folder, newest first."""
    return sorted(folder.glob("step-*"), reverse=True)


def remove_all(folder: Path) -> None:
    """Removes the checkpoints of a finished stage; its ledger stays."""
    for path in [*existing(folder), *folder.glob(".*.partial")]:
        shutil.rmtree(path)


def _move_aside(path: Path) -> None:
    aside = path.parent / "aside"
    aside.mkdir(exist_ok=True)
    number = 1
    while (aside / f"{path.name}.{number}").exists():
        number += 1
    path.replace(aside / f"{path.name}.{number}")
