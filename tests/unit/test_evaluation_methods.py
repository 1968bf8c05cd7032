"""Fitted methods of averaging: right, deterministic, and never near the labels they are judged by."""

import json

import numpy as np
import pytest
import yaml

from gesture.average.average import average
from gesture.average.fitted import FOLDS, fit, fit_folds, out_of_fold
from gesture.average.methods import FitSet, softmax
from gesture.base.errors import GestureError
from gesture.cli import main
from gesture.config.settings import Average, parse
from gesture.evaluate.metrics import log_loss
from gesture.evaluate.predictions import read_predictions, write_predictions
from gesture.legacy2019.softlabel import write_softlabel

CLASSES = 4
SKILLS = {"good-s1": 2.5, "fair-s1": 1.5, "noise-s1": 0.0}
FITTED = ["weighted", "greedy", "stacking"]


def write_split(folder, split, rows, seed, skills=SKILLS, labels=True, **manifest):
    """Members whose logits know the class as well as told; returns their paths."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, CLASSES, rows)
    paths = []
    for name, skill in skills.items():
        p = softmax(generator.normal(size=(rows, CLASSES)) + skill * np.eye(CLASSES)[y]).astype(np.float32)
        origin = {"split": split, "member": name, "data_digest": "d", "checkpoint_digest": f"c-{name}", **manifest}
        write_predictions(folder / split / f"{name}.csv", np.arange(rows), p, y if labels else None, origin)
        paths.append(folder / split / f"{name}.csv")
    return paths


@pytest.fixture
def validation(tmp_path):
    return write_split(tmp_path, "validation", 200, seed=0)


@pytest.fixture
def test(tmp_path):
    return write_split(tmp_path, "test", 150, seed=1)


def fit_set(rows=300, seed=0):
    generator = np.random.default_rng(seed)
    y = generator.integers(0, CLASSES, rows)
    logits = [generator.normal(size=(rows, CLASSES)) + skill * np.eye(CLASSES)[y] for skill in SKILLS.values()]
    return FitSet(list(SKILLS), softmax(np.array(logits)), y, np.arange(rows) % FOLDS)


@pytest.mark.parametrize("method", FITTED)
def test_a_fitted_method_trusts_the_better_member_more_and_beats_the_mean(method):
    data = fit_set()
    fitted = fit(method, data.names, data)
    assert fitted.method.weights["good-s1"] > fitted.method.weights["fair-s1"] >= fitted.method.weights["noise-s1"]
    mean = fit("mean", data.names)
    assert log_loss(data.labels, fitted.combine(data.members)) < log_loss(data.labels, mean.combine(data.members))


def test_the_weights_are_the_best_of_the_simplex():
    data = fit_set()
    best = log_loss(data.labels, fit("weighted", data.names, data).combine(data.members))
    for weights in np.random.default_rng(1).dirichlet(np.ones(3), 200):
        other = fit("weighted", data.names, None, weights=dict(zip(data.names, weights.tolist(), strict=True)))
        assert log_loss(data.labels, other.combine(data.members)) > best - 1e-9


def test_greedy_selection_of_a_worked_example():
    # The members give the true class 0.6 and 0.6; 0.9 and 0.3: the product decides, and only the first is taken.
    own = np.array([[0.6, 0.6], [0.9, 0.3]])
    data = FitSet(["even", "odd"], np.stack([own, 1 - own], axis=2), np.zeros(2, int), np.array([0, 1]))
    assert fit("greedy", data.names, data).method.weights == {"even": 1, "odd": 0}


def test_the_temperature_undoes_a_scaling_of_the_logits():
    generator = np.random.default_rng(0)
    logits = 2 * generator.normal(size=(20_000, CLASSES))
    y = (softmax(logits).cumsum(axis=1) < generator.random((20_000, 1))).sum(axis=1)
    data = FitSet(["one"], softmax(3 * logits)[None], y, np.arange(20_000) % FOLDS)
    assert fit("mean", data.names, data, temperature_scaling=True).temperature == pytest.approx(3, rel=0.03)


def test_a_temperature_changes_no_class(test, validation, tmp_path):
    plain = average(test, tmp_path / "plain")
    calibrated = average(test, tmp_path / "calibrated", Average(method="mean", temperature_scaling=True), validation)
    assert calibrated["accuracy"] == plain["accuracy"]
    assert calibrated["log_loss"] < plain["log_loss"]
    assert (tmp_path / "plain/submission.csv").read_bytes() == (tmp_path / "calibrated/submission.csv").read_bytes()


@pytest.mark.parametrize("method", FITTED)
def test_rows_that_a_method_is_fitted_on_are_scored_by_a_fit_without_them(method):
    data = fit_set(rows=40)
    found = out_of_fold(fit_folds(method, data), data)
    others = data.fold != 2
    expected = fit(method, data.names, data.rows(others)).combine(data.rows(data.fold == 2).members)
    assert (found[data.fold == 2] == expected).all()


@pytest.mark.parametrize("method", FITTED)
def test_the_validation_ensemble_is_out_of_fold_and_says_so(method, validation, tmp_path):
    result = average(validation, tmp_path / "out", Average(method=method), validation)
    assert result["fitted_on"]["out_of_fold"] is True
    assert len(result["combinations"]) == FOLDS
    own = next(row for row in result["methods"] if row["own"])
    assert own["validation"]["accuracy"] == pytest.approx(result["accuracy"])


@pytest.mark.parametrize("method", FITTED)
def test_the_bytes_of_a_fitted_method_do_not_depend_on_the_order_of_members(method, test, validation, tmp_path):
    average(test, tmp_path / "one", Average(method=method, temperature_scaling=True), validation)
    average(
        test[::-1],
        tmp_path / "two",
        Average(method=method, temperature_scaling=True),
        [validation[k] for k in (1, 0, 2)],
    )
    for name in ("ensemble.csv", "ensemble.json", "metrics.json", "submission.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_what_was_fitted_on_what_is_kept(test, validation, tmp_path):
    average(test, tmp_path / "out", Average(method="stacking", temperature_scaling=True), validation)
    manifest = json.loads((tmp_path / "out/ensemble.json").read_text())
    assert (manifest["method"], manifest["calibrated"]) == ("stacking", True)
    assert manifest["fitted_on"]["split"] == "validation"
    assert manifest["fitted_on"]["labelled"] == 200
    assert manifest["fitted_on"]["content_digests"] == {
        path.stem: read_predictions(path).digest for path in sorted(validation)
    }
    (numbers,) = manifest["combinations"]
    assert set(numbers["weights"]) == set(SKILLS)
    assert numbers["temperature"] != 1


def test_a_table_of_methods_has_both_splits(test, validation, tmp_path):
    result = average(test, tmp_path / "out", Average(method="greedy"), validation)
    assert [row["method"] for row in result["methods"]] == ["mean", "geometric", *FITTED]
    assert [row["method"] for row in result["methods"] if row["own"]] == ["greedy"]
    for row in result["methods"]:
        assert 0.5 < row["validation"]["accuracy"] <= 1
        assert 0.5 < row["test"]["accuracy"] <= 1
        assert set(row["weights"]) == set(SKILLS)
    own = next(row for row in result["methods"] if row["own"])
    assert own["test"]["accuracy"] == result["accuracy"]


def test_given_weights_are_used_as_they_are(test, tmp_path):
    only = {"good-s1": 2.0, "fair-s1": 0.0, "noise-s1": 0.0}
    result = average(test, tmp_path / "out", Average(method="weighted", weights=only))
    assert result["accuracy"] == result["members"]["good-s1"]["accuracy"]
    assert result["fitted_on"] is None
    assert result["accuracy_by_count"] is None, "one member alone is no ensemble"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            "--method meen",
            "--method: 'meen' is not a method (mean, geometric, weighted, greedy, stacking); did you",
        ),
        ("--method greedy", "--method greedy: is fitted to labels: give the members' validation tables with --fit-on"),
        ("--temperature-scaling", "--method mean, calibrated: is fitted to labels"),
        ("--weights good-s1=1", "--weights: method 'mean' takes none"),
        ("--method weighted --weights good-s1=1", "--weights: fair-s1, noise-s1: give one weight to each member"),
        ("--method weighted --weights good-s1=0 fair-s1=0", "--weights: expected numbers of at least 0, not all 0"),
        ("--method weighted --weights good-s1=-1 fair-s1=2", "--weights.good-s1: should be greater than or equal to 0"),
    ],
)
def test_a_method_that_lacks_what_it_needs_is_refused(flags, message, test, tmp_path, capsys):
    assert main(["average", *map(str, test), "--output", str(tmp_path / "out"), *flags.split()]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


LESS = {name: skill for name, skill in SKILLS.items() if name != "fair-s1"}
MISUSES = {
    "test tables": (
        {"split": "test", "rows": 150, "seed": 1},
        r"--fit-on: .*test/good-s1\.csv is of the test split: methods are fitted on validation only",
    ),
    "few labels": ({"rows": 9}, "9 rows have a label; method 'greedy' needs at least 10"),
    "no labels": ({"labels": False}, "0 rows have a label"),
    "a member less": ({"skills": LESS}, "--fit-on: lacks member fair-s1: give the validation tables of exactly"),
    "a member more": ({"skills": {**SKILLS, "more-s1": 1}}, "has member more-s1, which is not averaged"),
    "other checkpoints": (
        {"checkpoint_digest": "other"},
        r"validation/fair-s1\.csv comes from another checkpoint than .*test/fair-s1\.csv",
    ),
    "test tables renamed": (
        {"rows": 150, "seed": 1},
        r"holds the same predictions as .*test/fair-s1\.csv: nothing may be fitted on what it is judged by",
    ),
}


@pytest.mark.parametrize("case", MISUSES)
def test_what_must_not_be_fitted_on_is_refused_and_nothing_is_written(case, test, tmp_path):
    changes, message = MISUSES[case]
    paths = write_split(tmp_path / "fit", **{"split": "validation", "rows": 99, "seed": 0, **changes})
    with pytest.raises(GestureError, match=message) as refusal:
        average(test, tmp_path / "out", Average(method="greedy"), paths)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


def alike(folder, split, rows=30):
    """Members that give every sequence the same softmax, as networks do that have learnt nothing."""
    paths = write_split(folder, split, rows, seed=0)
    for path in paths:
        table = read_predictions(path)
        p = np.tile(np.float32([0.4, 0.3, 0.2, 0.1]), (rows, 1))
        write_predictions(path, table.ids, p, table.labels, table.manifest)
    return paths


@pytest.mark.filterwarnings("ignore:members .* hold the same predictions")
@pytest.mark.parametrize("flags", [[], ["--temperature-scaling"], ["--method", "greedy"], ["--method", "stacking"]])
def test_members_that_answer_every_sequence_alike_are_averaged(flags, tmp_path, capsys):
    test, validation = alike(tmp_path, "test"), alike(tmp_path, "validation")
    arguments = ["average", *map(str, test), "--output", str(tmp_path / "out"), "--fit-on", *map(str, validation)]
    assert main([*arguments, *flags]) == 0
    assert "nothing may be fitted" not in capsys.readouterr().out
    assert len(set(submitted(tmp_path / "out"))) == 1
    assert len(json.loads((tmp_path / "out/metrics.json").read_text())["methods"]) >= 5


@pytest.mark.parametrize("given", [{}, {"method": "weighted", "weights": dict.fromkeys(SKILLS, 2.0)}])
def test_a_method_that_learns_nothing_may_be_given_the_averaged_tables_but_compares_no_fits(
    given, test, tmp_path, capsys
):
    renamed = write_split(tmp_path / "fit", "validation", 150, seed=1)
    result = average(test, tmp_path / "out", Average(**given), renamed)
    assert "nothing may be fitted on what it is judged by; methods that are fitted are not compared" in (
        capsys.readouterr().out
    )
    assert [row["method"] for row in result["methods"]] == ["mean", "geometric", *(["weighted"] if given else [])]
    assert all("validation" not in row for row in result["methods"])


def test_a_table_that_does_not_say_its_split_is_not_fitted_on(test, validation, tmp_path):
    validation[0].with_suffix(".json").unlink()
    with pytest.raises(GestureError, match=r"good-s1\.csv has no manifest that says its split"):
        average(test, tmp_path / "out", Average(method="greedy"), validation)


def made_2019(folder, members=5, rows=2174, classes=20):
    generator = np.random.default_rng(0)
    paths = [folder / f"155823{k}_63581_softlabel.csv" for k in range(members)]
    for path in paths:
        write_softlabel(path, softmax(2 * generator.normal(size=(rows, classes))).astype(np.float32))
    return paths


def assembled(paths):
    """What the script of 2019 did: the plain float64 sum of the texts, argmax, one-based."""
    total = 0
    for path in paths:
        rows = path.read_text().split('"')[1::2]
        total = total + np.array([[float(word) for word in row[1:-1].split()] for row in rows])
    return total.argmax(axis=1) + 1


def submitted(folder):
    return np.loadtxt(folder / "submission.csv", delimiter=",", skiprows=1, dtype=int)[:, 1]


def test_the_soft_labels_of_2019_give_the_labels_of_2019(tmp_path):
    paths = made_2019(tmp_path)
    average(paths, tmp_path / "out")
    assert (submitted(tmp_path / "out") == assembled(paths)).all()


def test_soft_labels_and_our_tables_mix(tmp_path):
    old = made_2019(tmp_path, members=2, rows=50)
    p = softmax(np.random.default_rng(9).normal(size=(50, 20))).astype(np.float32)
    write_predictions(tmp_path / "ours-s1.csv", np.arange(1, 51), p, np.arange(50) % 20, {"split": "test"})
    result = average([*old, tmp_path / "ours-s1.csv"], tmp_path / "out")
    tables = [read_predictions(tmp_path / "ours-s1.csv").probabilities, *(_old(path) for path in old)]
    expected = np.mean(tables, axis=0)
    assert (submitted(tmp_path / "out") == expected.argmax(axis=1) + 1).all()
    assert result["labelled"] == 50


def _old(path):
    from gesture.average.members import read_member

    return read_member(path).probabilities


def test_soft_labels_of_other_rows_are_refused(tmp_path):
    one, _ = made_2019(tmp_path, members=2, rows=50)
    write_softlabel(tmp_path / "short_softlabel.csv", np.full((49, 20), 0.05, np.float32))
    with pytest.raises(GestureError, match=r"short_softlabel\.csv: lacks Id 50 of"):
        average([one, tmp_path / "short_softlabel.csv"], tmp_path / "out")


def test_the_command_line_takes_every_method(test, validation, tmp_path, capsys):
    arguments = ["average", *map(str, test), "--output", str(tmp_path / "out")]
    assert main([*arguments, "--method", "weighted", "--weights", "good-s1=2", "fair-s1=1", "noise-s1=0"]) == 0
    assert json.loads((tmp_path / "out/ensemble.json").read_text())["combinations"][0]["weights"]["good-s1"] == 2
    assert main([*arguments, "--method", "greedy", "--temperature-scaling", "--fit-on", *map(str, validation)]) == 0
    assert json.loads((tmp_path / "out/ensemble.json").read_text())["calibrated"] is True
    assert main([*arguments, "--method", "greedy"]) == 2
    assert "--fit-on" in capsys.readouterr().err


def experiment_with(average, **data):
    return {
        "experiment": "e",
        "data": data,
        "training": {"stages": [{"epochs": 1, "learning_rate": 1e-3}]},
        "variants": {"a": {"network": {"model": "tcn"}, "modalities": ["skeleton"], "seeds": [1, 2]}},
        "average": average,
    }


def test_the_settings_say_how_and_the_command_line_wins(test, validation, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text(yaml.safe_dump(experiment_with({"method": "stacking"})))
    arguments = ["average", *map(str, test), "--output", str(tmp_path), "--settings", str(settings)]
    assert main([*arguments, "--fit-on", *map(str, validation)]) == 0
    manifest = json.loads((tmp_path / "submission.json").read_text())
    assert manifest["average"]["method"] == "stacking"
    assert manifest["settings"]["experiment"] == "e"
    assert main([*arguments, "--method", "mean"]) == 0
    assert json.loads((tmp_path / "submission.json").read_text())["average"]["method"] == "mean"


@pytest.mark.parametrize(
    ("average_settings", "data", "message"),
    [
        ({"method": "median"}, {}, "average.method: 'median' is not a method"),
        ({"method": "mean", "weights": {"a-s1": 1}}, {}, "average: weights: method 'mean' takes none"),
        ({"method": "weighted", "weights": {"a-s1": 1}}, {}, "average.weights: a-s2: give one weight to each member"),
        ({"method": "greedy"}, {"train_on_validation": True}, "average: is fitted on validation, which data.train_on"),
        (
            {"temperature_scaling": True},
            {"train_on_validation": True},
            "average: is fitted on validation, which data.train_on",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_trained(average_settings, data, message):
    with pytest.raises(GestureError, match=message):
        parse(experiment_with(average_settings, **data), "e.yaml")
