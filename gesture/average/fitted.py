"""Weights, selection, stacking and temperature, fitted on the validation split.

All are deterministic: the members come in the order of their content digests, the rows in the order of Ids, and nothing
is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from gesture.average.methods import Combination, logarithms, softmax

FOLDS = 5
_GREEDY_ROUNDS = 100
_TINY = 1e-12


@dataclass(frozen=True)
class FitSet:
    """What methods are fitted on: labelled rows of the members' validation tables.

    Attributes:
        names: members, `M` of them.
        probabilities: `(M, n, K)` float64.
        labels: `(n,)` int64, 0-based.
        fold: `(n,)`, 0 to 4: rows of the whole table in the order of Ids take turns.
    """

    names: Sequence[str]
    probabilities: np.ndarray
    labels: np.ndarray
    fold: np.ndarray

    def rows(self, chosen: np.ndarray) -> "FitSet":
        """Some of the rows."""
        return FitSet(self.names, self.probabilities[:, chosen], self.labels[chosen], self.fold[chosen])

    @cached_property
    def own(self) -> np.ndarray:
        """What each member gives to the true class, `(M, n)`, at least 1e-12."""
        chosen = self.probabilities[:, np.arange(len(self.labels)), self.labels]
        return np.maximum(chosen, _TINY)

    def combined(self, combination: Combination) -> np.ndarray:
        """The ensemble's softmaxes of these rows, `(n, K)` float64."""
        pairs = zip(self.names, self.probabilities, strict=True)
        return combination.finish(np.asarray(sum(combination.term(name, p) for name, p in pairs)))


def fit(method: str, data: FitSet, calibrated: bool, given: dict[str, float] | None = None) -> Combination:
    """The method's weights from these rows, and its temperature if it is to be calibrated.

    Args:
        method: one of `METHODS`.
        data: rows to learn from; the means without calibration need none.
        calibrated: whether a temperature is fitted too.
        given: weights of method `weights` that need no fitting.
    """
    bias = None
    if method == "weights":
        weights = _log_loss_weights(data.own) if given is None else np.array([given[name] for name in data.names])
    elif method == "greedy":
        weights = _greedy_counts(data.own)
    elif method == "stacking":
        weights, bias = _stacked(logarithms(data.probabilities), data.labels)
    else:
        weights = np.ones(len(data.names))
    named = dict(zip(data.names, map(float, weights), strict=True))
    combination = Combination(method, named, bias)
    if calibrated:
        return replace(combination, temperature=_temperature(data.combined(combination), data.labels))
    return combination


def fit_folds(method: str, data: FitSet, calibrated: bool, given: dict[str, float] | None = None) -> list[Combination]:
    """One combination a fold, fitted on the rows of the other four: for scores on rows that a method is fitted on."""
    return [fit(method, data.rows(data.fold != one), calibrated, given) for one in range(FOLDS)]


def out_of_fold(parts: Sequence[Combination], data: FitSet) -> np.ndarray:
    """Softmaxes `(n, K)` of these very rows, each by the combination that was fitted without it."""
    found = np.empty(data.probabilities.shape[1:])
    for one, part in enumerate(parts):
        found[data.fold == one] = data.rows(data.fold == one).combined(part)
    return found


def _log_loss_weights(own: np.ndarray) -> np.ndarray:
    """Weights `(M,)` of the simplex whose mixture has the least log loss: a convex problem, solved by SLSQP."""
    count = len(own)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        mixture = np.maximum(weights @ own, _TINY)
        return float(-np.log(mixture).mean()), -(own / mixture).mean(axis=1)

    total = {"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": lambda weights: np.ones(count)}
    start = np.full(count, 1 / count)
    found = minimize(loss, start, jac=True, method="SLSQP", bounds=[(0, 1)] * count, constraints=total, tol=1e-9).x
    # What is left of the solver's noise would keep a member that counts for nothing.
    found = np.where(found < 1e-6, 0, found)
    return np.asarray(found / found.sum())


def _greedy_counts(own: np.ndarray) -> np.ndarray:
    """How often each member is taken, `(M,)`, when the best one for the mean's log loss joins again and again.

    Selection with replacement; of all its lengths up to 100 the best is kept (Caruana et al., ICML 2004).
    """
    total, counts = np.zeros(own.shape[1]), np.zeros(len(own))
    best, kept = np.inf, counts
    for size in range(1, _GREEDY_ROUNDS + 1):
        losses = -np.log((total + own) / size).mean(axis=1)
        chosen = int(losses.argmin())
        total += own[chosen]
        counts[chosen] += 1
        if losses[chosen] < best - 1e-9:
            best, kept = losses[chosen], counts.copy()
    return kept


def _stacked(logs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights `(M,)` of the members' logarithms, at least 0, and a bias `(K,)`: a logistic regression.

    Stacking (Wolpert, Neural Networks 5, 1992) with non-negative weights (Breiman, Machine Learning 24, 1996). One
    weight a member, and a ridge that pulls towards the geometric mean, let it be fitted on a few hundred rows. Solved
    by L-BFGS-B.
    """
    members, rows, classes = logs.shape
    target = np.eye(classes)[labels]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = values[:members], values[members:]
        p = softmax(np.tensordot(weights, logs, 1) + bias)
        pull = weights - 1 / members
        ridge = (members * pull @ pull + bias @ bias) / 2
        own = np.maximum(p[np.arange(rows), labels], _TINY)
        slope = p - target
        gradient = [np.einsum("nk,mnk->m", slope, logs) + members * pull, slope.sum(axis=0) + bias]
        return float(-np.log(own).sum() + ridge) / rows, np.concatenate(gradient) / rows

    start = np.concatenate([np.full(members, 1 / members), np.zeros(classes)])
    bounds = [(0, None)] * members + [(None, None)] * classes
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}).x
    return found[:members], found[members:]


def _temperature(p: np.ndarray, labels: np.ndarray) -> float:
    """The temperature from 1/20 to 20 with the least log loss (Guo et al., ICML 2017)."""
    logs = logarithms(p)

    def loss(logarithm: float) -> float:
        own = softmax(logs / np.exp(logarithm))[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(own, _TINY)).mean())

    bound = np.log(20)
    return float(np.exp(minimize_scalar(loss, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-4}).x))
