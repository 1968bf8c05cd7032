"""Experiments side by side: paired on common Ids, tested, and refused where nothing can be compared."""

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from gesture.average.average import average
from gesture.base.errors import GestureError
from gesture.cli import main
from gesture.evaluate.predictions import write_predictions
from gesture.report.compare import compare, holm

LABELS = np.random.default_rng(0).integers(0, 3, 200)


def experiment(folder, name, right, ids=None, labels=LABELS, split="test", digest="d"):
    """Results whose ensemble is right with this probability."""
    ids = np.arange(len(labels)) if ids is None else ids
    generator = np.random.default_rng(sum(map(ord, name)))
    chosen = np.where(generator.random(len(ids)) < right, labels[ids], (labels[ids] + 1) % 3)
    return written(folder, name, ids, chosen, labels, split, digest), chosen


def written(folder, name, ids, chosen, labels=LABELS, split="test", digest="d"):
    """Results whose ensemble chooses these classes."""
    p = np.full((len(ids), 3), 0.1, np.float32) + 0.7 * np.eye(3, dtype=np.float32)[chosen]
    results = folder / name
    table = results / f"predictions/{split}/a-s1.csv"
    write_predictions(table, ids, p, labels[ids], {"member": "a-s1", "split": split, "data_digest": digest})
    average([table], results if split == "test" else results / split)
    return results


def test_gain_and_test_are_those_of_the_paired_rows(tmp_path):
    (one, a), (two, b) = experiment(tmp_path, "one", 0.7), experiment(tmp_path, "two", 0.9)
    result = compare([one, two], None, tmp_path / "compare.json")
    assert result == json.loads((tmp_path / "compare.json").read_text())
    (pair,) = result["pairs"]
    only_a, only_b = int(((a == LABELS) & (b != LABELS)).sum()), int(((b == LABELS) & (a != LABELS)).sum())
    assert (pair["first"], pair["second"], pair["common"]) == ("one", "two", 200)
    assert (pair["only_first"], pair["only_second"]) == (only_a, only_b)
    assert pair["gain"] == pytest.approx((only_b - only_a) / 200)
    assert pair["mcnemar_p"] == pytest.approx(binomtest(only_b, only_a + only_b).pvalue)
    assert pair["interval"][0] < pair["gain"] < pair["interval"][1]
    assert result["experiments"]["one"]["accuracy"] == pytest.approx((a == LABELS).mean())


def test_only_common_ids_are_paired(tmp_path):
    one, _ = experiment(tmp_path, "one", 0.7, ids=np.arange(0, 150))
    two, _ = experiment(tmp_path, "two", 0.9, ids=np.arange(100, 200))
    result = compare([one, two], None)
    assert result["pairs"][0]["common"] == 50
    assert [one["labelled"] for one in result["experiments"].values()] == [150, 100]


@pytest.mark.parametrize(
    ("only_one", "only_two", "said"),
    [
        (2, 20, "second is better"),
        (20, 2, "first is better"),
        (1, 7, "tests disagree"),  # p = .07, while the bootstrap leaves out 0
        (5, 7, "undecided"),
        (0, 0, "undecided"),
    ],
)
def test_one_is_called_better_only_where_interval_and_test_agree(tmp_path, capsys, only_one, only_two, said):
    folders = []
    for name, wrong in (("one", slice(0, only_two)), ("two", slice(100, 100 + only_one))):
        chosen = LABELS.copy()
        chosen[wrong] = (chosen[wrong] + 1) % 3
        folders.append(written(tmp_path, name, np.arange(200), chosen))
    compare(folders, None)
    assert said in capsys.readouterr().out


def test_experiments_that_share_nothing_stand_side_by_side_untested(tmp_path, capsys):
    one, _ = experiment(tmp_path, "one", 0.7, ids=np.arange(0, 50))
    two, _ = experiment(tmp_path, "two", 0.9, ids=np.arange(100, 200))
    assert compare([one, two], None)["pairs"][0]["gain"] is None
    assert "two - one" in capsys.readouterr().out


def test_validation_is_compared_where_test_has_no_labels(tmp_path):
    places = [experiment(tmp_path, name, 0.8, split="validation")[0] for name in ("one", "two")]
    assert compare(places, None)["split"] == "validation"


def test_several_pairs_are_corrected_by_holm():
    # Holm 1979: the smallest times 3, the next times 2, and never below the one before.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, None, 0.8]) == [1.0, None, 1.0]


def test_the_command_line_takes_names_below_results(tmp_path, monkeypatch, capsys):
    for name, right in (("one", 0.7), ("two", 0.9), ("three", 0.9)):
        experiment(tmp_path / "results", name, right)
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "one", "two", "three"]) == 0
    told = capsys.readouterr().out
    assert all(pair in told for pair in ("two - one", "three - one", "three - two"))


def test_other_records_are_warned_of_and_other_labels_refused(tmp_path):
    one, _ = experiment(tmp_path, "one", 0.7)
    other, _ = experiment(tmp_path, "other", 0.9, digest="e")
    with pytest.warns(UserWarning, match="one and other saw different records"):
        compare([one, other], None)
    labels = LABELS.copy()
    labels[7] = (labels[7] + 1) % 3
    changed, _ = experiment(tmp_path, "changed", 0.9, labels=labels)
    with pytest.raises(GestureError, match=r"changed/ensemble\.csv: Id 7: label differs from .*one/ensemble\.csv"):
        compare([one, changed], None)


def test_what_cannot_be_compared_is_refused(tmp_path):
    one, _ = experiment(tmp_path, "one", 0.7)
    with pytest.raises(GestureError, match="name two or more different experiments"):
        compare([one], None)
    with pytest.raises(GestureError, match="name two or more different experiments"):
        compare([one, tmp_path / "." / "one"], None)
    with pytest.raises(GestureError, match="no split is averaged and labelled in all of them"):
        compare([one, tmp_path / "absent"], None)
    with pytest.raises(GestureError, match="no such predictions table"):
        compare([one, tmp_path / "absent"], "test")
