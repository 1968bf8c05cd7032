"""How members differ, what each of them adds, and how good smaller ensembles and other methods are on the same rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gesture.average.fitted import Combination, Turns, fit, fit_folds, out_of_fold
from gesture.average.members import Joined
from gesture.average.methods import FitSet
from gesture.catalog import METHODS
from gesture.config.settings import Average
from gesture.evaluate.metrics import log_loss
from gesture.evaluate.predictions import Predictions

# Above it, what needs all members in memory at once is left out [numbers].
_MOST_NUMBERS = 8_000_000
_ORDERS = 30


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
    used = {name: p for name, p in sorted(kept.softmaxes.items()) if turns.uses(name)}
    if len(used) < 2 or not len(rows):
        return found
    if turns.additive:
        terms = [turns.term(name, p) for name, p in used.items()]
        found["accuracy_by_count"] = accuracy_by_count(terms, lambda t: turns.finish(t)[rows], labels)
        without = accuracy_without(terms, lambda t: turns.finish(t)[rows], labels)
    else:
        subsets = [{name: p for name, p in used.items() if name != left_out} for left_out in used]
        without = [_accuracy(turns.combine(subset)[rows], labels) for subset in subsets]
    found["accuracy_without"] = dict(zip(used, without, strict=True))
    return found


def methods(kept: Kept, joined: Joined, data: FitSet | None, how: Average) -> list[dict[str, Any]]:
    """Every method that can be had, with its scores on validation, out of fold, and on the averaged split.

    Args:
        kept: the averaged tables.
        joined: their labels.
        data: validation rows to fit on; without them there is only what needs none.
        how: the experiment's own method.
    """
    own, found = (how.method, how.temperature_scaling), []
    for name, temperature_scaling in dict.fromkeys([*((name, False) for name in METHODS), own]):
        weights = how.weights if METHODS[name].takes_weights else None
        if data is None and METHODS[name].is_fitted(temperature_scaling, weights):
            continue
        combination = fit(name, sorted(joined.members), data, temperature_scaling, weights)
        row = {**combination.describe(), "calibrated": temperature_scaling, "own": (name, temperature_scaling) == own}
        if data is not None:
            row["validation"] = _scores(
                out_of_fold(fit_folds(name, data, temperature_scaling, weights), data), data.labels
            )
        split = joined.origin["split"] or "averaged"
        if row.get(split) is None:
            row[split] = _score_averaged(kept, joined, combination)
        found.append(row)
    return found


def _score_averaged(kept: Kept, joined: Joined, combination: Combination) -> dict[str, float] | None:
    rows = joined.labels >= 0
    if not rows.any() or not kept.softmaxes:
        return None
    members = {name: p[rows] for name, p in sorted(kept.softmaxes.items())}
    return _scores(combination.combine(members), joined.labels[rows])


def _scores(softmaxes: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    chosen = softmaxes.argmax(axis=1)
    return {"accuracy": float((chosen == labels).mean()), "log_loss": log_loss(labels, softmaxes)}


def agreement(chosen: Sequence[np.ndarray]) -> np.ndarray:
    """Share of rows on which two members choose the same class, `(M, M)` float64; ``chosen``: `(N,)` a member."""
    shares = np.ones((len(chosen), len(chosen)))
    for one in range(len(chosen)):
        for other in range(one):
            shares[one, other] = shares[other, one] = (chosen[one] == chosen[other]).mean()
    return shares


def diversity(chosen: Sequence[np.ndarray], labels: np.ndarray) -> dict[str, float]:
    """Pairwise measures of Kuncheva and Whitaker (Machine Learning 51, 2003) and the bounds of any vote.

    Args:
        chosen: classes `(n,)` that each of at least two members chooses.
        labels: true classes `(n,)`.

    Returns:
        `disagreement`: one of two is right and the other not; `double_fault`: both are wrong (means over pairs of the
        shares of rows); `any_right` and `all_right`: shares of rows.
    """
    right = np.zeros(len(labels), np.int64)
    for one in chosen:
        right += one == labels
    count = len(chosen)
    wrong, pairs = count - right, count * (count - 1) / 2
    return {
        "disagreement": float((right * wrong).mean() / pairs),
        "double_fault": float((wrong * (wrong - 1) / 2).mean() / pairs),
        "any_right": float((right > 0).mean()),
        "all_right": float((wrong == 0).mean()),
    }


Finish = Callable[[np.ndarray], np.ndarray]


def accuracy_without(terms: Sequence[np.ndarray], finish: Finish, labels: np.ndarray) -> list[float]:
    """The ensemble's accuracy without each member in turn.

    Args:
        terms: what each of at least two members adds, `(n, K)`.
        finish: softmaxes from the sum.
        labels: true classes `(n,)`.
    """
    total = sum(terms)
    return [_accuracy(finish(total - term), labels) for term in terms]


def accuracy_by_count(
    terms: Sequence[np.ndarray], finish: Finish, labels: np.ndarray, seed: int = 0
) -> list[dict[str, float]]:
    """Accuracy of ensembles of 1, 2, ..., M members: `mean`, `lowest`, `highest` over random orders of joining."""
    generator = np.random.default_rng(seed)
    curves = np.empty((_ORDERS, len(terms)))
    for curve in curves:
        total = np.zeros_like(terms[0])
        for count, number in enumerate(generator.permutation(len(terms))):
            total += terms[number]
            curve[count] = _accuracy(finish(total), labels)
    return [
        {"mean": float(column.mean()), "lowest": float(column.min()), "highest": float(column.max())}
        for column in curves.T
    ]


def _accuracy(softmaxes: np.ndarray, labels: np.ndarray) -> float:
    return float((softmaxes.argmax(axis=1) == labels).mean())
