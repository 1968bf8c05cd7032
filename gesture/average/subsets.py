"""What each member adds, and how good smaller ensembles and other methods are on the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gesture.average.diversity import accuracy_by_count, accuracy_without, agreement, diversity
from gesture.average.fitted import FitSet, fit, fit_folds, out_of_fold
from gesture.average.joined import Joined
from gesture.average.methods import FITTED, METHODS, Combination
from gesture.average.running import Turns
from gesture.evaluate.metrics import log_loss
from gesture.evaluate.predictions import Predictions

# Above it, what needs all members in memory at once is left out [numbers].
_MOST_NUMBERS = 8_000_000


@dataclass
class Kept:
    """Softmaxes of all members, unless they are too many."""

    members: int
    softmaxes: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, table: Predictions) -> None:
        """Keeps a member's softmaxes if those of all members together are few enough."""
        if self.members * table.probabilities.size <= _MOST_NUMBERS:
            self.softmaxes[table.name] = table.probabilities


def statistics(kept: Kept, joined: Joined, turns: Turns) -> dict[str, Any]:
    """`agreement`, `diversity`, `accuracy_by_count`, `accuracy_without`; None where it cannot be known."""
    names = sorted(joined.members)
    chosen = [joined.members[name].chosen for name in names]
    rows = np.flatnonzero(joined.labels >= 0)
    labels = joined.labels[rows]
    found: dict[str, Any] = dict.fromkeys(("agreement", "diversity", "accuracy_by_count", "accuracy_without"))
    if len(names) > 1 and len(joined.ids):
        found["agreement"] = {"members": names, "shares": agreement(chosen).round(6).tolist()}
    if len(names) > 1 and len(rows):
        found["diversity"] = diversity([one[rows] for one in chosen], labels)
    used = [name for name in names if turns.uses(name)]
    if len(used) > 1 and len(rows) and kept.softmaxes:
        terms = [turns.term(name, kept.softmaxes[name]) for name in used]
        found["accuracy_by_count"] = accuracy_by_count(terms, lambda t: turns.finish(t)[rows], labels)
        without = accuracy_without(terms, lambda t: turns.finish(t)[rows], labels)
        found["accuracy_without"] = dict(zip(used, without, strict=True))
    return found


def methods(
    kept: Kept, joined: Joined, data: FitSet | None, weights: Mapping[str, float] | None, own: tuple[str, bool]
) -> list[dict[str, Any]]:
    """Every method that can be had, with its scores on validation, out of fold, and on the averaged split.

    Args:
        kept: the averaged tables.
        joined: their labels.
        data: validation rows to fit on; without them there is only what needs none.
        weights: those of method `weights`, if they were given.
        own: the experiment's own method and whether it is calibrated.
    """
    found = []
    for name, calibrated in dict.fromkeys([*((name, False) for name in METHODS), own]):
        given = dict(weights) if weights and name == "weights" else None
        if data is None and (calibrated or (name in FITTED and given is None)):
            continue
        combination = (
            Combination(name, given or dict.fromkeys(sorted(joined.members), 1.0))
            if data is None
            else fit(name, data, calibrated, given)
        )
        row = {**combination.describe(), "calibrated": calibrated, "own": (name, calibrated) == own}
        if data is not None:
            row["validation"] = _scores(out_of_fold(fit_folds(name, data, calibrated, given), data), data.labels)
        split = joined.origin["split"] or "averaged"
        if row.get(split) is None:
            row[split] = _score_averaged(kept, joined, combination)
        found.append(row)
    return found


def _score_averaged(kept: Kept, joined: Joined, combination: Combination) -> dict[str, float] | None:
    rows = joined.labels >= 0
    if not rows.any() or not kept.softmaxes:
        return None
    total = sum(combination.term(name, p[rows]) for name, p in sorted(kept.softmaxes.items()))
    return _scores(combination.finish(np.asarray(total)), joined.labels[rows])


def _scores(softmaxes: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    chosen = softmaxes.argmax(axis=1)
    return {"accuracy": float((chosen == labels).mean()), "log_loss": log_loss(labels, softmaxes)}
