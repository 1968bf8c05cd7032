"""What averaging makes of the same softmaxes, by every method."""

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from frozen import subject
from frozen.values import array

CLASSES = 4
SKILLS = {"good-s1": 9, "fair-s1": 5, "noise-s1": 0}
# Name -> keywords of `Method`.
METHODS: dict[str, dict[str, Any]] = {
    **{name: {"name": name} for name in ("mean", "geometric", "weighted", "greedy", "stacking")},
    "mean, calibrated": {"name": "mean", "calibrated": True},
    "stacking, calibrated": {"name": "stacking", "calibrated": True},
    "given weights": {"name": "weighted", "weights": {"good-s1": 2.0, "fair-s1": 1.0, "noise-s1": 0.0}},
}


def averages(folder: Path) -> dict[str, Any]:
    """Softmaxes, classes, weights and figures."""
    validation, test = _write(folder, "validation", 60, 0), _write(folder, "test", 30, 1)
    known = {keys["name"] for keys in METHODS.values()}
    assert known == set(subject.METHODS), f"tests/frozen/averages.py: freeze {known ^ set(subject.METHODS)} too"
    found: dict[str, Any] = {}
    for name, keys in METHODS.items():
        output = folder / name
        figures = _average(test, output, subject.Method(**keys, fit_on=validation))
        table = subject.read_predictions(output / "ensemble.csv")
        found[name] = {
            "softmaxes": array(table.probabilities, within=1e-7, elsewhere=1e-4, exactly=False),
            "some": array(table.probabilities[:5], within=1e-7, elsewhere=1e-4, exactly=False),
            "submission": (output / "submission.csv").read_text().split(),
            "combinations": table.manifest["combinations"],
            "figures": {key: figures[key] for key in ("accuracy", "log_loss", "brier", "calibration_error", "gain")},
        }
    # All that is written, once for a fitted method on another split and once for the rows that it is fitted on.
    figures = subject.read_json(folder / "stacking/metrics.json")
    figures.pop("seal")  # a digest has no last digit to forgive
    found["figures of stacking"] = figures
    out_of_fold = _average(validation, folder / "out of fold", subject.Method("stacking", fit_on=validation))
    table = subject.read_predictions(folder / "out of fold/ensemble.csv")
    found["out of fold"] = {
        "softmaxes": array(table.probabilities, within=1e-7, elsewhere=1e-4, exactly=False),
        "accuracy": out_of_fold["accuracy"],
        "log_loss": out_of_fold["log_loss"],
    }
    found["files"] = sorted(path.name for path in (folder / "stacking").iterdir())
    return found


def _average(members: list[Path], output: Path, method: Any) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        return subject.average(members, output, method)


def _write(folder: Path, split: str, rows: int, seed: int) -> list[Path]:
    """Tables of softmaxes that know the class as well as told; ratios of integers, the same everywhere."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, rows)
    paths = []
    for name, skill in SKILLS.items():
        counts = rng.integers(1, 8, (rows, CLASSES)) + skill * np.eye(CLASSES, dtype=int)[y] * rng.integers(
            0, 2, (rows, 1)
        )
        p = (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
        origin = {"split": split, "member": name, "data_digest": "d", "checkpoint_digest": f"c-{name}"}
        paths.append(folder / split / f"{name}.csv")
        subject.write_predictions(paths[-1], np.arange(1, rows + 1), p, y, origin)
    return paths
