"""Writes `report.html`, one self-contained file, and `summary.txt` beside it."""

import os
from base64 import b64encode
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import yaml

from gesture.base.files import atomic_path, write_text
from gesture.base.text import clock
from gesture.catalog import METHODS
from gesture.config.digests import resolved, settings_digest
from gesture.config.layout import ENSEMBLE, METRICS, ORIGIN, SUBMISSION, SUMMARY
from gesture.config.settings import Experiment
from gesture.config.splits import stored_as
from gesture.evaluate.predictions import tell_unchecked
from gesture.report import tables
from gesture.report.gallery import gallery
from gesture.report.results import SPLITS, Results, read_results
from gesture.report.strips import strips
from gesture.report.summary import summary
from gesture.report.svg import Picture
from gesture.report.verdict import verdict

_FILES = {
    SUBMISSION: "the final classes: Id and y, 1-based",
    ENSEMBLE: "the averaged softmaxes",
    ORIGIN: "what made it: settings, digests, versions",
    METRICS: "all figures of the test split",
    f"validation/{METRICS}": "all figures of the validation split",
    SUMMARY: "the summary for the terminal",
    "settings": "the resolved settings",
    "predictions": "softmaxes of every member",
    "train": "weights, histories and manifests of every stage",
    "figures": "the figures of this page as SVG and PNG",
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
        FailedForGoodError: a predictions table was changed after it was written; nothing is written.
        GestureError: results that the page cannot do without are missing or damaged.
    """
    found = read_results(experiment, records, results, logs)
    members = found.members.values()
    read = [*found.ensemble.values(), *(table for one in members for table in one.tables.values())]
    tell_unchecked({table.path: table.manifest for table in read})
    pictures = gallery(found)
    hardest = _hardest(found, records)
    _write_figures(results / "figures", pictures, hardest)
    text = summary(found, output)
    write_text(output.with_name(SUMMARY), text)
    write_text(output, _render(found, pictures, hardest, output.parent))
    print(text, end="")


def _hardest(results: Results, records: Path) -> list[dict[str, Any]]:
    """The hardest sequences of the leading split, each with its strip of pictures where the records are there."""
    split = results.leading_split
    if split is None or split not in results.ensemble:
        return []
    rows = tables.hardest(results, split)
    found = strips(records, stored_as(split, results.experiment.data), [row["id"] for row in rows])
    return [{**row, "strip": found.get(row["id"])} for row in rows]


def _write_figures(folder: Path, pictures: dict[str, Picture], hardest: list[dict[str, Any]]) -> None:
    """Every figure as a file of its own; figures of an earlier report that are no more are removed."""
    content = {f"{one.name}.svg": one.svg.encode() for one in pictures.values()}
    content |= {f"{one.name}.png": one.png for one in pictures.values()}
    content |= {f"hardest-{row['id']}.jpg": row["strip"].jpeg for row in hardest if row["strip"]}
    for name, data in content.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(data)
    for path in folder.glob("*"):
        if path.name not in content:
            path.unlink()


def _render(results: Results, pictures: dict[str, Picture], hardest: list[dict[str, Any]], folder: Path) -> str:
    """The page's text; links are relative to ``folder``."""
    here = files("gesture.report")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    shown = {"base64": _base64, "percent": _percent, "number": _number, "points": _points, "clock": clock}
    environment.filters |= shown
    split = results.leading_split
    scored = split if split is not None and split in results.ensemble else None
    lead = results.metrics[split] if split else None
    gain = lead["gain"] if lead else None
    return environment.from_string(here.joinpath("page.html").read_text(encoding="utf-8")).render(
        title=results.experiment.report.title or results.experiment.experiment,
        results=results,
        experiment=results.experiment,
        split=split,
        splits=[one for one in SPLITS if one in results.metrics],
        lead=lead,
        verdict=verdict(gain["interval"], gain["mcnemar_p"]) if gain else None,
        members=tables.member_rows(results),
        confusions=tables.confusions(results, scored) if scored else [],
        hardest=hardest,
        groups=tables.groups(results, scored) if scored else [],
        sessions=tables.sessions(results),
        ledger=tables.ledger(results),
        inexact=tables.inexact(results),
        methods=tables.methods(results),
        method=METHODS[results.experiment.average.method].title,
        versions=tables.versions(results),
        pictures=pictures,
        files={name: what for name, what in _FILES.items() if (results.folder / name).exists()},
        settings_digest=settings_digest(results.experiment),
        link=Path(os.path.relpath(results.folder, folder)).as_posix(),
        settings=yaml.safe_dump(resolved(results.experiment), sort_keys=False, allow_unicode=True),
        style=here.joinpath("page.css").read_text(encoding="utf-8"),
        script=here.joinpath("page.js").read_text(encoding="utf-8"),
    )


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value * 100:.{digits}f}\N{NO-BREAK SPACE}%"


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _points(value: float | None) -> str:
    """A difference of accuracies in percentage points, with its sign."""
    return "–" if value is None else f"{value * 100:+.1f}".replace("-", "−")
