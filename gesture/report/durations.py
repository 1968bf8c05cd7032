"""How long each step took, from the benchmark files that Snakemake writes."""

import csv
from dataclasses import dataclass
from pathlib import Path

from gesture.config.layout import benchmarks
from gesture.steps import STEPS


@dataclass(frozen=True)
class Duration:
    """The jobs of one rule: how many, their total and their longest wall time [s]."""

    rule: str
    jobs: int
    total: float
    longest: float


def durations(logs: Path) -> list[Duration]:
    """Durations by rule, in run order; what has no readable benchmark file yet is left out.

    Args:
        logs: log folder of the experiment; `benchmark/<rule>.tsv` or `benchmark/<rule>/**/*.tsv` are below it.
    """
    folder = benchmarks(logs)
    seconds: dict[str, list[float]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        rule = Path(path.relative_to(folder).parts[0]).stem
        seconds.setdefault(rule, []).extend(_seconds(path))
    order = [name for step in STEPS.values() for name in step.benchmarks]
    place = {rule: number for number, rule in enumerate(order)}
    return [
        Duration(rule, len(values), sum(values), max(values))
        for rule, values in sorted(seconds.items(), key=lambda item: (place.get(item[0], len(place)), item[0]))
        if values
    ]


def _seconds(path: Path) -> list[float]:
    """Column `s` of a benchmark file; rows cut by a crash are left out."""
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            try:
                found.append(float(row["s"]))
            except (KeyError, TypeError, ValueError):
                continue
    return found
