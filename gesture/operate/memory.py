"""GPU memory of an experiment's variants, from its settings and the lengths in the index of its records."""

from pathlib import Path

from gesture.base.text import aligned, size
from gesture.config.gpu_memory import Need, cards, lengths_of, need, remedies, said
from gesture.config.layout import MANIFEST, records_folder
from gesture.config.settings import Experiment, Variant
from gesture.schedulers.finding import Finding, ok, problem, warning


def lengths(experiment: Experiment, root: Path) -> list[int]:
    """Frames of every recording; none while there are no records."""
    return lengths_of(records_folder(experiment, root) / MANIFEST)


def needs(experiment: Experiment, root: Path) -> dict[str, Need]:
    """Variant -> what its training takes of one GPU."""
    known = lengths(experiment, root)
    return {name: need(one, experiment.data.size, known) for name, one in experiment.variants.items()}


def describe_memory(experiment: Experiment, root: Path) -> str:
    """A table of all variants, and what its columns mean."""
    rows = [["GPU memory", "state", "a clip", "clips", "least", "ample", "fits cards of"]]
    for name, one in needs(experiment, root).items():
        unit = size(one.unit) + ("" if one.kind == "clip" else " *")
        rows.append(
            [name, size(one.state + one.fixed), unit, str(one.units), size(one.least), size(one.ample), cards(one)]
        )
    lines = aligned(rows)
    if any(one.kind != "clip" for one in needs(experiment, root).values()):
        lines.append("* a sequence")
    if not lengths(experiment, root):
        lines.append("no records yet: sequences counted as 60 frames long")
    lines.append("GPU memory is predicted, not measured on a card; ample: with all workspace that convolutions may use")
    return "\n".join(lines)


def findings(experiment: Experiment | None, root: Path, card: tuple[str, int] | None) -> list[Finding]:
    """A finding a kind of variant: does it fit the card of this node, or else which cards does it fit?

    Args:
        experiment: resolved settings; None = nothing to judge.
        root: working directory.
        card: name and memory [MiB] of the smallest GPU here; None where it is not known.
    """
    if experiment is None:
        return []
    known, size_ = lengths(experiment, root), experiment.data.size
    alike: dict[str, list[str]] = {}
    for name, one in needs(experiment, root).items():
        alike.setdefault(said(experiment.variants[name], one), []).append(name)
    return [
        _judged(f"{', '.join(names)}: about {text}", experiment.variants[names[0]], size_, known, card)
        for text, names in alike.items()
    ]


def _judged(text: str, variant: Variant, image: int, known: list[int], card: tuple[str, int] | None) -> Finding:
    if card is None:
        return ok("memory", text)
    text = f"{text}; {card[0]} has {card[1]} MB"
    fits = need(variant, image, known).fits(card[1] * 2**20)
    if fits:
        return ok("memory", text)
    todo = "; or ".join([*remedies(variant, image, known), "a larger card"])
    if fits is None:
        return warning("memory", text, "convolutions find less workspace and may be slower", todo)
    return problem("memory", text, "training would run out of GPU memory", todo)
