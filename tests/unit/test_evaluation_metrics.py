"""Every figure agrees with scikit-learn or with a worked example."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from gesture.evaluate import metrics as ours
from gesture.evaluate.predictions import Predictions


def random_table(seed, rows, classes):
    generator = np.random.default_rng(seed)
    exponentials = np.exp(generator.normal(size=(rows, classes)) * generator.choice([0.1, 1, 10]))
    probabilities = (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)
    return generator.integers(0, classes, rows), probabilities


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(4, 12))
def test_figures_agree_with_scikit_learn(seed, rows, classes):
    y, p = random_table(seed, rows, classes)
    exact = p.astype(np.float64) / p.sum(axis=1, dtype=np.float64, keepdims=True)
    every, chosen = list(range(classes)), p.argmax(axis=1)
    counts = ours.confusion_matrix(y, chosen, classes)
    assert (counts == sklearn.metrics.confusion_matrix(y, chosen, labels=every)).all()
    assert ours.macro_f1(counts) == pytest.approx(sklearn.metrics.f1_score(y, chosen, average="macro", zero_division=0))
    assert ours.top_k_accuracy(y, p, 3) == pytest.approx(sklearn.metrics.top_k_accuracy_score(y, p, k=3, labels=every))
    assert ours.log_loss(y, p) == pytest.approx(sklearn.metrics.log_loss(y, exact, labels=every), rel=1e-5)
    assert ours.brier(y, p) == pytest.approx(
        sklearn.metrics.brier_score_loss(y, exact, labels=every, scale_by_half=False), rel=1e-5, abs=1e-7
    )
    recall = sklearn.metrics.recall_score(y, chosen, labels=every, average=None, zero_division=0)
    for k in every:
        assert ours.per_class_recall(counts)[k] == (pytest.approx(recall[k]) if (y == k).any() else None)


def test_of_equal_classes_the_lowest_comes_first():
    p = np.full((4, 4), 0.25, np.float32)
    y = np.arange(4)
    assert ours.top_k_accuracy(y, p, 1) == 0.25
    assert ours.top_k_accuracy(y, p, 3) == 0.75
    assert ours.confusion_matrix(y, p.argmax(axis=1), 4)[:, 0].tolist() == [1, 1, 1, 1]


def test_calibration_error_of_a_worked_example():
    # Two bins: confidence 0.6 with 1 of 2 right, confidence 0.9 with 2 of 2 right.
    p = np.array([[0.6, 0.4], [0.6, 0.4], [0.9, 0.1], [0.1, 0.9]], np.float32)
    y = np.array([0, 1, 0, 1])
    assert ours.calibration_error(y, p.argmax(axis=1), p.max(axis=1)) == pytest.approx((2 * 0.1 + 2 * 0.1) / 4)
    assert [(b["rows"], b["accuracy"]) for b in ours.reliability(y, p.argmax(axis=1), p.max(axis=1))] == [
        (2, 0.5),
        (2, 1.0),
    ]


def test_wilson_interval_of_a_published_example():
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 gives 0.2553 to 0.3662.
    assert ours.wilson_interval(81, 263) == pytest.approx([0.2553, 0.3662], abs=5e-5)


def test_a_paired_gain_is_counted_and_tested():
    # McNemar on 9 against 1 discordant rows: two-sided binomial p = 22 / 1024.
    a = np.array([True] * 9 + [False] + [True] * 90)
    b = np.array([False] * 9 + [True] + [True] * 90)
    gain = ours.paired_gain(a, b)
    assert gain["accuracy"] == pytest.approx(0.08)
    assert gain["mcnemar_p"] == pytest.approx(22 / 1024)
    assert gain["interval"][0] < 0.08 < gain["interval"][1]
    # The bootstrap's standard error is that of the mean of the differences.
    differences = a.astype(int) - b.astype(int)
    width = gain["interval"][1] - gain["interval"][0]
    assert width == pytest.approx(2 * 1.96 * differences.std() / 10, rel=0.1)


def test_two_equal_sets_gain_nothing():
    same = np.array([True, False, True])
    assert ours.paired_gain(same, same)["interval"] == [0, 0]
    assert ours.paired_gain(same, same)["mcnemar_p"] == 1


@pytest.mark.parametrize(("rows", "reason"), [(0, "no rows in this split"), (3, "none in this split")])
def test_without_labels_every_figure_is_none_and_the_reason_is_given(tmp_path, rows, reason):
    table = Predictions(tmp_path / "a.csv", np.arange(rows), np.full((rows, 4), 0.25, np.float32))
    figures = ours.metrics(table)
    assert figures.pop("labels") == reason
    assert figures.pop("labelled") == 0
    assert set(figures.values()) == {None}


def test_only_labelled_rows_count(tmp_path):
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]], np.float32)
    table = Predictions(tmp_path / "a.csv", np.arange(3), p, np.array([0, -1, 0]))
    figures = ours.metrics(table)
    assert figures["accuracy"] == 0.5
    assert figures["labels"] == "2 of 3 rows"
    assert figures["recall"] == [0.5, None]
