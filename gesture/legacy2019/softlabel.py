"""The soft labels of 2019: a CSV `Id,y` in which y is NumPy's text of a float32 vector.

Such a text is broken over lines at 75 columns, hence quoted; rows end with CRLF, lines within a text with LF alone.
Numbers stand in fixed or in exponent form, as NumPy chooses for each vector.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from gesture.base.errors import GestureError
from gesture.base.files import atomic_path
from gesture.evaluate.predictions import Predictions, checked, checked_manifest

_BYTES_AT_ONCE = 1 << 24
# A closing bracket ends a row, all other marks separate numbers: what is left is a plain table.
_TABLE = bytes.maketrans(b'],["\r\n', b"\n     ")


def read_softlabel(path: Path) -> Predictions:
    """Reads a file of soft labels, and a manifest if someone put one beside it; its rows may also end with LF.

    Raises:
        FailedForGoodError: the file is not the one that its manifest was written for.
        GestureError: the file is missing, or a row is no softmax or has another number of classes, or an Id occurs
            twice; the Id is named.
    """
    manifest = checked_manifest(path)
    try:
        with path.open("rb") as file:
            header = file.readline()
            if header.removeprefix(b"\xef\xbb\xbf").strip() != b"Id,y":
                raise GestureError(f"{path}: header is {header[:40].decode(errors='replace').strip()!r}, expected Id,y")
            tables = [_table(piece) for piece in _pieces(file)]
            if len({table.shape[1] for table in tables}) > 1:
                raise ValueError
    except OSError as error:
        raise GestureError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError:  # which pandas' errors are
        raise GestureError(f"{path}: {_first_fault(path)}") from None
    if not tables:
        raise GestureError(f"{path}: has no row, expected one for each sequence")
    numbers = np.concatenate(tables)
    return checked(path, numbers[:, 0].astype(np.int64), numbers[:, 1:].astype(np.float32), None, manifest)


def write_softlabel(path: Path, probabilities: np.ndarray) -> None:
    """Writes softmaxes `(N, K)` float32 as the program of 2019 did: rows are numbered 1 to N."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="ascii", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Id", "y"])
        rows.writerows((rank, _text(row)) for rank, row in enumerate(np.asarray(probabilities, np.float32), 1))


def write_labels(path: Path, classes: np.ndarray) -> None:
    """Writes classes `(N,)`, 0-based, as the submission of 2019: rows are numbered 1 to N, classes count from 1."""
    text = "".join(f"{rank},{one + 1}\r\n" for rank, one in enumerate(classes.tolist(), 1))
    with atomic_path(path) as temporary:
        temporary.write_text("Id,y\r\n" + text, encoding="ascii", newline="")


def _text(row: np.ndarray) -> str:
    """NumPy's text by its defaults, whatever the process has set."""
    return np.array2string(
        row,
        max_line_width=75,
        precision=8,
        suppress_small=False,
        threshold=len(row),
        sign="-",
        floatmode="maxprec",
        legacy=False,
    )


def _pieces(file: io.BufferedReader) -> Iterator[bytes]:
    """The file's bytes in pieces of whole rows; the last one may be cut."""
    rest = b""
    while data := file.read(_BYTES_AT_ONCE):
        rows, bracket, rest = (rest + data).rpartition(b"]")
        if rows:
            yield rows + bracket
    if rest.strip(b'"\r\n '):
        yield rest


def _table(rows: bytes) -> np.ndarray:
    """The numbers of rows, `(n, 1 + K)` float64.

    Raises:
        ValueError: the rows hold something else, or differ in length.
    """
    frame = pd.read_csv(io.BytesIO(rows.translate(_TABLE)), sep=r"\s+", header=None, dtype=np.float64)
    table = frame.to_numpy()
    ids = table[:, 0]
    if table.shape[1] < 3 or np.isnan(table).any() or not (ids == np.floor(ids)).all() or rows[-1:] != b"]":
        raise ValueError
    return table


def _first_fault(path: Path) -> str:
    """What is wrong in the first row that is not as it should be; read slowly, since something is wrong."""
    first: tuple[str, int] | None = None
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            where = f"Id {row[0]}" if row and row[0].strip().isdecimal() else f"line {rows.line_num}"
            text = row[1].strip() if len(row) == 2 else ""
            if where[:2] != "Id" or text[:1] != "[" or text[-1:] != "]":
                return f"{where}: expected an Id and a vector in brackets, got {','.join(row)[:40]!r}"
            try:
                values = [float(word) for word in text[1:-1].split()]
            except ValueError as error:
                return f"{where}: {error}"
            if np.isnan(values).any():
                return f"{where}: a probability is NaN: evaluate it again"
            first = first or (where, len(values))
            if len(values) != first[1] or len(values) < 2:
                return f"{where}: {len(values)} probabilities, but {first[1]} in {first[0]}: expected one a class"
    return "not readable as soft labels"
