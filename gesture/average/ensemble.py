"""Averages the members' softmaxes into one prediction file.

One member is held in memory at a time. The sums are exact (`ExactSum`), so the bytes of the result do not depend on
the order of members or rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gesture.average.fitted import FitSet, fit, fit_folds
from gesture.average.joined import Joined, Summary, refuse_repeated_files, warn_of_copies
from gesture.average.members import read_fit_set, read_member, refuse_leaks
from gesture.average.methods import FITTED, METHODS, Combination
from gesture.average.origin import Origin, write_origin
from gesture.average.running import RunningEnsemble, Turns
from gesture.average.submission import write_submission
from gesture.average.subsets import Kept, methods, statistics
from gesture.base.errors import GestureError
from gesture.base.files import write_json
from gesture.base.problems import not_one_of
from gesture.evaluate.metrics import confusion_matrix, labelled, metrics, paired_gain
from gesture.evaluate.predictions import Predictions, read_manifest, write_predictions


@dataclass(frozen=True)
class Method:
    """How to average.

    Attributes:
        name: one of `METHODS`.
        weights: member -> weight, for `weights`; None = fitted.
        calibrated: whether a temperature is fitted to the result.
        fit_on: validation tables of the same members, what is fitted is fitted on.
    """

    name: str = "mean"
    weights: Mapping[str, float] | None = None
    calibrated: bool = False
    fit_on: Sequence[Path] = field(default_factory=tuple)

    @property
    def is_fitted(self) -> bool:
        """Whether labels are needed to find weights or temperature."""
        return self.calibrated or (self.name in FITTED and self.weights is None)

    @property
    def title(self) -> str:
        """For messages and tables."""
        return f"{self.name}, calibrated" if self.calibrated else self.name

    def describe(self, parts: Sequence[Combination]) -> dict[str, Any]:
        """As JSON: the method and its numbers; of a fitted one that was scored out of fold, those of every fold."""
        numbers = [one.describe() for one in parts]
        return {"method": self.name, "calibrated": self.calibrated, "combinations": numbers}


def average(
    members: Sequence[Path],
    output: Path,
    method: Method | str = "mean",
    origin: Origin | None = None,
) -> dict[str, Any]:
    """Averages the members of one split; writes `ensemble.csv`, `submission.csv`, `metrics.json`, `submission.json`.

    Args:
        members: predictions tables or soft labels of 2019, joined on Id.
        output: folder of the files.
        method: how to average; a name alone means no more than that.
        origin: settings and records, for `submission.json` and to see that no Id is missing.

    Returns:
        What `metrics.json` holds.

    Raises:
        GestureError: the tables do not fit together; nothing is written.
    """
    how = Method(method) if isinstance(method, str) else method
    if not members:
        raise GestureError("no member given: name at least one predictions table")
    refuse_repeated_files(members)
    names = [str(read_manifest(path).get("member") or path.stem) for path in members]
    _check(how, names)
    needed_by = f"method {how.title!r}" if how.is_fitted else None
    fit_set, fitted = read_fit_set(how.fit_on, names, needed_by) if how.fit_on else (None, None)
    is_validation = {path.resolve() for path in members} == {path.resolve() for path in how.fit_on}
    turns = Turns(_parts(how, names, fit_set, is_validation))
    joined, kept, running = Joined(), Kept(len(members)), None
    for path in members:
        table = read_member(path)
        joined.add(table)
        running = running or RunningEnsemble(turns, (len(table.ids), table.classes))
        running.add(table.name, table.probabilities)
        kept.add(table)
        del table  # or it would stay in memory while the next one is read
    assert running is not None
    warn_of_copies(joined.members)
    if fitted is not None and not is_validation:
        refuse_leaks(fitted, joined.members, **joined.origin)
    notes = {**how.describe(turns.parts), "fitted_on": _fitted_on(how, fitted, is_validation)}
    table = _ensemble(joined, output, running.softmaxes(), notes)
    del running  # two float64 numbers for every probability
    own = (how.name, how.calibrated)
    extra = statistics(kept, joined, turns) | {"methods": methods(kept, joined, fit_set, how.weights, own)}
    result = _write(joined, table, notes, extra, origin or Origin())
    accuracy = "no labels" if result["accuracy"] is None else f"accuracy {result['accuracy']:.4f}"
    print(f"{len(members)} members averaged over {result['rows']} sequences, {accuracy}: {output / 'ensemble.csv'}")
    return result


def _check(how: Method, names: Sequence[str]) -> None:
    """Refuses a method that is none, or that lacks what it needs."""
    if how.name not in METHODS:
        raise GestureError(f"--method: {not_one_of(how.name, 'method of averaging', METHODS)}")
    if how.is_fitted and not how.fit_on:
        raise GestureError(
            f"--method {how.title}: is fitted to labels: give the members' validation tables with --fit-on"
        )
    if how.weights is None:
        return
    if how.name != "weights":
        raise GestureError(f"--weights: method {how.name!r} takes none: use --method weights")
    odd = sorted(set(names) ^ set(how.weights))
    if odd:
        raise GestureError(f"--weights: {', '.join(odd)}: give one weight to each member that is averaged")
    if min(how.weights.values()) < 0 or sum(how.weights.values()) <= 0:
        raise GestureError("--weights: expected numbers of at least 0, not all 0")


def _parts(how: Method, names: Sequence[str], data: FitSet | None, is_validation: bool) -> list[Combination]:
    """What the rows are combined by: one combination, or one a fold for the rows that a method is fitted on."""
    given = None if how.weights is None else dict(how.weights)
    if data is None or not how.is_fitted:
        return [Combination(how.name, given or dict.fromkeys(names, 1.0))]
    if is_validation:
        return fit_folds(how.name, data, how.calibrated, given)
    return [fit(how.name, data, how.calibrated, given)]


def _fitted_on(how: Method, fitted: Joined | None, is_validation: bool) -> dict[str, Any] | None:
    """Which rows weights and temperature come from; None where nothing was fitted."""
    if fitted is None or not how.is_fitted:
        return None
    tables = {name: fitted.members[name].digest for name in sorted(fitted.members)}
    labelled_rows = int((fitted.labels >= 0).sum())
    return {**fitted.origin, "labelled": labelled_rows, "out_of_fold": is_validation, "content_digests": tables}


def _ensemble(joined: Joined, output: Path, softmaxes: np.ndarray, notes: Mapping[str, Any]) -> Predictions:
    members = [
        {"member": name, "content_digest": one.digest, "checkpoint_digest": one.checkpoint_digest}
        for name, one in sorted(joined.members.items())
    ]
    manifest = {**joined.origin, "member": "ensemble", "checkpoint_digest": None, **notes, "members": members}
    labels = joined.labels if (joined.labels >= 0).any() else None
    return Predictions(output / "ensemble.csv", joined.ids, softmaxes, labels, manifest)


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
    write_submission(table.path.with_name("submission.csv"), table, origin.ids(joined.origin["split"]))
    write_predictions(table.path, table.ids, table.probabilities, table.labels, table.manifest)
    write_json(table.path.with_name("metrics.json"), result)
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
