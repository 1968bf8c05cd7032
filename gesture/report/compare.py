"""Experiments side by side, with paired tests on the sequences that they share."""

import warnings
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from gesture.base.errors import GestureError
from gesture.base.files import read_manifest, write_json
from gesture.config.layout import ENSEMBLE, METRICS, Layout, ResultFolder
from gesture.evaluate.metrics import metrics, paired_gain
from gesture.evaluate.predictions import Predictions, listing, read_predictions, tell_unchecked
from gesture.report.summary import aligned
from gesture.report.verdict import verdict

_VERDICTS = {
    "gain": "second is better",
    "loss": "first is better",
    "disagree": "tests disagree",
    "undecided": "undecided",
}


def compare(folders: Sequence[Path], split: str | None, output: Path | None = None) -> dict[str, Any]:
    """Compares the ensembles of two or more experiments; prints two tables.

    Args:
        folders: results folders; a bare name stands for `results/<name>`.
        split: ``test`` or ``validation``; None = test where all have labels there, else validation.
        output: JSON to write, if any.

    Returns:
        `split`, `experiments` (name -> figures on all its labelled sequences) and `pairs`: paired bootstrap interval
        and McNemar's test on the common sequences, with p values after Holm (Scand. J. Statistics 6, 1979) where there
        are several pairs, and the `verdict` of both.

    Raises:
        FailedForGoodError: a table was changed after it was written.
        GestureError: fewer than two experiments, one without labels, or labels that contradict each other.
    """
    places = [one if one.is_dir() else Layout(str(one)).results.path for one in folders]
    if len({one.resolve() for one in places}) < max(2, len(places)):
        raise GestureError("name two or more different experiments")
    split = split or _common_split(places)
    tables = {name: _labelled(place, split) for name, place in zip(_names(places), places, strict=True)}
    pairs = [_pair(one, tables[one], other, tables[other]) for one, other in combinations(tables, 2)]
    for pair, p in zip(pairs, holm([one["mcnemar_p"] for one in pairs]), strict=True):
        pair["mcnemar_p_holm"] = p
        pair["verdict"] = None if p is None else verdict(pair["interval"], p)
    tell_unchecked({table.path: table.manifest for table in tables.values()})
    result = {"split": split, "experiments": {name: _figures(table) for name, table in tables.items()}, "pairs": pairs}
    if output is not None:
        write_json(output, result)
    print(told(result))
    return result


def _names(places: Sequence[Path]) -> list[str]:
    """The folders' names, or as much of their paths as keeps them apart."""
    names = [one.resolve().name for one in places]
    return names if len(set(names)) == len(names) else [str(one) for one in places]


def _common_split(places: Sequence[Path]) -> str:
    for split, file in (("test", METRICS), ("validation", f"validation/{METRICS}")):
        paths = [one / file for one in places]
        if all(path.exists() and read_manifest(path, "average").get("labelled") for path in paths):
            return split
    raise GestureError(
        f"{', '.join(map(str, places))}: no split is averaged and labelled in all of them: nothing can be compared"
    )


def _labelled(place: Path, split: str) -> Predictions:
    """The ensemble on the labelled rows of a split.

    Raises:
        GestureError: there are none.
    """
    table = read_predictions(ResultFolder(place).average(split) / ENSEMBLE, "ensemble")
    if table.labels is None:
        raise GestureError(f"{table.path}: no sequence of the {split} split has a label: nothing can be compared")
    rows = table.labels >= 0
    return Predictions(table.path, table.ids[rows], table.probabilities[rows], table.labels[rows], table.manifest)


def _figures(table: Predictions) -> dict[str, Any]:
    keys = ("accuracy", "accuracy_interval", "top_3_accuracy", "macro_f1", "log_loss", "calibration_error", "labelled")
    figures = metrics(table)
    members = len(table.manifest.get("members", []))
    return {"members": members, "method": table.manifest.get("method"), **{key: figures[key] for key in keys}}


def _pair(name: str, one: Predictions, other_name: str, other: Predictions) -> dict[str, Any]:
    """The second against the first on the sequences that both hold."""
    ids, here, there = np.intersect1d(one.ids, other.ids, assume_unique=True, return_indices=True)
    pair: dict[str, Any] = {"first": name, "second": other_name, "common": len(ids)}
    if not len(ids):
        return {**pair, "gain": None, "interval": None, "only_first": None, "only_second": None, "mcnemar_p": None}
    assert one.labels is not None
    assert other.labels is not None
    labels = one.labels[here]
    conflict = labels != other.labels[there]
    if conflict.any():
        raise GestureError(
            f"{other.path}: {listing(ids[conflict])}: label differs from {one.path}: these are not the same sequences"
        )
    if one.manifest.get("data_digest") != other.manifest.get("data_digest"):
        warnings.warn(f"{name} and {other_name} saw different records; they are joined on Id alone", stacklevel=2)
    gain = paired_gain(other.chosen[there] == labels, one.chosen[here] == labels)
    return {
        **pair,
        "gain": gain["accuracy"],
        "interval": gain["interval"],
        "only_first": gain["only_member_right"],
        "only_second": gain["only_ensemble_right"],
        "mcnemar_p": gain["mcnemar_p"],
    }


def holm(values: Sequence[float | None]) -> list[float | None]:
    """p values adjusted for their number by Holm's step-down method; None stays None."""
    known = sorted((p, place) for place, p in enumerate(values) if p is not None)
    found: list[float | None] = [None] * len(values)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        found[place] = highest
    return found


def told(result: dict[str, Any]) -> str:
    """Both tables as text."""
    rows = [["experiment", "members", "method", "sequences", "accuracy", "95 % interval", "macro F1", "log loss"]]
    for name, one in result["experiments"].items():
        low, high = one["accuracy_interval"]
        scores = [
            f"{one['accuracy']:.1%}",
            f"{low:.1%} to {high:.1%}",
            f"{one['macro_f1']:.3f}",
            f"{one['log_loss']:.3f}",
        ]
        rows.append([name, str(one["members"]), one["method"] or "unknown", str(one["labelled"]), *scores])
    columns = ["common", "gain", "95 % interval", "only first", "only second", "p", "p (Holm)", "verdict"]
    pairs = [["second against first", *columns]]
    for pair in result["pairs"]:
        title = f"{pair['second']} - {pair['first']}"
        if not pair["common"]:
            pairs.append([title, "0", *["-"] * (len(columns) - 1)])
            continue
        low, high = pair["interval"]
        counts = [str(pair["only_first"]), str(pair["only_second"])]
        tests = [f"{pair['mcnemar_p']:.2g}", f"{pair['mcnemar_p_holm']:.2g}", _VERDICTS[pair["verdict"]]]
        pairs.append(
            [title, str(pair["common"]), f"{pair['gain']:+.1%}", f"{low:+.1%} to {high:+.1%}", *counts, *tests]
        )
    note = (
        "interval: paired bootstrap; p: McNemar's exact test on the common sequences\n"
        "verdict: better where the interval leaves out 0 and p (Holm) is below 0.05"
    )
    return "\n".join([f"split: {result['split']}", "", *aligned(rows), "", *aligned(pairs), "", note])
