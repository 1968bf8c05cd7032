"""The predictions table: what is written is read back, and what is no softmax is refused with its Ids."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gesture.base.errors import GestureError
from gesture.base.files import file_digest, sealed
from gesture.evaluate.predictions import read_predictions, write_predictions


def softmaxes(rows, classes=4, seed=0):
    logits = np.random.default_rng(seed).normal(size=(rows, classes)) * 3
    exponentials = np.exp(logits)
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)


def write_text(path, text):
    path.write_text(text, encoding="utf-8", newline="")
    return path


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(-(2**62), 2**62), unique=True, max_size=20),
    st.integers(2, 30),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_a_table_survives_writing_and_reading_bit_by_bit(tmp_path_factory, ids, classes, seed, with_labels):
    path = tmp_path_factory.mktemp("table") / "fusion-s1.csv"
    generator = np.random.default_rng(seed)
    probabilities = softmaxes(len(ids), classes, seed)
    labels = generator.integers(-1, classes, len(ids)) if with_labels else None
    write_predictions(path, ids, probabilities, labels, {"member": "fusion-s1", "split": "test"})
    table = read_predictions(path)
    order = np.argsort(ids, kind="stable")
    assert table.ids.tolist() == sorted(ids)
    assert table.probabilities.dtype == np.float32
    assert (table.probabilities == probabilities[order]).all()
    if labels is None or not (labels >= 0).any():
        assert table.labels is None
    else:
        assert (table.labels == labels[order]).all()
    assert table.manifest == {"member": "fusion-s1", "split": "test", "sha256": file_digest(path)}


def test_the_file_is_what_the_contract_says(tmp_path):
    path = tmp_path / "fusion-s1.csv"
    write_predictions(path, [10, 9], np.array([[0.25, 0.75], [1, 0]], np.float32), [1, None], {"split": "test"})
    assert path.read_text() == "Id,p_1,p_2,label\n9,1,0,\n10,0.25,0.75,2\n"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert json.loads(path.with_suffix(".json").read_text()) == sealed({"split": "test", "sha256": digest})


def test_the_label_column_is_left_out_where_no_sequence_has_one(tmp_path):
    path = tmp_path / "fusion-s1.csv"
    write_predictions(path, [1], np.array([[0.5, 0.5]], np.float32), [None], {})
    assert path.read_text() == "Id,p_1,p_2\n1,0.5,0.5\n"


def test_a_split_without_sequences_is_a_header_only(tmp_path):
    path = tmp_path / "fusion-s1.csv"
    write_predictions(path, [], np.zeros((0, 3), np.float32), [], {"split": "validation"})
    assert path.read_text() == "Id,p_1,p_2,p_3\n"
    table = read_predictions(path)
    assert table.probabilities.shape == (0, 3)
    assert table.labels is None


def test_the_digest_depends_on_the_numbers_only(tmp_path):
    one = write_text(tmp_path / "a.csv", "Id,p_1,p_2\n1,0.5,0.5\n2,0.25,0.75\n")
    two = write_text(tmp_path / "b.csv", "Id,p_1,p_2\r\n2,.25,7.5e-1\r\n1,0.50,0.5\r\n")
    other = write_text(tmp_path / "c.csv", "Id,p_1,p_2\n1,0.5,0.5\n3,0.25,0.75\n")
    assert read_predictions(one).digest == read_predictions(two).digest != read_predictions(other).digest


HEAD = "Id,p_1,p_2\n"
LABELLED = "Id,p_1,p_2,label\n"
REFUSALS = {
    "NaN": (HEAD + "1,0.5,0.5\n7,nan,0.5\n", "Id 7: a probability is missing or NaN"),
    "an empty cell": (HEAD + "7,,0.5\n", "Id 7: a probability is missing or NaN"),
    "a short row": (HEAD + "7,0.5\n", "Id 7: a probability is missing or NaN"),
    "negative": (HEAD + "1,0.5,0.5\n7,-0.5,1.5\n", "Id 7: holds -0.5, .*evaluate it again"),
    "logits": (HEAD + "1,0.5,0.5\n7,-0.5,3\n", "Id 7: holds -0.5, .*looks like logits"),
    "above one": (HEAD + "7,3.5,0.5\n8,0.5,0.5\n9,2,2\n", "Ids 7, 9: holds 3.5, .*looks like logits"),
    "infinite": (HEAD + "7,inf,0\n", "Id 7: .*looks like logits"),
    "wrong sum": (HEAD + "7,0.5,0.4\n", "Id 7: row sums to 0.9, expected 1 within 0.0001"),
    "sum off by little": (HEAD + "7,0.5,0.5002\n", "Id 7: row sums to 1.0002"),
    "many wrong sums": (HEAD + "".join(f"{i},0.1,0.1\n" for i in range(9)), "Ids 0, 1, 2, 3, 4 and 4 more"),
    "a duplicate Id": (HEAD + "7,0.5,0.5\n8,1,0\n7,0.5,0.5\n", "Id 7 given more than once"),
    "no Id column": ("p_1,p_2\n0.5,0.5\n", "header is 'p_1,p_2', expected 'Id,p_1"),
    "a missing class": ("Id,p_1,p_3\n7,0.5,0.5\n", "header is 'Id,p_1,p_3'"),
    "a class twice": ("Id,p_1,p_1\n7,0.5,0.5\n", "header is 'Id,p_1,p_1'"),
    "one class": ("Id,p_1\n7,1\n", "header is 'Id,p_1'"),
    "an unknown column": ("Id,p_1,p_2,subject\n7,0.5,0.5,3\n", "header is"),
    "an empty file": ("", "header is ''"),
    "a submission": ("Id,y\n7,2\n", "header is 'Id,y'"),
    "text for a number": (HEAD + "1,0.5,0.5\n7,half,0.5\n", "Id 7: p_1 is 'half', expected a number"),
    "text for an Id": (HEAD + "7a,0.5,0.5\n", "Id 7a: Id is '7a', expected an integer"),
    "a fraction for an Id": (HEAD + "7.5,0.5,0.5\n", "Id 7.5: Id is '7.5', expected an integer"),
    "an empty Id": (HEAD + ",0.5,0.5\n", "Id is '', expected an integer"),
    "text for a label": (LABELLED + "7,0.5,0.5,wave\n", "Id 7: label is 'wave', expected an integer"),
    "label zero": (LABELLED + "7,0.5,0.5,0\n", "Id 7: label 0, expected 1, 2"),
    "a fraction for a label": (LABELLED + "7,0.5,0.5,1.5\n", "Id 7: label 1.5"),
    "a label beyond the classes": (LABELLED + "7,0.5,0.5,3\n", "Id 7: label 3, but the table has 2 classes"),
    "a field too many": (HEAD + "1,0.5,0.5\n7,0.5,0.5,9\n", "not a well-formed CSV .*line 3"),
    "a field too many everywhere": (HEAD + "1,0.5,0.5,9\n7,0.5,0.5,9\n", "more fields than the header"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_no_predictions_table_is_refused_with_file_and_ids(tmp_path, case):
    text, message = REFUSALS[case]
    path = write_text(tmp_path / "member.csv", text)
    with pytest.raises(GestureError, match=message) as refusal:
        read_predictions(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(GestureError, match=r"absent\.csv: no such predictions table"):
        read_predictions(tmp_path / "absent.csv")


def test_a_broken_manifest_is_named(tmp_path):
    path = write_text(tmp_path / "member.csv", HEAD)
    write_text(tmp_path / "member.json", "[1]")
    with pytest.raises(GestureError, match=r"member\.json: expected a JSON object"):
        read_predictions(path)


@pytest.mark.parametrize("row", [[np.nan, 1], [-1, 2], [0.2, 0.2]])
def test_what_is_no_softmax_is_never_written(tmp_path, row):
    path = tmp_path / "member.csv"
    with pytest.raises(GestureError, match=r"member\.csv: Id 7: "):
        write_predictions(path, [7], np.array([row], np.float32), None, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("9,0.5,0.5,1", None),
        ("9,0.5,0.5,", None),
        ("9,0.5,x,1", "Id 9: p_2 is 'x', expected a number"),
        ("9,0.5,0.5,0", "Id 9: label 0, expected 1, 2"),
        ("9,0.5,0.5,1,1", "not a well-formed CSV"),
        ("2,0.5,0.5,1", "Id 2 given more than once"),
    ],
)
def test_a_long_table_is_read_in_pieces_that_leave_no_trace(tmp_path, monkeypatch, row, told):
    monkeypatch.setattr("gesture.evaluate.predictions._ROWS_AT_ONCE", 3)
    rows = "".join(f"{id_},0.25,0.75,{id_ % 2 + 1}\n" for id_ in range(1, 8))
    path = write_text(tmp_path / "a-s1.csv", f"Id,p_1,p_2,label\n{rows}{row}\n")
    if told:
        with pytest.raises(GestureError, match=told):
            read_predictions(path)
        return
    table = read_predictions(path)
    assert table.ids.tolist() == [*range(1, 8), 9]
    assert table.probabilities.tolist() == [[0.25, 0.75]] * 7 + [[0.5, 0.5]]
    assert table.labels.tolist() == [1, 0, 1, 0, 1, 0, 1, 0 if row.endswith("1") else -1]
