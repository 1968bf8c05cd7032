"""Members of one ensemble, joined on Id: what does not fit together is refused."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gesture.base.errors import GestureError
from gesture.evaluate.metrics import metrics
from gesture.evaluate.predictions import UNLABELLED, Predictions, listing


@dataclass(frozen=True)
class Summary:
    """What is kept of a member once it is added."""

    path: Path
    digest: str
    checkpoint_digest: str | None
    metrics: Mapping[str, Any]
    chosen: np.ndarray


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
            table.digest,
            table.manifest.get("checkpoint_digest"),
            metrics(table),
            table.chosen.astype(np.min_scalar_type(table.classes)),
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
