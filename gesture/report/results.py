"""Everything the page is made from, read from an experiment's results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gesture.base.files import read_lines, read_manifest, require_digest
from gesture.config.layout import ENSEMBLE, HISTORY, INDEX, MANIFEST, METRICS, ResultFolder
from gesture.config.members import Member, members
from gesture.config.settings import Experiment
from gesture.config.splits import stored_as
from gesture.convert.reader import read_index, read_records_manifest
from gesture.evaluate.predictions import Predictions, read_predictions
from gesture.report.durations import Duration, durations
from gesture.report.sessions import Session, read_sessions

SPLITS = ("validation", "test")


@dataclass(frozen=True)
class MemberResult:
    """One member: settings, training, predictions and figures per split.

    Attributes:
        member: its settings.
        tables: split -> predictions.
        metrics: split -> what `metrics.json` says of it.
        history: lines of the histories of all stages, in order.
        manifests: one per stage, in order; empty where missing.
    """

    member: Member
    tables: Mapping[str, Predictions]
    metrics: Mapping[str, Mapping[str, Any]]
    history: list[dict[str, Any]]
    manifests: list[dict[str, Any]]

    @property
    def parameters(self) -> int | None:
        """Number of parameters, None where no manifest says."""
        return next((one["parameters"] for one in reversed(self.manifests) if one.get("parameters")), None)

    @property
    def exactness(self) -> str | None:
        """That another run need not end in the same bytes, and why; None where it would or nothing is known."""
        return next((one["exactness"] for one in reversed(self.manifests) if one.get("exactness")), None)

    @cached_property
    def sessions(self) -> list[Session]:
        """Training sessions of all stages, in order."""
        return read_sessions(self.manifests)


@dataclass(frozen=True)
class Results:
    """What an experiment left on disk.

    Attributes:
        experiment: resolved settings.
        folder: `results/<experiment>`.
        records: manifest of the records.
        metrics: split -> `metrics.json`.
        ensemble: split -> the ensemble's predictions, where there are any.
        members: by name, in the order of the configuration.
        durations: wall times by rule.
        index: one row a record, as the index of the records has it; None where that is missing.
    """

    experiment: Experiment
    folder: Path
    records: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]]
    ensemble: Mapping[str, Predictions]
    members: Mapping[str, MemberResult]
    durations: list[Duration] = field(default_factory=list)
    index: pd.DataFrame | None = None

    @property
    def classes(self) -> list[str]:
        """Names of the classes in the order of their labels."""
        return list(self.records.get("classes", []))

    def class_names(self, table: Predictions) -> list[str]:
        """The names of a table's classes; a plain word where the records do not name them."""
        return self.classes if len(self.classes) == table.classes else ["class"] * table.classes

    def comparable_tables(self, split: str) -> dict[str, Predictions]:
        """The members' tables that hold the same sequences as the ensemble."""
        ids = self.ensemble[split].ids
        return {
            name: one.tables[split]
            for name, one in self.members.items()
            if split in one.tables and np.array_equal(one.tables[split].ids, ids)
        }

    def index_of(self, split: str) -> pd.DataFrame | None:
        """The index's rows of what was used as this split, by Id; None where the index does not hold all of them."""
        if self.index is None:
            return None
        rows = self.index[self.index["split"] == stored_as(split, self.experiment.data)].set_index("id")
        return rows if set(self.ensemble[split].ids) <= set(rows.index) else None

    @property
    def leading_split(self) -> str | None:
        """The split whose figures lead: test if it has labels, else validation, else none."""
        return next((split for split in ("test", "validation") if self.accuracy(split) is not None), None)

    def accuracy(self, split: str, member: str | None = None) -> float | None:
        """Accuracy of a member, or of the ensemble; None where it cannot be measured."""
        figures = self.metrics.get(split, {}) if member is None else self.members[member].metrics.get(split, {})
        return figures.get("accuracy")

    def why_none(self, split: str) -> str:
        """Why a split has no accuracy, in words."""
        figures = self.metrics.get(split)
        if figures is None:
            return "not averaged yet"
        return "no sequences" if not figures.get("rows") else "no labels"


def read_results(experiment: Experiment, records: Path, folder: Path, logs: Path) -> Results:
    """Reads whatever is there.

    Raises:
        FailedForGoodError: a predictions table, figures or a history were changed after they were written.
        GestureError: the records' manifest or the ensemble's test figures are missing, or a file is damaged.
        FailedForGoodError: the index is not that of the records.
    """
    kept = ResultFolder(folder)
    manifest, index = read_records_manifest(records), records.with_name(INDEX)
    metrics = {"test": _metrics(kept, "test")}
    if (kept.average("validation") / METRICS).exists():
        metrics["validation"] = _metrics(kept, "validation")
    ensembles = {split: kept.average(split) / ENSEMBLE for split in SPLITS}
    return Results(
        experiment=experiment,
        folder=folder,
        records=manifest,
        metrics=metrics,
        ensemble={split: read_predictions(path, "ensemble") for split, path in ensembles.items() if path.exists()},
        members={name: _member(one, kept, metrics) for name, one in members(experiment).items()},
        durations=durations(logs),
        index=read_index(index, manifest) if index.exists() else None,
    )


def _member(member: Member, kept: ResultFolder, metrics: Mapping[str, Mapping[str, Any]]) -> MemberResult:
    tables = {split: kept.table(split, member.name) for split in SPLITS}
    stages = [kept.stage(member.name, stage + 1) for stage in range(member.stages)]
    paths = [stage / MANIFEST for stage in stages]
    manifests = [read_manifest(path, "train", stage=int) if path.exists() else {} for path in paths]
    return MemberResult(
        member=member,
        tables={split: read_predictions(path, member.name) for split, path in tables.items() if path.exists()},
        metrics={split: one["members"][member.name] for split, one in metrics.items() if member.name in one["members"]},
        history=[line for stage, manifest in zip(stages, manifests, strict=True) for line in _history(stage, manifest)],
        manifests=manifests,
    )


def _metrics(kept: ResultFolder, split: str) -> dict[str, Any]:
    return read_manifest(kept.average(split) / METRICS, "average", members=dict)


def _history(stage: Path, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a stage wrote down while it trained, if it is what its manifest was written for; 0.1.0 has no digest."""
    if manifest.get("history_sha256") is not None:
        require_digest(stage / HISTORY, manifest["history_sha256"], "train")
    return read_lines(stage / HISTORY)
