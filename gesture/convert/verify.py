"""Reads every record again and compares it with what manifest, index and the notes of its shard promise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from gesture.base.errors import FailedForGoodError, raise_all
from gesture.base.files import file_digest
from gesture.convert.convert import INDEX_COLUMNS
from gesture.convert.notes import whole_notes
from gesture.convert.reader import Records


def verify(manifest: Path) -> None:
    """Checks digests of index, shards and their notes, checksums of all records, and each row against its record.

    Raises:
        FailedForGoodError: what is wrong, up to ten shards or records.
        GestureError: manifest or index cannot be read.
    """
    records = Records(manifest)
    problems = [*_shard_problems(records), *_notes_problems(records)]
    for position in tqdm(range(len(records.index)), unit="record", desc="verify", mininterval=2):
        problems += _record_problems(records, position)
    counted = records.index["split"].value_counts()
    for split, counts in records.manifest["counts"].items():
        if counted.get(split, 0) != counts["sequences"]:
            problems.append(
                f"{manifest}: {counts['sequences']} sequences of {split}, the index has {counted.get(split)}"
            )
    raise_all(problems, FailedForGoodError)
    print(f"{len(records.index)} records in {len(records.manifest['shards'])} shards are as they were written")


def _record_problems(records: Records, position: int) -> Iterator[str]:
    cells = records.index.iloc[[position]].astype(object).to_dict("records")[0]
    row = {str(name): None if pd.isna(value) else value for name, value in cells.items()}
    try:
        sequence = records.read(position)
    except FailedForGoodError as error:
        yield str(error)
        return
    found = {
        "id": sequence.id,
        "split": sequence.split,
        "label": None if sequence.label is None else sequence.label + 1,
        "subject": sequence.subject,
        "source": sequence.source,
        "frames": sequence.length,
        "modalities": "+".join(sequence.arrays),
    }
    other = [f"{name} {value!r}, not {row[name]!r}" for name, value in found.items() if value != row[name]]
    if other:
        place = f"{records.folder / str(row['shard'])}: the record of {row['split']} Id {row['id']}"
        yield f"{place} has {', '.join(other)} as in the index"


def _shard_problems(records: Records) -> Iterator[str]:
    for name, digest in records.manifest["shards"].items():
        path = records.folder / name
        if not path.exists():
            yield f"{path}: is missing; run gesture convert again"
        elif file_digest(path) != digest:
            yield f"{path}: its bytes have changed; delete it and its .json, and convert again"


def _notes_problems(records: Records) -> Iterator[str]:
    """The next conversion makes the index of these notes."""
    rows = {str(name): part for name, part in records.index.groupby("shard")}
    for name, digest in records.manifest["shards"].items():
        path = (records.folder / name).with_suffix(".json")
        notes = whole_notes(path)
        if notes is None:
            yield f"{path}: is missing or damaged; run gesture convert again, which makes its shard anew"
        elif notes["sha256"] != digest or _rows(notes) != _plain(rows.get(name)):
            yield f"{path}: speaks of other records than manifest and index; delete it, and convert again"


def _rows(notes: dict[str, Any]) -> list[list[Any]]:
    return sorted(notes["records"], key=str)


def _plain(rows: pd.DataFrame | None) -> list[list[Any]]:
    if rows is None:
        return []
    table = rows[INDEX_COLUMNS].astype(object)
    return sorted(table.where(table.notna(), None).to_numpy().tolist(), key=str)
