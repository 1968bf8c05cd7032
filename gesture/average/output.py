"""The final classes `Id,y`, checked as a competition would, and `submission.json`, from which they can be rebuilt."""

import io
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np
import pandas as pd

import gesture
from gesture.base.errors import GestureError
from gesture.base.files import atomic_path, file_digest, read_manifest, sealed, write_json
from gesture.config.digests import resolved
from gesture.config.layout import ORIGIN, SUBMISSION
from gesture.config.settings import Experiment
from gesture.convert.reader import Records
from gesture.evaluate.predictions import Predictions, listing

_PACKAGES = ("numpy", "pandas", "scipy", "tensorflow", "keras", "snakemake")
# `*+` forgets the way back of each row, which at a million rows is 200 MB.
_WHOLE = re.compile(rb"Id,y(?:\r?\n-?\d{1,18},-?\d{1,18})*+(?:\r?\n)?")


def write_submission(path: Path, table: Predictions, ids: np.ndarray | None = None) -> None:
    """Writes a table's chosen classes, 1-based, in the order of Ids; what is written is read again and checked.

    Args:
        path: file to write.
        table: the ensemble.
        ids: Ids that a complete submission has; None = those of the table.

    Raises:
        GestureError: the file would be refused; nothing is written under its name.
    """
    rows = zip(table.ids.tolist(), (table.chosen + 1).tolist(), strict=True)
    with atomic_path(path) as temporary:
        with temporary.open("w", encoding="ascii", newline="") as file:
            file.write("Id,y\n")
            file.writelines(f"{id_},{y}\n" for id_, y in rows)
        check_submission(temporary, table.ids if ids is None else ids, table.classes, path)


def read_submission(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Ids `(N,)` int64, ascending, and classes `(N,)` int64, 1-based.

    Raises:
        GestureError: the file is missing, or is no submission; the row at fault is named.
    """
    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except FileNotFoundError:
        raise GestureError(f"{path}: no such submission") from None
    except OSError as error:
        raise GestureError(f"{path}: cannot be read ({error.strerror})") from error
    if not _WHOLE.fullmatch(data):
        raise GestureError(f"{path}: {_first_fault(data.decode(errors='replace').splitlines())}")
    frame = pd.read_csv(io.BytesIO(data), dtype=np.int64)
    ids, classes = frame["Id"].to_numpy(), frame["y"].to_numpy()
    if (ids[1:] > ids[:-1]).all():
        return ids, classes
    order = np.argsort(ids, kind="stable")
    return ids[order], classes[order]


def _first_fault(lines: list[str]) -> str:
    header = lines[0] if lines else ""
    if header != "Id,y":
        return f"header is {header[:60]!r}, expected 'Id,y'"
    wrong = next((line for line in lines[1:] if not re.fullmatch(r"-?\d{1,18},-?\d{1,18}", line)), "")
    return f"row {wrong[:60]!r}: expected an Id and a class, both integers"


def check_submission(path: Path, ids: np.ndarray, classes: int, name: Path | None = None) -> None:
    """Refuses a submission with a missing, strange or repeated Id or a class out of range.

    Args:
        path: the file.
        ids: Ids `(N,)` that a complete submission has.
        classes: number of classes; legal ones are 1 to this.
        name: what the file is called in messages; None = by its path.

    Raises:
        GestureError: names the Ids.
    """
    found, chosen = read_submission(path)
    if np.array_equal(found, ids) and (chosen >= 1).all() and (chosen <= classes).all():
        return
    faults = {
        "given more than once": np.unique(found[1:][found[1:] == found[:-1]]),
        "missing": np.setdiff1d(ids, found),
        "not in this split": np.setdiff1d(found, ids),
        f"with a class outside of 1 to {classes}": found[(chosen < 1) | (chosen > classes)],
    }
    told = [f"{listing(wrong)} {what}" for what, wrong in faults.items() if len(wrong)]
    if told:
        raise GestureError(f"{name or path}: {'; '.join(told)}: evaluate all members on the whole split again")


@dataclass(frozen=True)
class Origin:
    """Where the members come from, as far as the caller knows.

    Attributes:
        experiment: resolved settings; None for files averaged by hand.
        records: manifest of the records; None likewise.
    """

    experiment: Experiment | None = None
    records: Path | None = None

    def ids(self, split: str | None) -> np.ndarray | None:
        """All Ids of a split, ascending; None where the records are not known."""
        if self.experiment is None or self.records is None or split is None:
            return None
        records = Records(self.records)
        return np.sort(records.ids(records.positions(split, self.experiment.data)))


def write_origin(table: Predictions, origin: Origin) -> None:
    """Writes `submission.json` beside the ensemble's table and its submission.

    Args:
        table: the ensemble, already written.
        origin: what made its members.
    """
    records: Mapping[str, Any] = read_manifest(origin.records, "convert") if origin.records else {}
    submission = table.path.with_name(SUBMISSION)
    value = {
        "submission": {
            "file": submission.name,
            "sha256": file_digest(submission),
            "rows": len(table.ids),
            "classes": table.classes,
            "split": table.manifest["split"],
        },
        "ensemble": {"file": table.path.name, "sha256": file_digest(table.path)},
        "data": {
            "digest": table.manifest["data_digest"],
            "dataset": records.get("dataset"),
            "counts": records.get("counts"),
        },
        "average": {
            key: table.manifest[key]
            for key in ("method", "calibrated", "combinations", "fitted_on")
            if key in table.manifest
        },
        "members": table.manifest["members"],
        "software": software(),
        "settings": resolved(origin.experiment) if origin.experiment else None,
    }
    write_json(table.path.with_name(ORIGIN), sealed(value))


@cache
def software() -> dict[str, str]:
    """Name -> version, of what is installed; `commit` where it is known, with a `+` if files were changed since."""
    found = {"gesture": gesture.__version__}
    commit = _commit(Path(gesture.__file__).parent)
    if commit:
        found["commit"] = commit
    found["python"] = python_version()
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit(folder: Path) -> str | None:
    """The checked-out commit of a folder; None outside of a checkout, or where Git does not own the files."""
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _git(folder, "rev-parse", "--short=12", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return f"{commit}+" if commit and changed else commit


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
