"""The members of one average: read, joined on Id, and refused where they do not fit together."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gesture.average.fitted import FOLDS
from gesture.average.methods import FitSet
from gesture.base.errors import GestureError
from gesture.evaluate.metrics import metrics
from gesture.evaluate.predictions import UNLABELLED, Predictions, listing, read_predictions
from gesture.legacy2019.softlabel import read_softlabel

FEWEST_ROWS = 10


def read_member(path: Path) -> Predictions:
    """A member's predictions from either kind of file, told apart by the header.

    Raises:
        GestureError: the file is neither; the message names the Ids at fault.
    """
    return read_softlabel(path) if _is_softlabel(path) else read_predictions(path)


def _is_softlabel(path: Path) -> bool:
    """Whether the first row holds NumPy's text of a vector under the header `Id,y`."""
    try:
        with path.open("rb") as file:
            return file.readline(80).removeprefix(b"\xef\xbb\xbf").strip() == b"Id,y" and b"[" in file.readline(200)
    except OSError:
        return False  # read_predictions says why


@dataclass(frozen=True)
class Summary:
    """What is kept of a member once it is added; `varies`: not all sequences got the same softmax."""

    path: Path
    manifest: Mapping[str, Any]
    digest: str
    metrics: Mapping[str, Any]
    chosen: np.ndarray
    varies: bool

    @property
    def checkpoint_digest(self) -> str | None:
        """Of the weights that predicted, where the manifest says."""
        return self.manifest.get("checkpoint_digest")


@dataclass
class Joined:
    """The members seen so far, joined on Id.

    Attributes:
        ids: `(N,)` int64, ascending, of the first member and so of all.
        labels: `(N,)` int64, 0-based, -1 where no member knows one.
        common: `split` and `data_digest`, each with the file that said it first.
        members: name -> what is kept of it.
    """

    first: Predictions | None = None
    ids: np.ndarray = field(init=False)
    labels: np.ndarray = field(init=False)
    common: dict[str, tuple[Any, Path]] = field(default_factory=dict)
    members: dict[str, Summary] = field(default_factory=dict)

    def add(self, table: Predictions) -> None:
        """Adds one member.

        Raises:
            GestureError: it does not fit to those before it.
        """
        if self.first is None:
            self._start(table)
        assert self.first is not None
        for key in ("split", "data_digest"):
            self._refuse_other_origin(key, table)
        _refuse_other_shape(self.first, table)
        if table.name in self.members:
            raise GestureError(
                f"{table.path}: member {table.name!r} is also in {self.members[table.name].path}: list each member once"
            )
        if table.labels is not None:
            self._merge_labels(table)
        self.members[table.name] = Summary(
            table.path,
            table.manifest,
            table.digest,
            metrics(table),
            table.chosen.astype(np.min_scalar_type(table.classes)),
            bool((table.probabilities != table.probabilities[:1]).any()),
        )

    @property
    def origin(self) -> dict[str, Any]:
        """`split` and `data_digest` of all members, None where no manifest says."""
        return {key: self.common.get(key, (None, None))[0] for key in ("split", "data_digest")}

    def _start(self, table: Predictions) -> None:
        # Only what is compared is kept; a view of no rows would keep all softmaxes alive.
        self.first = Predictions(table.path, table.ids, np.empty((0, table.classes)), None, table.manifest)
        self.ids = table.ids
        self.labels = np.full(len(table.ids), UNLABELLED, np.int64)

    def _merge_labels(self, table: Predictions) -> None:
        assert table.labels is not None
        conflict = (self.labels >= 0) & (table.labels >= 0) & (self.labels != table.labels)
        if conflict.any():
            raise GestureError(
                f"{table.path}: {listing(self.ids[conflict])}: label differs from that of the members before it: "
                "evaluate all members on the same records"
            )
        self.labels = np.maximum(self.labels, table.labels)

    def _refuse_other_origin(self, key: str, table: Predictions) -> None:
        """Refuses tables whose manifests disagree; tables without a manifest pass."""
        value = table.manifest.get(key)
        if value is None:
            return
        expected, path = self.common.setdefault(key, (value, table.path))
        if value != expected:
            what = {"split": "split", "data_digest": "records' digest"}[key]
            raise GestureError(
                f"{table.path}: {what} is {value!r}, but {expected!r} in {path}: "
                "average members of one split of one data set"
            )


def refuse_repeated_files(members: Sequence[Path]) -> None:
    """Refuses a file that is listed twice, also under two names.

    Raises:
        GestureError: names it.
    """
    seen: set[Path] = set()
    for path in members:
        if path.resolve() in seen:
            raise GestureError(f"{path}: listed more than once: list each member once")
        seen.add(path.resolve())


def _refuse_other_shape(first: Predictions, table: Predictions) -> None:
    if table.classes != first.classes:
        raise GestureError(
            f"{table.path}: {table.classes} classes, but {first.classes} in {first.path}: "
            "average members of one data set"
        )
    if not np.array_equal(first.ids, table.ids):
        missing, extra = np.setdiff1d(first.ids, table.ids), np.setdiff1d(table.ids, first.ids)
        lacks = [f"lacks {listing(missing)} of {first.path}"] if len(missing) else []
        adds = [f"has {listing(extra)}, not in {first.path}"] if len(extra) else []
        raise GestureError(
            f"{table.path}: {' and '.join(lacks + adds)}: evaluate all members on the same split of the same records"
        )


def warn_of_copies(members: Mapping[str, Summary]) -> None:
    """Warns of members that hold the same predictions."""
    owners: dict[str, str] = {}
    for name in sorted(members):
        other = owners.setdefault(members[name].digest, name)
        if other != name and len(members[name].chosen):
            warnings.warn(f"members {other} and {name} hold the same predictions; both are counted", stacklevel=3)


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


def refuse_other_origin(fitted: Joined, averaged: Joined) -> None:
    """Refuses to fit on tables of other checkpoints, and so of members that were trained on other data.

    Args:
        fitted: the validation tables.
        averaged: the tables that are averaged, of the same members.

    Raises:
        GestureError: names the table.
    """
    for name, one in averaged.members.items():
        theirs = fitted.members[name]
        if len({one.checkpoint_digest, theirs.checkpoint_digest} - {None}) > 1:
            raise GestureError(
                f"--fit-on: {theirs.path} comes from another checkpoint than {one.path}: evaluate both splits again"
            )


def copies(fitted: Joined, averaged: Joined) -> list[tuple[Path, Path]]:
    """Validation tables that are averaged ones under another name, each with its original.

    A network that answers every sequence alike gives equal tables for two splits with the same Ids; that is no copy.
    """
    if averaged.origin["split"] == "validation":
        return []
    pairs = [(fitted.members[name], one) for name, one in averaged.members.items()]
    return [(theirs.path, one.path) for theirs, one in pairs if theirs.digest == one.digest and one.varies]
