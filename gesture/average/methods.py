"""How members' softmaxes become one: a weighted sum of them, or of their logarithms.

Every method is `normalise(sum over members of weight * f(softmax) + bias)`, which can be added up member by member;
they differ in `f` and in where the weights come from (`gesture/average/fitted.py`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

METHODS = ("mean", "geometric", "weights", "greedy", "stacking")
FITTED = ("weights", "greedy", "stacking")
LOGARITHMIC = ("geometric", "stacking")
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)


@dataclass(frozen=True)
class Combination:
    """One way to make a softmax out of the members'.

    Attributes:
        method: one of `METHODS`.
        weights: member -> weight, at least 0.
        bias: added to the sum of logarithms, `(K,)` float64; None = 0.
        temperature: the result's logarithms are divided by it (Guo et al., ICML 2017); 1 leaves it as it is.
    """

    method: str
    weights: Mapping[str, float]
    bias: np.ndarray | None = None
    temperature: float = 1.0

    @property
    def largest_term(self) -> float:
        """Bound of the absolute values of `term`."""
        bound = -math.log(SMALLEST) if self.method in LOGARITHMIC else 1.0
        return 1.001 * bound * max([1.0, *self.weights.values()])

    def term(self, member: str, probabilities: np.ndarray) -> np.ndarray:
        """What one member adds, `(n, K)` float64."""
        values = probabilities.astype(np.float64)
        if self.method in LOGARITHMIC:
            values = logarithms(values)
        weight = self.weights[member]
        return values if weight == 1 else weight * values

    def finish(self, total: np.ndarray) -> np.ndarray:
        """The softmax `(n, K)` float64 from the sum of all terms."""
        if self.method not in LOGARITHMIC:
            mean = total / sum(self.weights.values())
            return mean if self.temperature == 1 else softmax(logarithms(mean) / self.temperature)
        mean = total / len(self.weights) if self.method == "geometric" else total
        return softmax((mean if self.bias is None else mean + self.bias) / self.temperature)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Combination":
        """From what `describe` gave."""
        bias = None if value["bias"] is None else np.array(value["bias"])
        return cls(value["method"], value["weights"], bias, value["temperature"])

    def describe(self) -> dict[str, Any]:
        """As JSON."""
        bias = None if self.bias is None else self.bias.tolist()
        return {
            "method": self.method,
            "weights": dict(sorted(self.weights.items())),
            "bias": bias,
            "temperature": self.temperature,
        }


def logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Natural logarithms, finite also where a probability is 0: that counts as the smallest float32."""
    return np.log(np.maximum(probabilities, SMALLEST))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))
