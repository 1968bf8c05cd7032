"""Averaging: right, independent of any order, and refused whenever members do not fit together."""

import json

import made_up_results
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gesture.average.average import average
from gesture.base.errors import GestureError
from gesture.base.files import file_digest, read_manifest
from gesture.config.settings import Average
from gesture.evaluate.predictions import read_predictions, write_predictions

FILES = ("ensemble.csv", "ensemble.json", "metrics.json", "submission.csv", "submission.json")


def softmaxes(generator, rows, classes):
    exponentials = np.exp(generator.normal(size=(rows, classes)) * 4)
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)


def write_member(path, ids, probabilities, labels=None, **manifest):
    write_predictions(path, ids, np.asarray(probabilities, np.float32), labels, {"member": path.stem, **manifest})
    return path


def make_members(folder, count=4, rows=11, classes=5, seed=0, labels=True):
    generator = np.random.default_rng(seed)
    ids = generator.choice(1000, rows, replace=False)
    y = generator.integers(0, classes, rows) if labels else None
    return [
        write_member(folder / f"m{i}-s1.csv", ids, softmaxes(generator, rows, classes), y, split="test")
        for i in range(count)
    ]


def shuffle_rows(path, generator):
    header, *rows = path.read_text().splitlines()
    generator.shuffle(rows)
    path.write_text("\n".join([header, *rows]) + "\n")
    manifest = path.with_suffix(".json")
    made_up_results.change_manifest(manifest, sha256=file_digest(path))


@pytest.mark.parametrize("method", ["mean", "geometric"])
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(0, 12))
def test_the_bytes_do_not_depend_on_the_order_of_members_or_rows(tmp_path_factory, method, seed, count, rows):
    folder = tmp_path_factory.mktemp("average")
    members = make_members(folder, count, rows, seed=seed)
    average(members, folder / "one", Average(method=method))
    generator = np.random.default_rng(seed)
    generator.shuffle(members)
    for path in members:
        shuffle_rows(path, generator)
    average(members, folder / "two", Average(method=method))
    for name in FILES:
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes()


def test_the_mean_is_the_mean(tmp_path):
    members = make_members(tmp_path, count=7, rows=200)
    average(members, tmp_path / "out")
    expected = np.mean([read_predictions(path).probabilities.astype(np.float64) for path in members], axis=0)
    assert (read_predictions(tmp_path / "out/ensemble.csv").probabilities == expected.astype(np.float32)).all()


def test_the_geometric_mean_is_the_normalised_mean_of_logarithms(tmp_path):
    members = make_members(tmp_path, count=3, rows=50)
    average(members, tmp_path / "out", Average(method="geometric"))
    tables = [read_predictions(path).probabilities.astype(np.float64) for path in members]
    expected = np.exp(np.mean(np.log(tables), axis=0))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(read_predictions(tmp_path / "out/ensemble.csv").probabilities, expected, rtol=1e-6)


def test_a_zero_in_one_member_does_not_break_the_geometric_mean(tmp_path):
    one = write_member(tmp_path / "a.csv", [1], [[1, 0]])
    two = write_member(tmp_path / "b.csv", [1], [[0, 1]])
    average([one, two], tmp_path / "out", Average(method="geometric"))
    assert read_predictions(tmp_path / "out/ensemble.csv").probabilities.tolist() == [[0.5, 0.5]]


def test_submission_holds_one_based_classes_sorted_by_number_and_the_lowest_of_equals(tmp_path):
    member = write_member(tmp_path / "a.csv", [10, 9, 100], [[0, 0.5, 0.5], [1, 0, 0], [0.2, 0.2, 0.6]])
    average([member], tmp_path)
    assert (tmp_path / "submission.csv").read_text() == "Id,y\n9,1\n10,2\n100,3\n"


def test_metrics_hold_members_ensemble_and_gain(tmp_path):
    y = [0, 1, 0, 1]
    weak = write_member(tmp_path / "weak-s1.csv", [1, 2, 3, 4], [[0.6, 0.4]] * 4, y, split="test")
    good = write_member(tmp_path / "good-s1.csv", [1, 2, 3, 4], [[0.9, 0.1], [0.3, 0.7]] * 2, y, split="test")
    result = average([weak, good], tmp_path / "out")
    assert result == read_manifest(tmp_path / "out/metrics.json", "average")
    assert (result["split"], result["method"], result["rows"]) == ("test", "mean", 4)
    assert [result["members"][name]["accuracy"] for name in ("good-s1", "weak-s1")] == [1, 0.5]
    assert result["accuracy"] == 1
    assert result["best_member"] == "good-s1"
    assert result["gain"]["accuracy"] == 0
    assert result["confusion"] == [[2, 0], [0, 2]]


