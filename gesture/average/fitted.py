"""Methods fitted to rows, with the temperature of their result; for rows that they are fitted on, fold by fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from gesture.average.methods import Additive, FitSet, Method, logarithms, softmax
from gesture.catalog import METHODS
from gesture.config.old_names import METHODS as METHOD_NAMES

FOLDS = 5
_TINY = 1e-12


@dataclass(frozen=True)
class Combination:
    """A fitted method, and how sure its result is made.

    Attributes:
        name: one of `METHODS`.
        method: with its numbers.
        temperature: the result's logarithms are divided by it (Guo et al., ICML 2017); 1 leaves it as it is.
    """

    name: str
    method: Method
    temperature: float = 1.0

    def combine(self, members: Mapping[str, np.ndarray]) -> np.ndarray:
        """Softmaxes `(n, K)` float64 of rows, from those of the members, `(n, K)` each."""
        return self.cooled(self.method.combine(members))

    def cooled(self, p: np.ndarray) -> np.ndarray:
        """The method's softmaxes at the temperature."""
        return p if self.temperature == 1 else softmax(logarithms(p) / self.temperature)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Combination":
        """From what `describe` gave."""
        name = METHOD_NAMES.get(value["method"], value["method"])
        return cls(name, METHODS[name].load().of(value), value["temperature"])

    def describe(self) -> dict[str, Any]:
        """As JSON."""
        return {"method": self.name, **self.method.describe(), "temperature": self.temperature}


def fit(
    name: str,
    names: Sequence[str],
    data: FitSet | None = None,
    temperature_scaling: bool = False,
    weights: Mapping[str, float] | None = None,
) -> Combination:
    """The method's numbers from these rows, and its temperature if it is to be calibrated.

    Args:
        name: one of `METHODS`.
        names: members.
        data: rows of these members to learn from; None only where nothing has to be learnt.
        temperature_scaling: whether a temperature is fitted too.
        weights: given instead of fitted ones, for a method that takes them.
    """
    combination = Combination(name, METHODS[name].load().fit(names, data, weights))
    if not temperature_scaling:
        return combination
    assert data is not None
    return replace(combination, temperature=_temperature(combination.combine(data.members), data.labels))


def fit_folds(
    name: str, data: FitSet, temperature_scaling: bool = False, weights: Mapping[str, float] | None = None
) -> list[Combination]:
    """One combination a fold, fitted on the rows of the other four: for scores on rows that a method is fitted on."""
    return [fit(name, data.names, data.rows(data.fold != one), temperature_scaling, weights) for one in range(FOLDS)]


def out_of_fold(parts: Sequence[Combination], data: FitSet) -> np.ndarray:
    """Softmaxes `(n, K)` of these very rows, each by the combination that was fitted without it."""
    found = np.empty(data.probabilities.shape[1:])
    for one, part in enumerate(parts):
        found[data.fold == one] = part.combine(data.rows(data.fold == one).members)
    return found


def _temperature(p: np.ndarray, labels: np.ndarray) -> float:
    """The temperature from 1/20 to 20 with the least log loss (Guo et al., ICML 2017)."""
    logs = logarithms(p)

    def loss(logarithm: float) -> float:
        own = softmax(logs / np.exp(logarithm))[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(own, _TINY)).mean())

    bound = np.log(20)
    return float(np.exp(minimize_scalar(loss, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-4}).x))


@dataclass(frozen=True)
class Turns:
    """Combinations of one method that take turns: row `r` in the order of Ids belongs to number `r mod F`."""

    parts: Sequence[Combination]

    @property
    def additive(self) -> bool:
        """Whether the result follows from a sum of `term`s."""
        return isinstance(self.parts[0].method, Additive)

    def term(self, member: str, probabilities: np.ndarray, start: int = 0) -> np.ndarray:
        """What a member of an additive method adds to the rows from ``start`` on, `(n, K)` float64."""
        found = np.empty_like(probabilities, np.float64)
        for part, own in self._own_rows(start):
            assert isinstance(part.method, Additive)
            found[own] = part.method.term(member, probabilities[own])
        return found

    def finish(self, total: np.ndarray, start: int = 0) -> np.ndarray:
        """Softmaxes `(n, K)` float64 of the rows from ``start`` on, from the sum of all terms."""
        found = np.empty_like(total)
        for part, own in self._own_rows(start):
            assert isinstance(part.method, Additive)
            found[own] = part.cooled(part.method.finish(total[own]))
        return found

    def combine(self, members: Mapping[str, np.ndarray], start: int = 0) -> np.ndarray:
        """Softmaxes `(n, K)` float64 of the rows from ``start`` on, from those of the members, `(n, K)` each."""
        found = np.empty_like(next(iter(members.values())), np.float64)
        for part, own in self._own_rows(start):
            found[own] = part.combine({name: p[own] for name, p in members.items()})
        return found

    def uses(self, member: str) -> bool:
        """Whether the member has any weight."""
        return any(part.method.weights[member] > 0 for part in self.parts)

    def _own_rows(self, start: int) -> list[tuple[Combination, slice]]:
        count = len(self.parts)
        return [(part, slice((turn - start) % count, None, count)) for turn, part in enumerate(self.parts)]
