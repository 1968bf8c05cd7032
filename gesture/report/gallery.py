"""Which figures an experiment's results allow."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from gesture.evaluate.metrics import confusion_matrix, labelled, reliability
from gesture.report import figures
from gesture.report.results import Results
from gesture.report.sessions import Session
from gesture.report.svg import Picture
from gesture.report.timeline import timeline


def gallery(results: Results) -> dict[str, Picture]:
    """All figures by name; those of the ensemble are of the leading split, and missing where nothing has labels."""
    found = _of_training(results)
    split = results.leading_split
    if split is not None and split in results.ensemble:
        found += _of_ensemble(results, split) + _of_members(results, split)
    return {one.name: one for one in found}


def _of_training(results: Results) -> list[Picture]:
    found = []
    for variant in results.experiment.variants:
        histories = {n: one.history for n, one in results.members.items() if one.member.variant_name == variant}
        restarts = {name: _restarts(results.members[name].sessions) for name in histories}
        drawn = figures.learning_curves(variant, histories, restarts)
        if drawn is not None:
            found.append(drawn)
    drawn = timeline({name: one.sessions for name, one in results.members.items()})
    return [*found, drawn] if drawn is not None else found


def _restarts(sessions: Sequence[Session]) -> list[int]:
    """Steps at which a session went on inside a stage."""
    pairs = pairwise(sessions)
    return [one.step for before, one in pairs if one.stage == before.stage and one.step is not None]


def _of_ensemble(results: Results, split: str) -> list[Picture]:
    own, table = results.metrics[split], results.ensemble[split]
    y, p, chosen = labelled(table)
    rows = [
        (name, one.metrics[split]["accuracy"], one.metrics[split]["accuracy_interval"])
        for name, one in results.members.items()
        if results.accuracy(split, name) is not None
    ]
    best = own["best_member"]
    best_recall = own["members"][best]["recall"] if best else [None] * table.classes
    return [
        figures.accuracies([*rows, ("ensemble", own["accuracy"], own["accuracy_interval"])], split),
        figures.confusion(confusion_matrix(y, chosen, table.classes), results.class_names(table), split),
        figures.per_class(own["recall"], best_recall, results.class_names(table), best or "best member"),
        figures.calibration(reliability(y, chosen, p.max(axis=1)), own["calibration_error"]),
    ]


def _of_members(results: Results, split: str) -> list[Picture]:
    own = results.metrics[split]
    found = []
    if own.get("agreement"):
        found.append(figures.agreement(np.array(own["agreement"]["shares"]), own["agreement"]["members"]))
    if own.get("accuracy_by_count"):
        found.append(figures.by_count(own["accuracy_by_count"], split))
    return found