def test_a_manifest_says_what_was_averaged(tmp_path):
    members = make_members(tmp_path, count=2)
    average(members, tmp_path / "out")
    manifest = json.loads((tmp_path / "out/ensemble.json").read_text())
    assert (manifest["member"], manifest["split"], manifest["method"]) == ("ensemble", "test", "mean")
    assert [one["content_digest"] for one in manifest["members"]] == [read_predictions(m).digest for m in members]


@pytest.mark.parametrize(("rows", "reason"), [(3, "none in this split"), (0, "no rows in this split")])
def test_without_labels_there_is_a_submission_and_a_reason_for_no_figures(tmp_path, rows, reason):
    average(make_members(tmp_path, count=2, rows=rows, labels=False), tmp_path / "out")
    result = json.loads((tmp_path / "out/metrics.json").read_text())
    assert result["labels"] == reason
    assert (result["accuracy"], result["best_member"], result["gain"]) == (None, None, None)
    assert len((tmp_path / "out/submission.csv").read_text().splitlines()) == rows + 1


def test_labels_of_any_member_count_for_the_ensemble(tmp_path):
    one = write_member(tmp_path / "a.csv", [1, 2], [[1, 0], [1, 0]], [0, None])
    two = write_member(tmp_path / "b.csv", [1, 2], [[1, 0], [1, 0.0]], None)
    with pytest.warns(UserWarning, match="a and b hold the same predictions"):
        result = average([one, two], tmp_path / "out")
    assert result["labels"] == "1 of 2 rows"
    assert result["members"]["b"]["labels"] == "none in this split"


GOOD = ([1, 2, 3], [[0.5, 0.5], [1, 0], [0, 1]])


def misfit(case, folder):
    """A member that does not fit to the good one, and what the refusal must say."""
    ids, rows = GOOD
    path = folder / "b-s1.csv"
    if case == "missing":
        return write_member(path, ids[:2], rows[:2]), r"b-s1.csv: lacks Id 3 of .*a-s1.csv"
    if case == "extra":
        return write_member(path, [*ids, 9], [*rows, [1, 0]]), r"b-s1.csv: has Id 9, not in .*a-s1.csv"
    if case == "other ids":
        return write_member(path, [1, 2, 4], rows), r"lacks Id 3 of .*a-s1.csv and has Id 4, not in"
    if case == "classes":
        return write_member(path, ids, [[*row, 0] for row in rows]), r"b-s1.csv: 3 classes, but 2 in .*a-s1.csv"
    if case == "split":
        return write_member(path, ids, rows, split="validation"), r"split is 'validation', but 'test' in .*a-s1.csv"
    if case == "data":
        return write_member(path, ids, rows, data_digest="bb"), r"records' digest is 'bb', but 'aa' in .*a-s1.csv"
    if case == "labels":
        return write_member(path, ids, rows, [0, 1, 1]), r"b-s1.csv: Id 2: label differs"
    if case == "name":
        write_predictions(path, ids, np.asarray(rows, np.float32), None, {"member": "a-s1"})
        return path, r"b-s1.csv: member 'a-s1' is also in .*a-s1.csv"
    path.write_text("Id,p_1,p_2\n1,0.5,0.5\n1,0.5,0.5\n2,1,0\n3,0,1\n")
    return path, r"b-s1.csv: Id 1 given more than once"


@pytest.mark.parametrize(
    "case", ["missing", "extra", "other ids", "classes", "split", "data", "labels", "name", "duplicate"]
)
def test_a_member_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path, case):
    good = write_member(tmp_path / "a-s1.csv", *GOOD, [0, 0, 1], split="test", data_digest="aa")
    other, message = misfit(case, tmp_path)
    with pytest.raises(GestureError, match=message):
        average([good, other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_listed_twice_is_refused_under_any_spelling(tmp_path):
    good = write_member(tmp_path / "a-s1.csv", *GOOD)
    link = tmp_path / "link.csv"
    link.symlink_to(good)
    with pytest.raises(GestureError, match=r"link\.csv: listed more than once"):
        average([good, link], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_failed_average_leaves_the_last_one_as_it_was(tmp_path):
    average(make_members(tmp_path), tmp_path / "out")
    before = {name: (tmp_path / "out" / name).read_bytes() for name in FILES}
    broken = tmp_path / "broken.csv"
    broken.write_text("Id,p_1,p_2\n1,3,4\n")
    with pytest.raises(GestureError):
        average([broken], tmp_path / "out")
    assert before == {name: (tmp_path / "out" / name).read_bytes() for name in FILES}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
