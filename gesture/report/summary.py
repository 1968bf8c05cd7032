"""The result in a few lines for the terminal."""

from pathlib import Path

from gesture.base.text import aligned, clock
from gesture.report.results import SPLITS, Results


def summary(results: Results, page: Path) -> str:
    """Where the files are, each member's and the ensemble's accuracy, how long each step took."""
    experiment = results.experiment
    count = len(results.members)
    parts = [
        [
            f"experiment {experiment.experiment}: {count} member{'s' if count != 1 else ''} "
            f"averaged ({experiment.average.method})"
        ],
        _accuracies(results),
        [f"{name}: {one.exactness}" for name, one in results.members.items() if one.exactness],
        _steps(results),
        [f"submission  {results.folder / 'submission.csv'}", f"report      {page}"],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _accuracies(results: Results) -> list[str]:
    rows = [["accuracy", *SPLITS]]
    for name in results.members:
        rows.append([name, *(_percent(results, split, name) for split in SPLITS)])
    rows.append(["ensemble", *(_percent(results, split) for split in SPLITS)])
    lines = aligned(rows)
    split = results.leading_split
    if split:
        low, high = results.metrics[split]["accuracy_interval"]
        labelled = results.metrics[split]["labelled"]
        lines.append(f"ensemble on {split}, 95 % interval: {low:.1%} to {high:.1%} ({labelled} labelled sequences)")
    return lines


def _percent(results: Results, split: str, member: str | None = None) -> str:
    accuracy = results.accuracy(split, member)
    return results.why_none(split) if accuracy is None else f"{accuracy:.1%}"


def _steps(results: Results) -> list[str]:
    if not results.durations:
        return []
    rows = [["step", "jobs", "total", "longest"]]
    rows += [[one.rule, str(one.jobs), clock(one.total), clock(one.longest)] for one in results.durations]
    return aligned(rows)
