"""Frame-wise Jaccard index: worked examples, the kit of 2014 as a reference, and refusals with their lines."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score

from gesture.base.errors import GestureError
from gesture.evaluate.jaccard import jaccard

HEADER = "sample,begin,end,y\n"
FRAMES = 40


def write(path, rows):
    path.write_text(HEADER + "".join(f"{','.join(map(str, row))}\n" for row in rows))
    return path


def score(folder, truth, found):
    return jaccard(write(folder / "truth.csv", truth), write(folder / "found.csv", found))


def test_a_worked_example(tmp_path):
    # Frames 1-10 against 6-15 share 5 of 15; the kit drops the last frame of each: 1-9 against 6-14 share 4 of 14.
    result = score(tmp_path, [("Sample0701", 1, 10, 3)], [("Sample0701", 6, 15, 3)])
    assert (result["official"], result["strict"]) == (pytest.approx(4 / 14), pytest.approx(5 / 15))


def test_a_class_that_is_not_there_costs_strictly_only(tmp_path):
    result = score(tmp_path, [("a", 1, 10, 3)], [("a", 1, 10, 3), ("a", 20, 30, 4)])
    assert (result["official"], result["strict"]) == (1, 0.5)


def test_the_mean_is_over_classes_then_over_samples(tmp_path):
    truth = [("a", 1, 10, 1), ("a", 20, 29, 2), ("b", 1, 10, 1)]
    result = score(tmp_path, truth, [("a", 1, 10, 1), ("b", 1, 10, 1)])
    assert result["strict"] == pytest.approx((0.5 + 1) / 2)
    assert result["samples"]["a"] == {"official": 0.5, "strict": 0.5}


INTERVALS = st.lists(st.tuples(st.integers(1, FRAMES), st.integers(0, 12), st.integers(1, 4)), min_size=1, max_size=6)


def as_vectors(rows, drop_last):
    marked = np.zeros((4, FRAMES), int)
    for begin, end, y in rows:
        marked[y - 1, begin - 1 : end - 1 if drop_last else end] = 1
    return marked


@given(INTERVALS, INTERVALS)
def test_it_agrees_with_scikit_learn_on_frames(tmp_path_factory, one, other):
    truth, found = ([(b, min(b + n, FRAMES), y) for b, n, y in rows] for rows in (one, other))
    result = score(tmp_path_factory.mktemp("j"), [("s", *row) for row in truth], [("s", *row) for row in found])
    for name, drop_last in (("official", True), ("strict", False)):
        a, b = as_vectors(truth, drop_last), as_vectors(found, drop_last)
        classes = {y for _, _, y in truth} | ({y for _, _, y in found} if name == "strict" else set())
        each = [jaccard_score(a[y - 1], b[y - 1], zero_division=0) for y in classes]
        assert result[name] == pytest.approx(np.mean(each))


def test_the_scores_of_every_sample_are_kept(tmp_path):
    path = write(tmp_path / "truth.csv", [("a", 1, 10, 1)])
    result = jaccard(path, path, tmp_path / "jaccard.json")
    assert json.loads((tmp_path / "jaccard.json").read_text()) == result
    assert result["strict"] == result["official"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Id,y\n1,2\n", "header is 'Id,y', expected 'sample,begin,end,y'"),
        (HEADER + "a,1,9,1\na,9,8,1\n", "line 3: expected 1 <= begin <= end"),
        (HEADER + "a,0,9,1\na,1,9,0\n", "lines 2, 3: expected"),
        (HEADER + "a,1.5,9,1\n", "line 2: expected"),
        (HEADER + "b,1,9,1\n", "sample b is not in "),
    ],
)
def test_what_cannot_be_scored_is_refused_with_its_line(tmp_path, text, message):
    truth = write(tmp_path / "truth.csv", [("a", 1, 10, 1)])
    (tmp_path / "found.csv").write_text(text)
    with pytest.raises(GestureError, match=message):
        jaccard(truth, tmp_path / "found.csv")
