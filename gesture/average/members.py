"""Reads what `gesture average` takes: our predictions tables, and the soft labels of 2019."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gesture.average.fitted import FOLDS, FitSet
from gesture.average.joined import Joined, refuse_repeated_files
from gesture.base.errors import GestureError
from gesture.evaluate.predictions import Predictions, read_manifest, read_predictions
from gesture.legacy2019.softlabel import read_softlabel

FEWEST_ROWS = 10


def read_member(path: Path) -> Predictions:
    """A member's predictions from either kind of file, told apart by the header.

    Raises:
        GestureError: the file is neither; the message names the Ids at fault.
    """
    if not _is_softlabel(path):
        return read_predictions(path)
    ids, probabilities = read_softlabel(path)
    order = np.argsort(ids, kind="stable")
    return Predictions(path, ids[order], np.asfortranarray(probabilities[order]), None, read_manifest(path))


def _is_softlabel(path: Path) -> bool:
    """Whether the first row holds NumPy's text of a vector under the header `Id,y`."""
    try:
        with path.open("rb") as file:
            return file.readline(80).removeprefix(b"\xef\xbb\xbf").strip() == b"Id,y" and b"[" in file.readline(200)
    except OSError:
        return False  # read_predictions says why


def read_fit_set(paths: Sequence[Path], names: Sequence[str], needed_by: str | None) -> tuple[FitSet | None, Joined]:
    """The labelled rows that methods are fitted on, and what their tables are.

    Args:
        paths: validation tables of the same members.
        names: the members that will be averaged.
        needed_by: the method that cannot do without labels; None = there is no such one.

    Raises:
        GestureError: the tables are not of the validation split, of other members, or without the labels needed.
    """
    refuse_repeated_files(paths)
    joined, tables = Joined(), {}
    for path in paths:
        table = read_member(path)
        _refuse_other_than_validation(table)
        joined.add(table)
        tables[table.name] = table
    for these, others, what in ((names, tables, "lacks"), (tables, names, "has")):
        odd = sorted(set(these) - set(others))
        if odd:
            raise GestureError(
                f"--fit-on: {what} member {', '.join(odd)}{', which is not averaged' if what == 'has' else ''}: "
                "give the validation tables of exactly the members that are averaged"
            )
    rows = joined.labels >= 0
    if rows.sum() < FEWEST_ROWS:
        if needed_by is None:
            return None, joined
        raise GestureError(
            f"--fit-on: {paths[0]}: {rows.sum()} rows have a label; {needed_by} needs at least {FEWEST_ROWS} to learn"
        )
    order = sorted(tables, key=lambda name: (tables[name].digest, name))
    stacked = np.stack([tables[name].probabilities[rows] for name in order]).astype(np.float64)
    return FitSet(order, stacked, joined.labels[rows], (np.arange(len(rows)) % FOLDS)[rows]), joined


def _refuse_other_than_validation(table: Predictions) -> None:
    split = table.manifest.get("split")
    if split != "validation":
        said = f"is of the {split} split" if split else "has no manifest that says its split"
        raise GestureError(
            f"--fit-on: {table.path} {said}: methods are fitted on validation only, never on what they are judged by"
        )


def refuse_leaks(fitted: Joined, averaged: Mapping[str, Any], data_digest: str | None, split: str | None) -> None:
    """Refuses to fit on tables that belong to other checkpoints or other data, or are the averaged ones renamed.

    Args:
        fitted: the validation tables.
        averaged: member -> `Summary` of the table that is averaged.
        data_digest: of the averaged tables, where known.
        split: of the averaged tables, where known.

    Raises:
        GestureError: names the member.
    """
    known = fitted.common.get("data_digest")
    if known and data_digest and known[0] != data_digest:
        raise GestureError(
            f"--fit-on: {known[1]}: records' digest is {known[0]!r}, but {data_digest!r} in what is averaged: "
            "evaluate both splits on the same records"
        )
    for name, one in averaged.items():
        theirs = fitted.members[name]
        digests = {one.checkpoint_digest, theirs.checkpoint_digest} - {None}
        if len(digests) > 1:
            raise GestureError(
                f"--fit-on: {theirs.path} comes from another checkpoint than {one.path}: evaluate both splits again"
            )
        if theirs.digest == one.digest and split != "validation" and len(one.chosen):
            raise GestureError(
                f"--fit-on: {theirs.path} holds the same predictions as {one.path}: "
                "nothing may be fitted on what it is judged by"
            )
