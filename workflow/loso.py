"""Leave one subject out: trains an experiment once for each training subject, measured on that subject alone.

Every run goes through the same Snakefile, as the experiment `<name>-loso-<subject>`; records are made once, and what
is done already is not done again.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

from gesture.base.errors import GestureError
from gesture.base.files import read_json
from gesture.base.yaml_file import read
from gesture.config import layout
from gesture.config.settings import Experiment, parse

SNAKEFILE = Path(__file__).parent.parent / "Snakefile"


def main() -> int:
    """Runs all folds and prints the table of accuracies."""
    parser = argparse.ArgumentParser(description="Leaves each training subject out in turn.")
    parser.add_argument("configuration", type=Path, metavar="YAML", help="configuration of the experiment")
    parser.add_argument("--data", metavar="DIR", help="folder with the raw files, instead of the configured one")
    parser.add_argument("--cores", default="all", help="cores to use (default all)")
    options = parser.parse_args()
    try:
        experiment = _experiment(options.configuration, options.data)
        folder = {"folder": options.data} if options.data else {}
        _snakemake(options, experiment.experiment, folder, "--until", "convert")
        accuracies = {}
        for subject in training_subjects(experiment):
            name = f"{experiment.experiment}-loso-{re.sub(r'[^A-Za-z0-9_.-]', '_', subject)}"
            target = f"results/{name}/validation/metrics.json"
            held_out = {"holdout_subjects": [subject], "train_on_validation": False}
            _snakemake(options, name, {**folder, **held_out}, target)
            accuracies[subject] = fold_accuracies(read_json(Path(target)))
        print(table(accuracies))
    except GestureError as error:
        print(f"loso: {error}", file=sys.stderr)
        return error.exit_code
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


def _experiment(configuration: Path, data: str | None) -> Experiment:
    value = read(configuration)
    if data and isinstance(value, dict):
        value["data"] = {**(value.get("data") or {}), "folder": data}
    return parse(value, str(configuration))


def _snakemake(options: argparse.Namespace, name: str, data: dict[str, Any], *arguments: str) -> None:
    """One run of the workflow; JSON is the YAML that `--config` takes."""
    command = [str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(SNAKEFILE), *arguments]
    command += ["--cores", options.cores, "--configfile", str(options.configuration), "--quiet", "rules"]
    subprocess.run([*command, "--config", f"experiment={name}", f"data={json.dumps(data)}"], check=True)


def training_subjects(experiment: Experiment) -> list[str]:
    """The subjects of the training split, from the index of the records.

    Raises:
        GestureError: the data names no two of them.
    """
    path = layout.records_folder(experiment) / layout.INDEX
    with path.open(encoding="utf-8", newline="") as file:
        subjects = {row["subject"] for row in csv.DictReader(file) if row["split"] == "training"}
    if len(subjects - {""}) < 2:
        raise GestureError(f"{path}: leaving subjects out needs at least two in the training split")
    return sorted(subjects - {""}, key=lambda name: (len(name), name))


def fold_accuracies(metrics: dict[str, Any]) -> dict[str, float | None]:
    """Accuracy of each member and of the ensemble on the subject left out; None where it has no labels."""
    members = {name: one["accuracy"] for name, one in sorted(metrics["members"].items())}
    return {**members, "ensemble": metrics["accuracy"]}


def table(accuracies: dict[str, dict[str, float | None]]) -> str:
    """One line a subject, one column a member, and the mean over the subjects."""
    columns = list(next(iter(accuracies.values())))
    means = {}
    for name in columns:
        known = [value for one in accuracies.values() if (value := one[name]) is not None]
        means[name] = mean(known) if known else None
    rows = {"left out": columns}
    for subject, one in [*accuracies.items(), ("mean", means)]:
        rows[subject] = ["-" if (value := one[name]) is None else f"{value:.3f}" for name in columns]
    first = max(map(len, rows))
    return "\n".join(
        "  ".join([key.ljust(first), *(cell.rjust(max(8, len(name))) for cell, name in zip(row, columns, strict=True))])
        for key, row in rows.items()
    )


if __name__ == "__main__":
    sys.exit(main())
