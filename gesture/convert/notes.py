"""The notes beside a shard: what it is made of, and the rows of the index that are its records."""

from pathlib import Path
from typing import Any

from gesture.base.errors import GestureError
from gesture.base.files import read_manifest, value_digest


def whole_notes(path: Path) -> dict[str, Any] | None:
    """The notes of a shard as they were written; None if there are none, or if they are damaged anywhere.

    The index is made of them: one flipped bit would be another label.
    """
    try:
        notes: dict[str, Any] = read_manifest(path, "convert", digest=str, recipe=str, bytes=int)
        return notes if notes.pop("digest") == value_digest(notes) else None
    except (GestureError, ValueError):  # a ValueError where a number is none
        return None
