"""The figures of the page: each function draws one from numbers and says in words what it shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from gesture.report.svg import ACCENT, GRID, INK, MUTED, SERIES, WARM, Picture, canvas, picture

_POINTS = 300


def _percent(share: float, _: float) -> str:
    """A tick's label, with decimals only where neighbours need them."""
    return f"{100 * share:.4g}%"


def accuracies(rows: Sequence[tuple[str, float, Sequence[float]]], split: str) -> Picture:
    """Accuracy with its interval: the members, then the ensemble (the last row)."""
    with canvas("accuracy", 4.6, 0.7 + 0.24 * len(rows)) as figure:
        axes = figure.add_subplot()
        for place, (name, value, (low, high)) in enumerate(rows):
            colour = WARM if name == "ensemble" else ACCENT
            axes.plot([low, high], [place, place], color=colour, linewidth=2, alpha=0.55, solid_capstyle="butt")
            axes.plot([value], [place], "o", color=colour, markersize=5)
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], color=INK)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel(f"accuracy on {split}, 95 % interval")
        axes.xaxis.set_major_formatter(_percent)
        axes.grid(axis="y", visible=False)
        alt = "; ".join(f"{name} {value:.1%}, {low:.1%} to {high:.1%}" for name, value, (low, high) in rows)
        return picture(figure, "accuracy", f"Accuracy on {split} with 95 % Wilson intervals.", alt)


