"""What one process of a conversion does: it reads the recordings of a shard and writes it.

It imports no pandas: a process would spend half of its start on that.
"""

import importlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gesture.base.errors import GestureError
from gesture.base.files import atomic_path, file_digest, read_manifest, value_digest, write_json
from gesture.config.digests import shard_digest
from gesture.convert.example import encode
from gesture.convert.shard import write_record
from gesture.formats.options import Options
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
    rows = []
    module = importlib.import_module(shard.module)
    with warnings.catch_warnings(record=True) as caught, atomic_path(shard.path) as temporary:
        warnings.simplefilter("always")
        with temporary.open("wb") as file:
            for source in shard.sources:
                for one in module.read(source, shard.options, shard.size):
                    offset, size = write_record(file, encode(one, shard.layout))
                    label = None if one.label is None else one.label + 1
                    modalities = "+".join(one.arrays)
                    row = [shard.path.name, offset, size, one.id, one.split, label]
                    rows.append([*row, one.subject, one.source, one.length, modalities])
    notes = {
        "recipe": recipe,
        "bytes": shard.path.stat().st_size,
        "sha256": file_digest(shard.path),
        "warnings": [str(one.message) for one in caught],
        "records": rows,
    }
    write_json(shard.notes_path, {**notes, "digest": value_digest(notes)})
    return notes


def whole_notes(path: Path) -> dict[str, Any] | None:
    """The notes of a shard as they were written; None if there are none, or if they are damaged anywhere.

    The index is made of them: one flipped bit would be another label.
    """
    try:
        notes: dict[str, Any] = read_manifest(path, "convert", digest=str, recipe=str, bytes=int)
    except GestureError:
        return None
    return notes if notes.pop("digest") == value_digest(notes) else None
