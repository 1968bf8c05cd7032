"""`submission.json`: all that someone else needs to rebuild a submission and to see that it is the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gesture.average.software import software
from gesture.base.files import file_digest, read_json, write_json
from gesture.config.digests import resolved
from gesture.config.settings import Experiment
from gesture.convert.reader import Records
from gesture.evaluate.predictions import Predictions

NAME = "submission.json"


@dataclass(frozen=True)
class Origin:
    """Where the members come from, as far as the caller knows.

    Attributes:
        experiment: resolved settings; None for files averaged by hand.
        records: manifest of the records; None likewise.
    """

    experiment: Experiment | None = None
    records: Path | None = None

    def ids(self, split: str | None) -> np.ndarray | None:
        """All Ids of a split, ascending; None where the records are not known."""
        if self.experiment is None or self.records is None or split is None:
            return None
        records = Records(self.records)
        return np.sort(records.ids(records.positions(split, self.experiment.data)))


def write_origin(table: Predictions, origin: Origin) -> None:
    """Writes `submission.json` beside the ensemble's table and its submission.

    Args:
        table: the ensemble, already written.
        origin: what made its members.
    """
    records: Mapping[str, Any] = read_json(origin.records) if origin.records else {}
    submission = table.path.with_name("submission.csv")
    value = {
        "submission": {
            "file": submission.name,
            "sha256": file_digest(submission),
            "rows": len(table.ids),
            "classes": table.classes,
            "split": table.manifest["split"],
        },
        "ensemble": {"file": table.path.name, "sha256": file_digest(table.path)},
        "data": {
            "digest": table.manifest["data_digest"],
            "dataset": records.get("dataset"),
            "counts": records.get("counts"),
        },
        "average": {
            key: table.manifest[key]
            for key in ("method", "calibrated", "combinations", "fitted_on")
            if key in table.manifest
        },
        "members": table.manifest["members"],
        "software": software(),
        "settings": resolved(origin.experiment) if origin.experiment else None,
    }
    write_json(table.path.with_name(NAME), value)
