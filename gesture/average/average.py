"""Averages the members' softmaxes into one prediction file.

Members are added in the order of their names and rows in that of their Ids, so the bytes of the result do not depend on
how either were listed. Of a method that is a sum over members, one member is held in memory at a time.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gesture.average.analysis import Kept, methods, statistics
from gesture.average.fitted import Combination, Turns, fit, fit_folds
from gesture.average.members import (
    Joined,
    Summary,
    copies,
    read_fit_set,
    read_member,
    refuse_other_origin,
    refuse_repeated_files,
    warn_of_copies,
)
from gesture.average.methods import FitSet
from gesture.average.output import Origin, write_origin, write_submission
from gesture.base.errors import GestureError
from gesture.base.files import sealed, write_json
from gesture.config.layout import ENSEMBLE, METRICS, SUBMISSION
from gesture.config.settings import Average
from gesture.evaluate.metrics import confusion_matrix, labelled, metrics, paired_gain
from gesture.evaluate.predictions import Predictions, member_name, read_manifest, tell_unchecked, write_predictions

_ROWS_AT_ONCE = 16_384


def average(
    members: Sequence[Path],
    output: Path,
    how: Average | None = None,
    fit_on: Sequence[Path] = (),
    origin: Origin | None = None,
) -> dict[str, Any]:
    """Averages the members of one split; writes `ensemble.csv`, `submission.csv`, `metrics.json`, `submission.json`.

    Args:
        members: predictions tables or soft labels of 2019, joined on Id.
        output: folder of the files.
        how: method, weights, temperature; None = the plain mean.
        fit_on: validation tables of the same members; what is fitted is fitted on them.
        origin: settings and records, for `submission.json` and to see that no Id is missing.

    Returns:
        What `metrics.json` holds.

    Raises:
        FailedForGoodError: a table was changed after it was written; nothing is written.
        GestureError: the tables do not fit together; nothing is written.
    """
    how = how or Average()
    if not members:
        raise GestureError("no member given: name at least one predictions table")
    refuse_repeated_files(members)
    named = sorted((member_name(path, read_manifest(path)), path) for path in members)
    names = [name for name, _ in named]
    _refuse_what_is_lacking(how, names, fit_on)
    needed_by = f"method {how.title!r}" if how.is_fitted else None
    fit_set, fitted = read_fit_set(fit_on, names, needed_by) if fit_on else (None, None)
    is_validation = {path.resolve() for path in members} == {path.resolve() for path in fit_on}
    turns = Turns(_parts(how, names, fit_set, is_validation))
    joined, kept, ensemble = Joined(), Kept(len(members)), None
    for _, path in named:
        table = read_member(path)
        joined.add(table)
        ensemble = ensemble or Ensemble(turns, (len(table.ids), table.classes))
        ensemble.add(table.name, table.probabilities)
        kept.add(table)
        del table  # or it would stay in memory while the next one is read
    assert ensemble is not None
    warn_of_copies(joined.members)
    if fitted is not None and not is_validation:
        refuse_other_origin(fitted, joined)
        fit_set = _without_leaks(fit_set, copies(fitted, joined), how)
    tables = [one for each in (joined, fitted) if each is not None for one in each.members.values()]
    tell_unchecked({one.path: one.manifest for one in tables})
    notes = {**_description(how, turns.parts), "fitted_on": _fitted_on(how, fitted, is_validation)}
    table = _table(joined, output, ensemble.softmaxes(), notes)
    del ensemble  # a float64 number for every probability
    extra = statistics(kept, joined, turns) | {"methods": methods(kept, joined, fit_set, how)}
    result = _write(joined, table, notes, extra, origin or Origin())
    accuracy = "no labels" if result["accuracy"] is None else f"accuracy {result['accuracy']:.4f}"
    print(f"{len(members)} members averaged over {result['rows']} sequences, {accuracy}: {output / 'ensemble.csv'}")
    return result


class Ensemble:
    """The ensemble while its members are added, one at a time."""

    def __init__(self, turns: Turns, shape: tuple[int, int]) -> None:
        """Starts an ensemble of `(N, K)` softmaxes."""
        self._turns = turns
        self._shape = shape
        self._sums = np.zeros(shape, order="F") if turns.additive else None
        self._members: dict[str, np.ndarray] = {}

    def add(self, member: str, probabilities: np.ndarray) -> None:
        """Adds a member's softmaxes `(N, K)`; kept where the method needs all members at once."""
        if self._sums is None:
            self._members[member] = probabilities
            return
        for rows in self._chunks():
            self._sums[rows] += self._turns.term(member, probabilities[rows], rows.start)

    def softmaxes(self) -> np.ndarray:
        """The result, `(N, K)` float32 in Fortran order; the winner before rounding stays the winner."""
        found = np.empty(self._shape, np.float32, order="F")
        for rows in self._chunks():
            if self._sums is None:
                exact = self._turns.combine({name: p[rows] for name, p in self._members.items()}, rows.start)
            else:
                exact = self._turns.finish(self._sums[rows], rows.start)
            found[rows] = _rounded(exact)
        return found

    def _chunks(self) -> list[slice]:
        count = self._shape[0]
        return [slice(start, min(start + _ROWS_AT_ONCE, count)) for start in range(0, count, _ROWS_AT_ONCE)]


