"""What a configuration may name, for the side that plans: no NumPy here."""

from importlib import import_module
from typing import Any, NamedTuple

from gesture.base.registry import Registry


class Averaging(NamedTuple):
    """A method of averaging, as settings, command line and report know it.

    Attributes:
        name: as in `average.method`.
        title: as the report calls it.
        place: `module:class` of its `gesture.average.methods.Method`.
        fitted: whether it learns from the labels of the validation split.
        takes_weights: whether weights may be given; then a fitted method learns nothing.
    """

    name: str
    title: str
    place: str
    fitted: bool = False
    takes_weights: bool = False

    def load(self) -> Any:
        """Its class; only now its module is imported."""
        module, _, name = self.place.partition(":")
        return getattr(import_module(module), name)

    def is_fitted(self, calibrate: bool, weights: object) -> bool:
        """Whether labels decide the result, given whether a temperature is fitted and which weights were given."""
        return calibrate or (self.fitted and weights is None)


METHODS = Registry(
    "method",
    Averaging("mean", "arithmetic mean", "gesture.average.methods:Mean"),
    Averaging("geometric", "geometric mean", "gesture.average.methods:Geometric"),
    Averaging("weights", "weighted mean", "gesture.average.methods:WeightedMean", fitted=True, takes_weights=True),
    Averaging("greedy", "greedy selection", "gesture.average.methods:Greedy", fitted=True),
    Averaging("stacking", "stacking", "gesture.average.methods:Stacking", fitted=True),
    group="gesture.methods",
)
