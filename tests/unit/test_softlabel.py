"""The soft labels of 2019 are read and written to the letter."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gesture.base.errors import GestureError
from gesture.legacy2019 import softlabel
from gesture.legacy2019.softlabel import read_softlabel, write_labels, write_softlabel


def softmaxes(seed: int, rows: int, classes: int = 20, spread: float = 4.0) -> np.ndarray:
    values = np.exp(np.random.default_rng(seed).normal(0, spread, (rows, classes)))
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def test_the_text_is_that_of_the_csv_module_and_numpy(tmp_path: Path):
    vectors = np.concatenate([softmaxes(1, 5), softmaxes(2, 5, spread=0.3), np.eye(20, dtype=np.float32)])
    write_softlabel(tmp_path / "ours.csv", vectors)
    with (tmp_path / "theirs.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Id", "y"])
        rows.writerows([rank + 1, vector] for rank, vector in enumerate(vectors))
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()
    head = (tmp_path / "ours.csv").read_bytes()[:90]
    assert head.startswith(b'Id,y\r\n1,"[')
    assert b"\n " in head


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 40),
    classes=st.integers(2, 30),
    spread=st.sampled_from([0.0, 0.2, 2.0, 9.0, 40.0]),
    ends=st.sampled_from([b"\r\n", b"\n"]),
    piece=st.integers(1, 2000),
)
def test_reading_gives_the_float32_values_that_the_text_shows(
    tmp_path_factory, seed, rows, classes, spread, ends, piece
):
    path = tmp_path_factory.mktemp("softlabel") / "softlabel.csv"
    vectors = softmaxes(seed, rows, classes, spread)
    write_softlabel(path, vectors)
    path.write_bytes(path.read_bytes().replace(b"\r\n", ends))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(softlabel, "_BYTES_AT_ONCE", piece)
        table = read_softlabel(path)
    assert table.ids.tolist() == list(range(1, rows + 1))
    shown = [[np.float32(word) for word in str(row)[1:-1].split()] for row in vectors]
    assert np.array_equal(table.probabilities, np.array(shown))


def test_the_submission_counts_rows_and_classes_from_one(tmp_path: Path):
    write_labels(tmp_path / "s.csv", np.array([3, 0, 19]))
    assert (tmp_path / "s.csv").read_bytes() == b"Id,y\r\n1,4\r\n2,1\r\n3,20\r\n"


def row(number: object, values: object = "0.25 0.75", ending: str = "\r\n") -> str:
    return f'{number},"[{values}]"{ending}'


GOOD = row(1) + row(2, "0.5 0.5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "header is '', expected Id,y"),
        ("Id,p_1,p_2\n1,0.5,0.5\n", "header is 'Id,p_1,p_2', expected Id,y"),
        ("Id,y\r\n", "has no row"),
        ("Id,y\r\n" + GOOD + row(3, "0.5 nan"), "Id 3: a probability is NaN"),
        ("Id,y\r\n" + GOOD + row(3, "0.5 0.25 0.25"), "Id 3: 3 probabilities, but 2 in Id 1"),
        ("Id,y\r\n" + GOOD + row(3, "1.0") + row(4), "Id 3: 1 probabilities, but 2 in Id 1"),
        ("Id,y\r\n" + GOOD + row(3, "0.5 0,5"), "Id 3: could not convert string to float: '0,5'"),
        ("Id,y\r\n" + GOOD + row(3, "0.5 ... 0.5"), "Id 3: could not convert string to float: '...'"),
        ("Id,y\r\n" + GOOD + row("x"), "line 4: expected an Id and a vector"),
        ("Id,y\r\n" + GOOD + "3,0.5 0.5\r\n", "Id 3: expected an Id and a vector in brackets"),
        ("Id,y\r\n" + GOOD + '3,"[0.5 0.', "Id 3: expected an Id and a vector in brackets"),
        ("Id,y\r\n" + GOOD + row(3, "0.5 0.6"), r"Id 3: row sums to 1.1, expected 1 within"),
        (
            "Id,y\r\n" + GOOD + row(3, "-0.5 1.5"),
            r"Id 3: holds -0.5, expected probabilities from 0 to 1",
        ),
        ("Id,y\r\n" + GOOD + row(3, "inf 0.5"), r"Id 3: holds inf, expected probabilities from 0 to 1"),
        ("Id,y\r\n" + GOOD + row(2), "Id 2 given more than once"),
    ],
)
@pytest.mark.parametrize("piece", [16, 1 << 24])
def test_what_is_no_softmax_is_refused_by_file_and_id(tmp_path: Path, monkeypatch, text: str, message: str, piece: int):
    monkeypatch.setattr(softlabel, "_BYTES_AT_ONCE", piece)
    path = tmp_path / "softlabel.csv"
    path.write_bytes(text.encode())
    with pytest.raises(GestureError, match=rf"softlabel\.csv: {message}") as caught:
        read_softlabel(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(GestureError, match=r"nowhere\.csv: cannot be read \(No such file"):
        read_softlabel(tmp_path / "nowhere.csv")
