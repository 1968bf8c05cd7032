"""Averages the members' softmaxes into one prediction file.

One member is held in memory at a time. The sums are exact (`ExactSum`), so the bytes of the result do not depend on
the order of members or rows.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gesture.errors import GestureError
from gesture.evaluation.exact_sum import ExactSum
from gesture.evaluation.metrics import confusion_matrix, labelled, metrics, paired_gain
from gesture.evaluation.predictions import UNLABELLED, Predictions, listing, read_predictions, write_predictions
from gesture.files import write_json, write_text

METHODS = ("mean", "geometric")
_SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
_ROWS_AT_ONCE = 16_384


def average(members: Sequence[Path], output: Path, method: str = "mean") -> dict[str, Any]:
    """Averages predictions tables of one split; writes `ensemble.csv`, `submission.csv`, `metrics.json`.

    Args:
        members: predictions tables, joined on Id.
        output: folder of the three files.
        method: `mean`, or `geometric` = the mean of the logarithms, normalised.

    Returns:
        What `metrics.json` holds.

    Raises:
        GestureError: the tables do not fit together; nothing is written.
    """
    if method not in METHODS:
        raise GestureError(f"--method: {method!r} is no way to average ({', '.join(METHODS)})")
    if not members:
        raise GestureError("no member given: name at least one predictions table")
    _refuse_repeated_files(members)
    joined = Joined(method, len(members))
    for path in members:
        joined.add(read_predictions(path))
    _warn_of_copies(joined.members)
    result = _write(joined, output)
    accuracy = "no labels" if result["accuracy"] is None else f"accuracy {result['accuracy']:.4f}"
    print(f"{len(members)} members averaged over {result['rows']} sequences, {accuracy}: {output / 'ensemble.csv'}")
    return result


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
    """The members added up so far, joined on Id."""

    method: str
    count: int
    first: Predictions | None = None
    ids: np.ndarray = field(init=False)
    labels: np.ndarray = field(init=False)
    sums: ExactSum = field(init=False)
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
        self._add_terms(table.probabilities)
        self.members[table.name] = Summary(
            table.path,
            table.digest,
            table.manifest.get("checkpoint_digest"),
            metrics(table),
            table.chosen.astype(np.min_scalar_type(table.classes)),
        )

    def _start(self, table: Predictions) -> None:
        # Only what is compared is kept, not the first member's softmaxes.
        self.first = Predictions(table.path, table.ids, table.probabilities[:0], None, table.manifest)
        self.ids = table.ids
        self.labels = np.full(len(table.ids), UNLABELLED, np.int64)
        bound = 1.0 if self.method == "mean" else -math.log(_SMALLEST)
        self.sums = ExactSum(self.count, bound * 1.001, table.probabilities.shape)

    def _add_terms(self, probabilities: np.ndarray) -> None:
        for start in range(0, len(probabilities), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            values = probabilities[rows].astype(np.float64)
            self.sums.add(rows, values if self.method == "mean" else np.log(np.maximum(values, _SMALLEST)))

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

    def mean(self) -> np.ndarray:
        """`(N, K)` float32: the members' mean."""
        mean = self.sums.total() / len(self.members)
        if self.method == "geometric":
            mean = np.exp(mean - mean.max(axis=1, keepdims=True, initial=-np.inf))
            mean /= mean.sum(axis=1, keepdims=True)
        return mean.astype(np.float32)


def _refuse_repeated_files(members: Sequence[Path]) -> None:
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


def _warn_of_copies(members: Mapping[str, Summary]) -> None:
    owners: dict[str, str] = {}
    for name in sorted(members):
        other = owners.setdefault(members[name].digest, name)
        if other != name and len(members[name].chosen):
            warnings.warn(f"members {other} and {name} hold the same predictions; both are counted", stacklevel=3)


def _write(joined: Joined, output: Path) -> dict[str, Any]:
    """Writes the three files; by now nothing can be wrong with the input."""
    members = {name: joined.members[name] for name in sorted(joined.members)}
    origin = {key: joined.common.get(key, (None, None))[0] for key in ("split", "data_digest")}
    manifest = {
        **origin,
        "member": "ensemble",
        "checkpoint_digest": None,
        "method": joined.method,
        "members": [
            {"member": name, "content_digest": one.digest, "checkpoint_digest": one.checkpoint_digest}
            for name, one in members.items()
        ],
    }
    labels = joined.labels if (joined.labels >= 0).any() else None
    table = Predictions(output / "ensemble.csv", joined.ids, joined.mean(), labels, manifest)
    result = {
        "split": origin["split"],
        "method": joined.method,
        "rows": len(table.ids),
        **metrics(table),
        "confusion": _confusion(table),
        "members": {name: dict(one.metrics) for name, one in members.items()},
        **_gain(table, members),
    }
    write_predictions(table.path, table.ids, table.probabilities, table.labels, manifest)
    rows = zip(table.ids.tolist(), (table.chosen + 1).tolist(), strict=True)
    write_text(output / "submission.csv", "Id,y\n" + "".join(f"{id_},{y}\n" for id_, y in rows))
    write_json(output / "metrics.json", result)
    return result


def _confusion(table: Predictions) -> list[list[int]] | None:
    y, _, chosen = labelled(table)
    return confusion_matrix(y, chosen, table.classes).tolist() if len(y) else None


def _gain(table: Predictions, members: Mapping[str, Summary]) -> dict[str, Any]:
    """The most accurate member, the more certain one of equals, and what the ensemble gains on it."""
    scored = [name for name, one in members.items() if one.metrics["accuracy"] is not None]
    if not scored or table.labels is None:
        return {"best_member": None, "gain": None}
    best = min(scored, key=lambda name: (-members[name].metrics["accuracy"], members[name].metrics["log_loss"], name))
    rows = table.labels >= 0
    right = table.chosen[rows] == table.labels[rows]
    return {"best_member": best, "gain": paired_gain(right, members[best].chosen[rows] == table.labels[rows])}