def learning_curves(
    variant: str, histories: Mapping[str, Sequence[Mapping[str, Any]]], restarts: Mapping[str, Sequence[int]]
) -> Picture | None:
    """Loss and validation accuracy of a variant's members over steps, with the boundaries of stages and sessions.

    Args:
        variant: its name.
        histories: member -> lines of its history.
        restarts: member -> steps at which a session went on inside a stage.
    """
    train, validation = ({n: _kind(lines, kind) for n, lines in histories.items()} for kind in ("train", "validation"))
    if not any(train.values()):
        return None
    name = f"learning-{variant}"
    with canvas(name, 4.6, 3.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        for member, colour in zip(histories, SERIES * len(histories), strict=False):
            upper.plot(*_thinned(train[member], "loss"), color=colour, label=member)
            upper.plot(*_series(validation[member], "loss"), color=colour, linestyle=(0, (2, 1.5)), linewidth=1.1)
            lower.plot(*_series(validation[member], "accuracy"), color=colour, marker=".", markersize=3)
            for step in restarts.get(member, ()):
                place = upper.get_xaxis_transform()
                (mark,) = upper.plot(step, 0.02, "^", color=colour, markersize=4, transform=place, clip_on=False)
                mark.set_in_layout(False)
        upper.set_ylabel("loss [nat]")
        upper.set_title(f"{variant}: training loss (line), validation loss (dashed)", color=INK)
        lower.set_ylabel("accuracy")
        lower.set_title("validation accuracy", color=INK)
        lower.yaxis.set_major_formatter(_percent)
        lower.xaxis.set_major_locator(MaxNLocator(integer=True))
        lower.set_xlim(left=0)
        lower.set_xlabel("steps")
        _mark_stages(upper, lower, next(lines for lines in train.values() if lines))
        if len(histories) > 1:
            upper.legend()
        return picture(figure, name, _learning_caption(variant), _learning_alt(variant, train, validation))


def _learning_caption(variant: str) -> str:
    return (
        f"{variant}: loss and validation accuracy over the steps. Vertical lines part the stages; "
        "a triangle marks where a new session went on inside a stage."
    )


def _learning_alt(variant: str, train: Mapping[str, Any], validation: Mapping[str, Any]) -> str:
    said = []
    for member, lines in train.items():
        if lines:
            text = f"{member}: training loss from {lines[0]['loss']:.2f} to {lines[-1]['loss']:.2f}"
            scores = [line["accuracy"] for line in validation[member] if line.get("accuracy") is not None]
            said.append(text + (f", validation accuracy ends at {scores[-1]:.1%}" if scores else ""))
    return f"Learning curves of {variant}. " + "; ".join(said)


def _mark_stages(upper: Any, lower: Any, lines: Sequence[Mapping[str, Any]]) -> None:
    begin = 0
    for stage in sorted({line["stage"] for line in lines}):
        end = max(line["step"] for line in lines if line["stage"] == stage)
        for axes in (upper, lower):
            axes.axvline(end, color=MUTED, linewidth=0.7, linestyle=(0, (1, 2)))
        lower.annotate(
            str(stage), ((begin + end) / 2, 0.03), xycoords=("data", "axes fraction"), ha="center", color=MUTED
        )
        begin = end


def _kind(lines: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [line for line in lines if line.get("kind") == kind]


def _series(lines: Sequence[Mapping[str, Any]], key: str) -> tuple[list[float], list[float]]:
    known = [line for line in lines if line.get(key) is not None]
    return [line["step"] for line in known], [line[key] for line in known]


def _thinned(lines: Sequence[Mapping[str, Any]], key: str) -> tuple[list[float], list[float]]:
    """At most `_POINTS` points, each the mean of its neighbours: keeps the page small."""
    steps, values = _series(lines, key)
    parts = max(1, min(_POINTS, len(steps)))
    if not steps:
        return steps, values
    return tuple([float(np.mean(part)) for part in np.array_split(column, parts)] for column in (steps, values))  # type: ignore[return-value]


def confusion(counts: np.ndarray, names: Sequence[str], split: str) -> Picture:
    """Confusion matrix: rows are true classes, columns what the ensemble chose."""
    size = len(names)
    side = min(7.0, 2.2 + 0.2 * size)
    with canvas("confusion", side + 0.9, side) as figure:
        axes = figure.add_subplot()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        for row, column in np.argwhere(counts > 0):
            colour = ACCENT if row == column else WARM
            alpha = 0.1 + 0.5 * shares[row, column]  # a stronger one would hide the number, in the dark or the light
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, alpha=alpha, linewidth=0))
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=7)
        axes.set_xlim(-0.5, size - 0.5)
        axes.set_ylim(size - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xticks(range(size), [str(k + 1) for k in range(size)], fontsize=7)
        axes.set_yticks(range(size), [f"{name} {k + 1}" for k, name in enumerate(names)], fontsize=7)
        axes.set_xlabel("chosen class")
        axes.set_ylabel("true class")
        axes.grid(linewidth=0.3)
        return picture(
            figure,
            "confusion",
            f"Confusion matrix of the ensemble on {split}: right in blue, wrong in orange.",
            "Confusion matrix. " + confusions_in_words(counts, names),
        )


def confusions_in_words(counts: np.ndarray, names: Sequence[str]) -> str:
    """The most frequent confusions as a sentence."""
    worst = largest_confusions(counts, 5)
    if not worst:
        return "No sequence was confused."
    told = [f"{names[true]} as {names[chosen]} ({hits} of {rows})" for true, chosen, hits, rows in worst]
    return "Most often confused: " + ", ".join(told) + "."


def largest_confusions(counts: np.ndarray, most: int) -> list[tuple[int, int, int, int]]:
    """(true class, chosen class, how often, rows of the true class), the most frequent first."""
    wrong = [
        (int(true), int(chosen), int(counts[true, chosen]), int(counts[true].sum()))
        for true, chosen in np.argwhere(counts > 0)
        if true != chosen
    ]
    return sorted(wrong, key=lambda item: (-item[2], item[0], item[1]))[:most]


def per_class(recall: Sequence[float | None], best: Sequence[float | None], names: Sequence[str], who: str) -> Picture:
    """Recall of each class: bars for the ensemble, a mark for the best member."""
    with canvas("per-class", 4.6, 0.8 + 0.19 * len(names)) as figure:
        axes = figure.add_subplot()
        places = range(len(names))
        axes.barh(places, [value or 0 for value in recall], color=ACCENT, alpha=0.75, height=0.62, label="ensemble")
        marks = [np.nan if value is None else value for value in best]
        axes.plot(marks, places, "|", color=WARM, markersize=9, markeredgewidth=2, label=who)
        axes.set_yticks(places, [f"{name} {k + 1}" for k, name in enumerate(names)], fontsize=7)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(0, 1.02)
        axes.xaxis.set_major_formatter("{x:.0%}")
        axes.set_xlabel("recall")
        axes.grid(axis="y", visible=False)
        figure.legend(loc="outside upper right", ncols=2)
        known_recall = [(value, name) for value, name in zip(recall, names, strict=True) if value is not None]
        lowest = ", ".join(f"{name} {value:.0%}" for value, name in sorted(known_recall)[:3])
        return picture(
            figure, "per-class", "Share of each class that was found.", f"Recall by class. Lowest: {lowest}."
        )


def calibration(bins: Sequence[Mapping[str, float]], error: float) -> Picture:
    """Reliability diagram: accuracy against confidence."""
    with canvas("calibration", 4.6, 3.2) as figure:
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
        largest = max(one["rows"] for one in bins)
        for one in bins:
            size = 3 + 11 * (one["rows"] / largest) ** 0.5
            axes.plot(one["confidence"], one["accuracy"], "o", color=ACCENT, alpha=0.75, markersize=size)
        axes.set_xlim(0, 1.04)
        axes.set_ylim(-0.04, 1.04)
        axes.xaxis.set_major_formatter("{x:.0%}")
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.set_xlabel("confidence")
        axes.set_ylabel("accuracy")
        bias = sum(one["rows"] * (one["confidence"] - one["accuracy"]) for one in bins)
        lean = "more confident than right" if bias > 0 else "less confident than right"
        caption = (
            "Reliability: on the line, a confidence of 80 % is right in 80 % of cases; larger dots hold more rows."
        )
        return picture(
            figure, "calibration", caption, f"Reliability diagram. Calibration error {error:.3f}; on the whole {lean}."
        )


def agreement(shares: np.ndarray, names: Sequence[str]) -> Picture:
    """Share of rows on which two members choose the same class."""
    size = len(names)
    side = min(7.0, 1.6 + 0.42 * size)
    with canvas("agreement", side + 0.8, side) as figure:
        axes = figure.add_subplot()
        others = shares[~np.eye(size, dtype=bool)]
        lowest = others.min()
        for row in range(size):
            for column in range(row):
                share = shares[row, column]
                alpha = 0.6 - 0.5 * (1 - share) / max(1 - lowest, 1e-9)
                axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=ACCENT, alpha=alpha, linewidth=0))
                if size <= 14:
                    axes.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=7.5)
        axes.set_xlim(-0.5, size - 1.5)
        axes.set_ylim(size - 0.5, 0.5)
        axes.set_aspect("equal")
        axes.set_xticks(range(size - 1), names[:-1], rotation=45, ha="right", fontsize=7.5)
        axes.set_yticks(range(1, size), names[1:], fontsize=7.5)
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_color(GRID)
        alt = f"Agreement between members: {lowest:.0%} to {others.max():.0%} of the sequences."
        return picture(figure, "agreement", "How often two members choose the same class.", alt)


def by_count(rows: Sequence[Mapping[str, float]], split: str) -> Picture:
    """Accuracy of smaller ensembles."""
    counts = range(1, len(rows) + 1)
    with canvas("by-count", 4.6, 2.6) as figure:
        axes = figure.add_subplot()
        low, high = [one["lowest"] for one in rows], [one["highest"] for one in rows]
        axes.fill_between(counts, low, high, color=ACCENT, alpha=0.2, linewidth=0)
        axes.plot(counts, [one["mean"] for one in rows], marker="o", markersize=4, color=ACCENT)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_formatter(_percent)
        axes.set_xlabel("members averaged")
        axes.set_ylabel(f"accuracy on {split}")
        alt = f"Accuracy by number of members: {rows[0]['mean']:.1%} for one, {rows[-1]['mean']:.1%} for {len(rows)}."
        caption = "Accuracy of averages of fewer members, in 30 random orders of joining: mean, lowest and highest."
        return picture(figure, "by-count", caption, alt)
