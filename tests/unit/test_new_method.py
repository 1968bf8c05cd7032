"""A method of averaging that another package brings: one class, one line, and every place knows it."""

import sys
from pathlib import Path

import made_up_results
import numpy as np
import pytest
import yaml

from gesture.base.errors import GestureError
from gesture.base.files import read_json
from gesture.catalog import METHODS
from gesture.cli import main
from gesture.config.digests import resolved
from gesture.config.settings import load
from gesture.evaluate.predictions import read_predictions

# Both need all members at once; the second one is fitted.
CLASS = '''
"""The median of the members' probabilities, class by class."""

import numpy as np

from gesture.average.methods import Method


class Median(Method):
    def combine(self, members):
        middle = np.median(np.stack(list(members.values())).astype(np.float64), axis=0)
        return middle / middle.sum(axis=1, keepdims=True)


class Sharp(Median):
    """Median to the power of the number of rows that it was fitted on over 10."""

    @classmethod
    def fit(cls, names, data, weights):
        made = super().fit(names, data, weights)
        made.power = len(data.labels) / 10
        return made

    def combine(self, members):
        p = super().combine(members) ** self.power
        return p / p.sum(axis=1, keepdims=True)

    def describe(self):
        return {**super().describe(), "power": self.power}

    @classmethod
    def of(cls, value):
        made = super().of(value)
        made.power = value["power"]
        return made
'''
LINES = """
from gesture.catalog import Averaging

MEDIAN = Averaging("median", "median of the members", "toy_median:Median")
SHARP = Averaging("sharp", "sharp median", "toy_median:Sharp", fitted=True)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package, installed in a folder of the path as pip leaves it."""
    folder = tmp_path / "packages"
    (folder / "toy-1.0.dist-info").mkdir(parents=True)
    (folder / "toy_median.py").write_text(CLASS)
    (folder / "toy_lines.py").write_text(LINES)
    (folder / "toy-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    points = "[gesture.methods]\nmedian = toy_lines:MEDIAN\nsharp = toy_lines:SHARP\n"
    (folder / "toy-1.0.dist-info/entry_points.txt").write_text(points)
    assert len(METHODS) == 5  # looked up before the package is there, so that the next test finds these again
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(vars(METHODS), "_entries")
    for name in ("toy_median", "toy_lines"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Path]:
    return made_up_results.make_results(tmp_path / "made")


def gesture(*arguments: object) -> int:
    return main(list(map(str, arguments)))


def settings(made: dict[str, Path], method: str) -> Path:
    """The experiment's settings with another method."""
    value = resolved(made_up_results.settings()) | {"average": {"method": method}}
    path = made["results"].parent / f"{method}.yaml"
    path.write_text(yaml.safe_dump(value))
    return path


def tables(made: dict[str, Path], split: str) -> list[Path]:
    return sorted((made["results"] / "predictions" / split).glob("*.csv"))


@pytest.mark.usefixtures("package")
def test_settings_command_line_report_and_explain_know_it(
    made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("gesture.report.page.gallery", lambda *_: {})  # figures take seconds
    results, chosen = made["results"], settings(made, "median")
    for split, output in (("test", results), ("validation", results / "validation")):
        how = ["--settings", chosen, "--fit-on", *tables(made, "validation")]
        assert gesture("average", *tables(made, split), "--output", output, *how) == 0
    p = np.stack([read_predictions(path).probabilities.astype(float) for path in tables(made, "test")])
    middle = np.median(p, axis=0)
    expected = (middle / middle.sum(axis=1, keepdims=True)).astype(np.float32)
    assert (read_predictions(results / "ensemble.csv").probabilities == expected).all()
    metrics = read_json(results / "metrics.json")
    assert [row["method"] for row in metrics["methods"] if row["own"]] == ["median"]
    assert [row["method"] for row in metrics["methods"]][-2:] == ["median", "sharp"]
    assert set(metrics["accuracy_without"]) == set(metrics["members"])
    arguments = {f"--{name}": made[name] for name in ("records", "results", "logs", "output")}
    assert gesture("report", "--settings", chosen, *(text for pair in arguments.items() for text in pair)) == 0
    assert "median of the members <strong>(used)</strong>" in made["output"].read_text()
    assert "sharp median" in made["output"].read_text()
    assert gesture("explain", 17, "--results", results, "--output", tmp_path / "17.png") == 0
    assert "the files agree with each other" in capsys.readouterr().out


@pytest.mark.usefixtures("package")
def test_one_that_is_fitted_asks_for_labels_and_is_scored_out_of_fold(
    made: dict[str, Path], capsys: pytest.CaptureFixture
) -> None:
    validation, output = tables(made, "validation"), made["results"] / "validation"
    arguments = ["average", *validation, "--output", output, "--method", "sharp"]
    assert gesture(*arguments) == 2
    assert "--method sharp: is fitted to labels" in capsys.readouterr().err
    assert gesture(*arguments, "--fit-on", *validation) == 0
    assert [one["power"] for one in read_json(output / "ensemble.json")["combinations"]] == [3.2] * 5


@pytest.mark.usefixtures("package")
def test_the_help_and_the_refusal_of_an_unknown_one_name_it(
    made: dict[str, Path], capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit):
        gesture("average", "--help")
    told = " ".join(capsys.readouterr().out.split())
    assert "mean, geometric, weighted, greedy, stacking, median, sharp (default mean)" in told
    assert gesture("average", *tables(made, "test"), "--output", "out", "--method", "medain") == 2
    assert "'medain' is not a method" in (told := capsys.readouterr().err)
    assert "did you mean 'median'?" in told


def test_without_its_package_it_is_an_unknown_one(made: dict[str, Path]) -> None:
    with pytest.raises(GestureError, match=r"average\.method: 'nonesuch' is not a method \(mean, geometric, "):
        load(settings(made, "nonesuch"))
