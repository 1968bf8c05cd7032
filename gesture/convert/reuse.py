"""Records of recordings that did not change, taken from the shards that were made of them before.

Shards that a conversion is about to replace are set aside under names that end in `.before`, and removed when it is
done. One that was killed finds them again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gesture.base.errors import FailedForGoodError
from gesture.convert.notes import whole_notes
from gesture.convert.shard import read_record

ASIDE = ".before"


@dataclass(frozen=True)
class Kept:
    """What a shard holds of one recording.

    Attributes:
        path: of the shard.
        rows: of the index, one a record; the first two of each after the shard's name say where in it.
        warnings: that were given while the recording was read.
    """

    path: Path
    rows: tuple[tuple[Any, ...], ...]
    warnings: tuple[str, ...]

    def records(self) -> list[tuple[bytes, list[Any]]] | None:
        """Each record, as it stands in the shard, with its row after offset and size; None where one is damaged."""
        try:
            with self.path.open("rb") as file:
                return [
                    (read_record(file.fileno(), offset, size, self.path), rest) for _, offset, size, *rest in self.rows
                ]
        except (FailedForGoodError, OSError):
            return None


def set_aside(folder: Path, planned: Iterable[tuple[Path, str]]) -> dict[str, Kept]:
    """Sets aside the shards of a folder that are none of those planned.

    Args:
        folder: of the records.
        planned: path and recipe of each shard that will be there.

    Returns:
        Digest of a recording -> what the shards that were set aside hold of it.
    """
    recipes = {path.with_suffix(".json").name: recipe for path, recipe in planned}
    for shard in sorted(folder.glob("*.tfrecord")):
        notes_path = shard.with_suffix(".json")
        notes = whole_notes(notes_path)
        if notes and recipes.get(notes_path.name) != notes["recipe"]:
            shard.replace(shard.with_name(shard.name + ASIDE))
            notes_path.replace(notes_path.with_name(notes_path.name + ASIDE))
    kept: dict[str, Kept] = {}
    for notes_path in sorted(folder.glob(f"*.json{ASIDE}")):
        notes = whole_notes(notes_path) or {}
        shard = notes_path.with_name(notes_path.name.removesuffix(f".json{ASIDE}") + f".tfrecord{ASIDE}")
        rows, place = notes.get("records", []), 0
        for digest, count, warnings in notes.get("sources", []):
            kept[digest] = Kept(shard, tuple(map(tuple, rows[place : place + count])), tuple(warnings))
            place += count
    return kept


def forget(folder: Path) -> None:
    """Removes what was set aside."""
    for path in folder.glob(f"*{ASIDE}"):
        path.unlink()