def _rounded(exact: np.ndarray) -> np.ndarray:
    """As float32; where rounding makes a tie, the class that was ahead is put ahead again by one unit."""
    rounded = exact.astype(np.float32)
    winner = exact.argmax(axis=1)
    (lost,) = np.nonzero(rounded.argmax(axis=1) != winner)
    places = lost, winner[lost]
    rounded[places] = np.nextafter(rounded[places], np.float32(2))
    return rounded


def _refuse_what_is_lacking(how: Average, names: Sequence[str], fit_on: Sequence[Path]) -> None:
    """Refuses a method that lacks labels to learn from, or a weight for each member."""
    if how.is_fitted and not fit_on:
        raise GestureError(
            f"--method {how.title}: is fitted to labels: give the members' validation tables with --fit-on"
        )
    odd = sorted(set(names) ^ set(how.weights)) if how.weights is not None else []
    if odd:
        raise GestureError(f"--weights: {', '.join(odd)}: give one weight to each member that is averaged")


def _parts(how: Average, names: Sequence[str], data: FitSet | None, is_validation: bool) -> list[Combination]:
    """What the rows are combined by: one combination, or one a fold for the rows that a method is fitted on."""
    if data is not None and how.is_fitted and is_validation:
        return fit_folds(how.method, data, how.temperature_scaling, how.weights)
    return [fit(how.method, names, data, how.temperature_scaling, how.weights)]


def _without_leaks(data: FitSet | None, leaks: Sequence[tuple[Path, Path]], how: Average) -> FitSet | None:
    """The rows to fit on; none where they are the averaged ones under another name, which matters if any are needed.

    Raises:
        GestureError: the method itself was fitted on what it is judged by.
    """
    if data is None or not leaks:
        return data
    theirs, ours = leaks[0]
    what = f"--fit-on: {theirs} holds the same predictions as {ours}: nothing may be fitted on what it is judged by"
    if how.is_fitted:
        raise GestureError(what)
    print(f"{what}; methods that are fitted are not compared")
    return None


def _description(how: Average, parts: Sequence[Combination]) -> dict[str, Any]:
    """As JSON: the method and its numbers; of a fitted one that was scored out of fold, those of every fold."""
    return {
        "method": how.method,
        "calibrated": how.temperature_scaling,
        "combinations": [one.describe() for one in parts],
    }


def _fitted_on(how: Average, fitted: Joined | None, is_validation: bool) -> dict[str, Any] | None:
    """Which rows weights and temperature come from; None where nothing was fitted."""
    if fitted is None or not how.is_fitted:
        return None
    tables = {name: fitted.members[name].digest for name in sorted(fitted.members)}
    labelled_rows = int((fitted.labels >= 0).sum())
    return {**fitted.origin, "labelled": labelled_rows, "out_of_fold": is_validation, "content_digests": tables}


def _table(joined: Joined, output: Path, softmaxes: np.ndarray, notes: Mapping[str, Any]) -> Predictions:
    members = [
        {"member": name, "content_digest": one.digest, "checkpoint_digest": one.checkpoint_digest}
        for name, one in sorted(joined.members.items())
    ]
    made_by = {"step": "average", "member": "ensemble", "checkpoint_digest": None}
    manifest = {**joined.origin, **made_by, **notes, "members": members}
    labels = joined.labels if (joined.labels >= 0).any() else None
    return Predictions(output / ENSEMBLE, joined.ids, softmaxes, labels, manifest)


def _write(
    joined: Joined, table: Predictions, notes: Mapping[str, Any], extra: Mapping[str, Any], origin: Origin
) -> dict[str, Any]:
    """Writes the files; by now nothing can be wrong with the input."""
    members = dict(sorted(joined.members.items()))
    result = {
        "split": joined.origin["split"],
        **notes,
        "rows": len(table.ids),
        **metrics(table),
        "confusion": _confusion(table),
        "members": {name: dict(one.metrics) for name, one in members.items()},
        **_gain(table, members),
        **extra,
    }
    write_submission(table.path.with_name(SUBMISSION), table, origin.ids(joined.origin["split"]))
    write_predictions(table.path, table.ids, table.probabilities, table.labels, table.manifest)
    write_json(table.path.with_name(METRICS), sealed(result))
    write_origin(table, origin)
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
