"""What one process of a conversion does: it reads the recordings of a shard and writes it.

It imports no pandas: a process would spend half of its start on that.
"""

import importlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gesture.base.errors import GestureError, raise_all
from gesture.base.files import atomic_path, file_digest, value_digest, write_json
from gesture.config.digests import shard_digest
from gesture.convert.example import encode
from gesture.convert.notes import whole_notes
from gesture.convert.reuse import Kept
from gesture.convert.shard import write_record
from gesture.convert.suspicious import dark
from gesture.formats.options import Options
from gesture.formats.sequence import Sequence
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
    kept: Mapping[str, Kept] = field(default_factory=dict)

    @property
    def notes_path(self) -> Path:
        """The list of records, written after the shard: it marks the shard as complete."""
        return self.path.with_suffix(".json")

    @property
    def recipe(self) -> str:
        """Digest of all that determines the shard's bytes."""
        sources = [one.fingerprint for one in self.sources]
        return shard_digest(self.module, self.options, self.size, self.layout, sources)

    def digest_of(self, source: Source) -> str:
        """Digest of all that determines the bytes of a recording's records."""
        return shard_digest(self.module, self.options, self.size, self.layout, [source.fingerprint])

    def keeping(self, kept: Mapping[str, Kept]) -> "Shard":
        """The same shard, with what is kept of its own recordings."""
        digests = map(self.digest_of, self.sources)
        return replace(self, kept={one: kept[one] for one in digests if one in kept})


def write_shard(shard: Shard) -> dict[str, Any]:
    """Writes one shard unless it is there already; returns its notes."""
    recipe = shard.recipe
    notes = whole_notes(shard.notes_path)
    if notes and shard.path.exists() and (notes["recipe"], notes["bytes"]) == (recipe, shard.path.stat().st_size):
        return notes
    rows: list[list[Any]] = []
    sources: list[list[Any]] = []
    problems: list[str] = []
    with atomic_path(shard.path) as temporary:
        with temporary.open("wb") as file:
            for source in shard.sources:
                digest = shard.digest_of(source)
                try:
                    records, told = _recording(shard, source, shard.kept.get(digest))
                    rows += [[shard.path.name, *write_record(file, data), *rest] for data, rest in records]
                    sources.append([digest, len(records), told])
                except GestureError as error:
                    problems.append(str(error))  # the others are read too: all that is damaged is told at once
        raise_all(problems)
    notes = {
        "recipe": recipe,
        "bytes": shard.path.stat().st_size,
        "sha256": file_digest(shard.path),
        "warnings": [one for _, _, told in sources for one in told],
        "sources": sources,
        "records": rows,
    }
    write_json(shard.notes_path, {**notes, "digest": value_digest(notes)})
    return notes


def _recording(shard: Shard, source: Source, kept: Kept | None) -> tuple[list[tuple[bytes, list[Any]]], list[str]]:
    """The records of a recording, each with its row after offset and size, and what was strange about it.

    They are taken from where they are kept; else the recording is read.
    """
    if kept and (records := kept.records()) is not None:
        return records, list(kept.warnings)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        records = []
        for one in importlib.import_module(shard.module).read(source, shard.options, shard.size):
            for what in dark(one):
                warnings.warn(what, stacklevel=2)
            records.append((encode(one, shard.layout), _row(one)))
    return records, [str(one.message) for one in caught]


def _row(one: Sequence) -> list[Any]:
    """What the index says of a sequence, after its place."""
    label = None if one.label is None else one.label + 1
    return [one.id, one.split, label, one.subject, one.source, one.length, "+".join(one.arrays)]
