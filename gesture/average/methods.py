"""Methods of averaging: how members' softmaxes become one, and how each method is fitted.

The five here are all `normalise(sum over members of weight * f(softmax) + bias)`; they differ in `f` and in where the
weights come from. A new method is a class, here or in a file of its own, and one line of `METHODS` in
`gesture/catalog.py`. All are deterministic: the members come in an order of their own, the rows in the order of Ids,
and nothing is drawn.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize

SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
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

    @property
    def members(self) -> dict[str, np.ndarray]:
        """Member -> softmaxes `(n, K)`."""
        return dict(zip(self.names, self.probabilities, strict=True))

    @cached_property
    def own(self) -> np.ndarray:
        """What each member gives to the true class, `(M, n)`, at least 1e-12."""
        chosen = self.probabilities[:, np.arange(len(self.labels)), self.labels]
        return np.maximum(chosen, _TINY)


class Method(ABC):
    """One way to make a softmax out of the members', with the numbers that it was fitted to.

    Attributes:
        weights: member -> weight, at least 0; a member of weight 0 is not used.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.weights = dict(sorted(weights.items()))

    @classmethod
    def fit(cls, names: Sequence[str], data: FitSet | None, weights: Mapping[str, float] | None) -> Self:
        """The method, fitted; unless a method says otherwise nothing is, and all members count alike.

        Args:
            names: members.
            data: rows of these members to learn from; None only where nothing has to be learnt.
            weights: given instead of fitted ones, for a method that takes them.
        """
        return cls(dict.fromkeys(names, 1.0))

    @abstractmethod
    def combine(self, members: Mapping[str, np.ndarray]) -> np.ndarray:
        """Softmaxes `(n, K)` float64 of rows, from those of the members, `(n, K)` each."""

    def describe(self) -> dict[str, Any]:
        """The numbers as JSON; `bias` is there in every file since 0.1.0."""
        return {"weights": self.weights, "bias": None}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """The method with the numbers that `describe` gave."""
        return cls(value["weights"])


class Additive(Method):
    """A method whose result follows from a sum over members, so that one member at a time is in memory."""

    @abstractmethod
    def term(self, member: str, probabilities: np.ndarray) -> np.ndarray:
        """What one member adds, `(n, K)` float64."""

    @abstractmethod
    def finish(self, total: np.ndarray) -> np.ndarray:
        """The softmax `(n, K)` float64 from the sum of all terms."""

    def combine(self, members: Mapping[str, np.ndarray]) -> np.ndarray:
        """Softmaxes of rows, see `Method`; terms are added in the order of the mapping."""
        return self.finish(np.asarray(sum(self.term(name, p) for name, p in members.items())))


class Mean(Additive):
    """The arithmetic mean."""

    def term(self, member: str, probabilities: np.ndarray) -> np.ndarray:
        """The weighted softmax."""
        return _weighted(self.weights[member], probabilities.astype(np.float64))

    def finish(self, total: np.ndarray) -> np.ndarray:
        """The sum over the weights' sum."""
        return np.asarray(total / sum(self.weights.values()))


class WeightedMean(Mean):
    """The mean with weights that are given, or have the least log loss."""

    @classmethod
    def fit(cls, names: Sequence[str], data: FitSet | None, weights: Mapping[str, float] | None) -> Self:
        """Weights of the simplex whose mixture has the least log loss: a convex problem, solved by SLSQP."""
        if weights is not None:
            return cls(weights)
        assert data is not None
        own, count = data.own, len(data.names)

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            mixture = np.maximum(weights @ own, _TINY)
            return float(-np.log(mixture).mean()), -(own / mixture).mean(axis=1)

        total = {"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": lambda weights: np.ones(count)}
        start = np.full(count, 1 / count)
        found = minimize(loss, start, jac=True, method="SLSQP", bounds=[(0, 1)] * count, constraints=total, tol=1e-9).x
        # What is left of the solver's noise would keep a member that counts for nothing.
        found = np.where(found < 1e-6, 0, found)
        return cls(_named(data, found / found.sum()))


class Greedy(Mean):
    """The mean of the members that greedy selection takes, each as often as it takes it."""

    @classmethod
    def fit(cls, names: Sequence[str], data: FitSet | None, weights: Mapping[str, float] | None) -> Self:
        """How often each member is taken when the best one for the mean's log loss joins again and again.

        Selection with replacement; of all its lengths up to 100 the best is kept (Caruana et al., ICML 2004).
        """
        assert data is not None
        own = data.own
        total, counts = np.zeros(own.shape[1]), np.zeros(len(own))
        best, kept = np.inf, counts
        for size in range(1, _GREEDY_ROUNDS + 1):
            losses = -np.log((total + own) / size).mean(axis=1)
            chosen = int(losses.argmin())
            total += own[chosen]
            counts[chosen] += 1
            if losses[chosen] < best - 1e-9:
                best, kept = losses[chosen], counts.copy()
        return cls(_named(data, kept))


class Geometric(Additive):
    """The geometric mean, made to sum to 1."""

    def term(self, member: str, probabilities: np.ndarray) -> np.ndarray:
        """The weighted logarithm of the softmax."""
        return _weighted(self.weights[member], logarithms(probabilities.astype(np.float64)))

    def finish(self, total: np.ndarray) -> np.ndarray:
        """The softmax of the mean of the logarithms."""
        return softmax(total / len(self.weights))


class Stacking(Geometric):
    """A logistic regression on the members' logarithms.

    Stacking (Wolpert, Neural Networks 5, 1992) with non-negative weights (Breiman, Machine Learning 24, 1996). One
    weight a member, and a ridge that pulls towards the geometric mean, let it be fitted on a few hundred rows.

    Attributes:
        bias: added to the sum of weighted logarithms, `(K,)` float64.
    """

    def __init__(self, weights: Mapping[str, float], bias: np.ndarray) -> None:
        super().__init__(weights)
        self.bias = bias

    @classmethod
    def fit(cls, names: Sequence[str], data: FitSet | None, weights: Mapping[str, float] | None) -> Self:
        """Weights of at least 0, and a bias; solved by L-BFGS-B."""
        assert data is not None
        logs, labels = logarithms(data.probabilities), data.labels
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
        return cls(_named(data, found[:members]), found[members:])

    def finish(self, total: np.ndarray) -> np.ndarray:
        """The softmax of the sum with the bias."""
        return softmax(total + self.bias)

    def describe(self) -> dict[str, Any]:
        """Weights and bias as JSON."""
        return {"weights": self.weights, "bias": self.bias.tolist()}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """The method with the numbers that `describe` gave."""
        return cls(value["weights"], np.array(value["bias"]))


def logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Natural logarithms, finite also where a probability is 0: that counts as the smallest float32."""
    return np.log(np.maximum(probabilities, SMALLEST))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def _weighted(weight: float, values: np.ndarray) -> np.ndarray:
    return values if weight == 1 else weight * values


def _named(data: FitSet, weights: np.ndarray) -> dict[str, float]:
    return dict(zip(data.names, weights.tolist(), strict=True))
