"""Writes `report.html`, one self-contained file, and `summary.txt` beside it."""

import os
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from platform import python_version
from typing import Any

import jinja2
import numpy as np
import yaml

from gesture import __version__
from gesture.evaluation.diversity import accuracy_by_count, accuracy_without, agreement
from gesture.evaluation.metrics import confusion_matrix, labelled, reliability
from gesture.evaluation.predictions import Predictions
from gesture.files import write_text
from gesture.plan import resolved
from gesture.report import figures
from gesture.report.durations import clock
from gesture.report.results import SPLITS, MemberResult, Results, read_results
from gesture.report.summary import summary
from gesture.report.svg import Picture
from gesture.settings import Experiment

_PACKAGES = ("numpy", "pandas", "scikit-learn", "tensorflow", "keras", "snakemake")
_FILES = {
    "submission.csv": "the final classes, Id and y, 1-based",
    "ensemble.csv": "the averaged softmaxes",
    "metrics.json": "all figures of the test split",
    "validation/metrics.json": "all figures of the validation split",
    "summary.txt": "the summary of the terminal",
    "settings": "the resolved settings",
    "predictions": "softmaxes of every member",
    "train": "weights, histories and manifests of every stage",
    "figures": "the figures of this page, as SVG",
}


def report(experiment: Experiment, records: Path, results: Path, logs: Path, output: Path) -> None:
    """Writes the page, its figures and the summary, and prints the summary.

    Args:
        experiment: resolved settings.
        records: manifest of the records.
        results: results folder of the experiment; figures go to `figures/` inside.
        logs: log folder of the experiment.
        output: page to write; `summary.txt` goes beside it.

    Raises:
        GestureError: results that the page cannot do without are missing or damaged.
    """
    found = read_results(experiment, records, results, logs)
    pictures = _pictures(found)
    for one in pictures.values():
        write_text(results / "figures" / f"{one.name}.svg", one.svg)
    text = summary(found, output)
    write_text(output.with_name("summary.txt"), text)
    write_text(output, _render(found, pictures, output.parent))
    print(text, end="")


def _pictures(results: Results) -> dict[str, Picture]:
    """The figures that the results allow, by name."""
    found = _figures_of_training(results)
    split = results.leading_split
    if split is not None and split in results.ensemble:
        found += _figures_of_ensemble(results, split) + _figures_of_members(results, split)
    return {one.name: one for one in found}


def _figures_of_training(results: Results) -> list[Picture]:
    found = []
    for variant in results.experiment.variants:
        histories = {n: one.history for n, one in results.members.items() if one.member.variant_name == variant}
        drawn = figures.learning_curves(variant, histories)
        if drawn is not None:
            found.append(drawn)
    return found


def _figures_of_ensemble(results: Results, split: str) -> list[Picture]:
    own, table = results.metrics[split], results.ensemble[split]
    y, p = labelled(table)
    rows = [
        (name, one.metrics[split]["accuracy"], one.metrics[split]["accuracy_interval"])
        for name, one in results.members.items()
        if results.accuracy(split, name) is not None
    ]
    best = own["best_member"]
    best_recall = own["members"][best]["recall"] if best else [None] * table.classes
    names = class_names(results, table)
    return [
        figures.accuracies([*rows, ("ensemble", own["accuracy"], own["accuracy_interval"])], split),
        figures.confusion(confusion_matrix(y, p), names, split),
        figures.per_class(own["recall"], best_recall, names, best or "best member"),
        figures.calibration(reliability(y, p), own["calibration_error"]),
    ]


def _figures_of_members(results: Results, split: str) -> list[Picture]:
    tables = comparable_tables(results, split)
    if len(tables) < 2:
        return []
    curve = accuracy_by_count(list(tables.values()), results.experiment.average.method)
    return [
        figures.agreement(agreement(list(tables.values())), list(tables)),
        figures.by_count(curve, split),
    ]


