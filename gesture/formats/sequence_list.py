"""The list `sequences.csv` of the format `arrays`: every row is looked at, and all that is wrong is told at once."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gesture.base.errors import GestureError, raise_all
from gesture.formats.options import ArraysOptions

COLUMNS = ("Id", "split", "label", "subject", "file")
LIST = "sequences.csv"
_SPLITS = ("training", "validation", "test")
_MOST_ID = 2**63 - 1
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Row(NamedTuple):
    """One sequence: label 0-based or None, subject or None, file relative to the folder."""

    id: int
    split: str
    label: int | None
    subject: str | None
    file: str


def read_list(folder: Path, options: ArraysOptions) -> list[Row]:
    """The rows of `sequences.csv` in their order.

    Raises:
        GestureError: the list is missing, has no rows, or rows are wrong; a line for each problem, up to ten.
    """
    rows, problems = rows_and_problems(folder, options)
    raise_all(problems)
    if not rows:
        raise GestureError(f"{folder / LIST}: no rows")
    return rows


def rows_and_problems(folder: Path, options: ArraysOptions) -> tuple[list[Row], list[str]]:
    """The rows of `sequences.csv` that can be understood, and all that is wrong with it, as sentences.

    Raises:
        GestureError: the list is missing, or its header is wrong.
    """
    table = folder / LIST
    rows: list[Row] = []
    problems: list[str] = []
    seen: dict[tuple[str, int], int] = {}
    for number, cells in _cells(table, problems):
        try:
            row = _row(cells, options)
            if (row.split, row.id) in seen:
                raise ValueError(f"Id {row.id} occurs twice in split {row.split}: line {seen[row.split, row.id]}")
        except ValueError as error:
            problems.append(f"{table}:{number}: {error}")
            continue
        seen[row.split, row.id] = number
        rows.append(row)
        if not _is_file(folder / row.file):
            problems.append(f"{table}:{number}: file {row.file[:80]!r} does not exist")
    return rows, problems


def text_of(path: Path, problems: list[str]) -> str:
    """A list as text; lines that are no UTF-8 are added to the problems.

    Raises:
        GestureError: the file is missing, cannot be read, or is UTF-16.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise GestureError(f"{path}: no such file; expected columns {','.join(COLUMNS)}") from None
    except OSError as error:
        raise GestureError(f"{path}: cannot be read ({error.strerror})") from error
    if data[:2] in _BYTE_ORDER_MARKS:
        raise GestureError(f"{path}: is UTF-16; save it as UTF-8 text with commas")
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            problems.append(f"{path}:{number}: is not UTF-8 (byte 0x{line[error.start]:02x}): save the list as UTF-8")
        if b"\0" in line:
            problems.append(f"{path}:{number}: holds a NUL byte: expected text")
    return data.decode("utf-8-sig", errors="replace").replace("\0", "")


def _cells(table: Path, problems: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The cells of each row by column, with the number of its line; rows of another width are problems."""
    reader = csv.reader(io.StringIO(text_of(table, problems), newline=""))
    try:
        header = next(reader, [])
        _check_header(table, header)
        for cells in reader:
            if len(cells) == len(header):
                yield reader.line_num, dict(zip(header, cells, strict=True))
            elif cells:
                problems.append(f"{table}:{reader.line_num}: has {len(cells)} cells, the header {len(header)}")
    except csv.Error as error:
        problems.append(f"{table}:{reader.line_num}: not readable as CSV ({error})")


def _check_header(table: Path, header: list[str]) -> None:
    blank = [name for name in header if name != name.strip() and name.strip() in COLUMNS]
    missing = [name for name in COLUMNS if name not in header]
    if blank:
        raise GestureError(
            f"{table}:1: blanks around the names of columns ({', '.join(map(repr, blank))}): remove them"
        )
    if missing:
        raise GestureError(f"{table}: column {', '.join(missing)} is missing; expected {','.join(COLUMNS)}")
    twice = [name for name in COLUMNS if header.count(name) > 1]
    if twice:
        raise GestureError(f"{table}:1: column {', '.join(twice)} is there twice")


def _row(cells: dict[str, str], options: ArraysOptions) -> Row:
    if not _is_number(cells["Id"]):
        raise ValueError(f"Id {cells['Id'][:40]!r} is not a whole number")
    if len(cells["Id"]) > 19 or int(cells["Id"]) > _MOST_ID:
        raise ValueError(f"Id {cells['Id'][:40]} does not fit into 64 bits: at most {_MOST_ID}")
    if cells["split"] not in _SPLITS:
        raise ValueError(f"split {cells['split'][:40]!r} is none of {', '.join(_SPLITS)}")
    label = None
    if cells["label"]:
        short = len(cells["label"]) <= 9 and _is_number(cells["label"])
        if not short or not 1 <= int(cells["label"]) <= options.classes:
            raise ValueError(f"label {cells['label'][:40]!r} is not in 1..{options.classes} (data.options.classes)")
        label = int(cells["label"]) - 1
    path = PurePosixPath(cells["file"])
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"file {cells['file'][:80]!r} is outside the folder")
    return Row(int(cells["Id"]), cells["split"], label, cells["subject"] or None, cells["file"])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False
