"""Who is trained: one member for each seed of each variant."""

from dataclasses import dataclass

from gesture.base.errors import GestureError
from gesture.base.problems import not_one_of
from gesture.config.settings import Experiment, Variant


@dataclass(frozen=True)
class Member:
    """One trained copy of a variant."""

    name: str
    variant_name: str
    variant: Variant
    seed: int

    @property
    def stages(self) -> int:
        """Number of stages."""
        return len(self.variant.training.stages)


def members(experiment: Experiment) -> dict[str, Member]:
    """All members by name, in the order of the configuration."""
    return {
        f"{name}-s{seed}": Member(f"{name}-s{seed}", name, variant, seed)
        for name, variant in experiment.variants.items()
        for seed in variant.seeds
    }


def member(experiment: Experiment, name: str) -> Member:
    """One member by name.

    Raises:
        GestureError: there is none of this name.
    """
    known = members(experiment)
    if name not in known:
        raise GestureError(f"--member: {not_one_of(name, 'member', known)}")
    return known[name]