def class_names(results: Results, table: Predictions) -> list[str]:
    """The records' names of the classes; numbers where they have none for each."""
    return results.classes if len(results.classes) == table.classes else ["class"] * table.classes


def comparable_tables(results: Results, split: str) -> dict[str, Predictions]:
    """The members' tables that hold the same rows as the ensemble."""
    ids = results.ensemble[split].ids
    return {
        name: one.tables[split]
        for name, one in results.members.items()
        if split in one.tables and np.array_equal(one.tables[split].ids, ids)
    }


def _render(results: Results, pictures: dict[str, Picture], folder: Path) -> str:
    here = files("gesture.report")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": _percent, "number": _number, "clock": clock}
    template = environment.from_string(here.joinpath("page.html").read_text(encoding="utf-8"))
    split = results.leading_split
    experiment = results.experiment
    return template.render(
        title=experiment.report.title or experiment.experiment,
        results=results,
        experiment=experiment,
        split=split,
        splits=[one for one in SPLITS if one in results.metrics],
        lead=results.metrics[split] if split else None,
        rows=_member_rows(results, split),
        pictures=pictures,
        confusions=_confusions(results, split),
        files={name: what for name, what in _FILES.items() if _exists(results.folder, folder, name)},
        link=os.path.relpath(results.folder, folder),
        settings=yaml.safe_dump(resolved(experiment), sort_keys=False, allow_unicode=True),
        versions=_versions(results),
        style=here.joinpath("page.css").read_text(encoding="utf-8"),
        script=here.joinpath("page.js").read_text(encoding="utf-8"),
    )


def _exists(results: Path, folder: Path, name: str) -> bool:
    # The summary is written with the page; it is linked whether or not an earlier one is there.
    return (results / name).exists() or (name == "summary.txt" and results == folder)


def _member_rows(results: Results, split: str | None) -> list[dict[str, Any]]:
    """One row a member of the members table."""
    without: dict[str, float] = {}
    if split is not None and split in results.ensemble:
        tables = comparable_tables(results, split)
        if len(tables) > 1:
            accuracy = accuracy_without(list(tables.values()), results.experiment.average.method)
            without = dict(zip(tables, accuracy, strict=True))
    return [_member_row(results, split, name, one, without.get(name)) for name, one in results.members.items()]


def _member_row(
    results: Results, split: str | None, name: str, one: MemberResult, without: float | None
) -> dict[str, Any]:
    own = one.metrics.get(split or "", {})
    whole = results.accuracy(split) if split else None
    return {
        "name": name,
        "model": one.member.variant.network.model,
        "modalities": "+".join(one.member.variant.modalities),
        "parameters": one.parameters,
        "accuracy": {each: results.accuracy(each, name) for each in SPLITS},
        "log_loss": own.get("log_loss"),
        "contribution": whole - without if whole is not None and without is not None else None,
        "sessions": len(one.sessions) or None,
        "hours": sum(session.hours for session in one.sessions) if one.sessions else None,
    }


def _confusions(results: Results, split: str | None) -> list[dict[str, Any]]:
    if split is None or split not in results.ensemble:
        return []
    table = results.ensemble[split]
    names = class_names(results, table)
    worst = figures.largest_confusions(confusion_matrix(*labelled(table)), 6)
    return [
        {"true": f"{names[true]} ({true + 1})", "chosen": f"{names[chosen]} ({chosen + 1})", "hits": hits, "rows": rows}
        for true, chosen, hits, rows in worst
    ]


def _versions(results: Results) -> dict[str, str]:
    """Software that trained the members, as their manifests say, and software that made this page."""
    manifests = [one for member in results.members.values() for one in member.manifests]
    trained = {key: sorted({one[key] for one in manifests if one.get(key)}) for key in ("code_version", "tensorflow")}
    found = {"gesture": __version__, "python": python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if trained["code_version"]:
        found["gesture, training"] = ", ".join(trained["code_version"])
    if trained["tensorflow"]:
        found["tensorflow, training"] = ", ".join(trained["tensorflow"])
    return found


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value * 100:.{digits}f} %"


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
