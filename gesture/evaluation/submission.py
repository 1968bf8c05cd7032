"""The final classes `Id,y`: written, and checked as a competition would check them."""

from pathlib import Path

import numpy as np
import pandas as pd

from gesture.errors import GestureError
from gesture.evaluation.predictions import Predictions, listing
from gesture.files import atomic_path


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
        temporary.write_text("Id,y\n" + "".join(f"{id_},{y}\n" for id_, y in rows), encoding="ascii", newline="")
        check_submission(temporary, table.ids if ids is None else ids, table.classes, path)


def read_submission(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Ids `(N,)` int64, ascending, and classes `(N,)` int64, 1-based.

    Raises:
        GestureError: the file is missing, or is no submission; the Ids at fault are named.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise GestureError(f"{path}: no such submission") from None
    except (OSError, ValueError) as error:
        raise GestureError(f"{path}: not readable as CSV ({' '.join(str(error).split())})") from error
    if list(frame.columns) != ["Id", "y"] or not isinstance(frame.index, pd.RangeIndex):
        raise GestureError(f"{path}: header is {','.join(frame.columns)[:60]!r}, expected 'Id,y' and two fields a row")
    whole = frame.apply(lambda column: column.str.fullmatch(r"-?\d{1,18}"))
    if not whole.to_numpy().all():
        wrong = frame.loc[~whole.all(axis=1)].iloc[0]
        raise GestureError(f"{path}: row {','.join(wrong)!r}: expected an Id and a class, both integers")
    ids, classes = frame["Id"].to_numpy(np.int64), frame["y"].to_numpy(np.int64)
    order = np.argsort(ids, kind="stable")
    return ids[order], classes[order]


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
    faults = {
        "given more than once": np.unique(found[1:][found[1:] == found[:-1]]),
        "missing": np.setdiff1d(ids, found),
        "not in this split": np.setdiff1d(found, ids),
        f"with a class outside of 1 to {classes}": found[(chosen < 1) | (chosen > classes)],
    }
    told = [f"{listing(wrong)} {what}" for what, wrong in faults.items() if len(wrong)]
    if told:
        raise GestureError(f"{name or path}: {'; '.join(told)}: evaluate all members on the whole split again")
