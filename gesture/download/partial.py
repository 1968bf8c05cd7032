"""The part of a download that has arrived, kept on disk with a note of its origin."""

from pathlib import Path
from typing import Any

from gesture.base.errors import GestureError
from gesture.base.files import read_manifest, sync, write_json
from gesture.download.address import shown


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
        try:
            return read_manifest(self.origin_path, "download")
        except GestureError:
            return {}

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
