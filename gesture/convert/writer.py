"""What one process of a conversion does: it reads the recordings of a shard and writes it.

It imports no pandas: a process would spend half of its start on that.
"""

import importlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from gesture.base.errors import GestureError
from gesture.base.files import atomic_path, file_digest, read_manifest, value_digest, write_json
from gesture.config.digests import shard_digest
from gesture.convert.example import encode
from gesture.convert.shard import write_record
from gesture.convert.suspicious import dark
from gesture.formats.options import Options
from gesture.formats.sequence import Sequence
from gesture.formats.sequence_list import raise_all
from gesture.formats.source import Source


@dataclass(frozen=True)
class Shard:
    """One file to write and what goes into it."""

    path: Path
    sources: tuple[Source, ...]
    module: str
    options: Options
    size: int
    layout: str

    @property
    def notes_path(self) -> Path:
        """The list of records, written after the shard: it marks the shard as complete."""
        return self.path.with_suffix(".json")

    @property
    def recipe(self) -> str:
        """Digest of all that determines the shard's bytes."""
        sources = [one.fingerprint for one in self.sources]
        return shard_digest(self.module, self.options, self.size, self.layout, sources)


def write_shard(shard: Shard) -> dict[str, Any]:
    """Writes one shard unless it is there already; returns its notes."""
    recipe = shard.recipe
    notes = whole_notes(shard.notes_path)
    if notes and shard.path.exists() and (notes["recipe"], notes["bytes"]) == (recipe, shard.path.stat().st_size):
        return notes
    rows: list[list[Any]] = []
    problems: list[str] = []
    module = importlib.import_module(shard.module)
    with warnings.catch_warnings(record=True) as caught, atomic_path(shard.path) as temporary:
        warnings.simplefilter("always")
        with temporary.open("wb") as file:
            for source in shard.sources:
                try:
                    for one in module.read(source, shard.options, shard.size):
                        for what in dark(one):
                            warnings.warn(what, stacklevel=2)
                        rows.append([shard.path.name, *_written(file, one, shard.layout)])
                except GestureError as error:
                    problems.append(str(error))  # the others are read too: all that is damaged is told at once
        raise_all(problems)
    notes = {
        "recipe": recipe,
        "bytes": shard.path.stat().st_size,
        "sha256": file_digest(shard.path),
        "warnings": [str(one.message) for one in caught],
        "records": rows,
    }
    write_json(shard.notes_path, {**notes, "digest": value_digest(notes)})
    return notes


def _written(file: BinaryIO, one: Sequence, layout: str) -> list[Any]:
    """Writes a sequence; returns its row of the index but the shard."""
    offset, size = write_record(file, encode(one, layout))
    label = None if one.label is None else one.label + 1
    return [offset, size, one.id, one.split, label, one.subject, one.source, one.length, "+".join(one.arrays)]


def whole_notes(path: Path) -> dict[str, Any] | None:
    """The notes of a shard as they were written; None if there are none, or if they are damaged anywhere.

    The index is made of them: one flipped bit would be another label.
    """
    try:
        notes: dict[str, Any] = read_manifest(path, "convert", digest=str, recipe=str, bytes=int)
        return notes if notes.pop("digest") == value_digest(notes) else None
    except (GestureError, ValueError):  # a ValueError where a number is none
        return None
