"""The part of a download that has arrived, kept on disk with a note of its origin."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gesture.base.files import read_json, sync, write_json


class Partial:
    """``<target>.part``, and beside it where it came from: URL, validator (ETag or date), whole size [bytes]."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self.origin_path = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def origin(self) -> dict[str, Any]:
        """Where they came from; empty if that is not known."""
        return read_json(self.origin_path) if self.origin_path.exists() else {}

    def begin(self, url: str, validator: str | None, size: int | None) -> None:
        """Forgets all bytes; those to come are of this origin."""
        self.path.write_bytes(b"")
        write_json(self.origin_path, {"url": shown(url), "validator": validator, "size": size})

    def discard(self) -> None:
        """Back to the beginning."""
        self.path.unlink(missing_ok=True)
        self.origin_path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Gives the verified file its name."""
        sync(self.path)
        self.path.replace(self.target)
        sync(self.target.parent)
        self.origin_path.unlink(missing_ok=True)


def shown(url: str) -> str:
    """A URL as messages may show it: without user, password and query, any of which may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
