"""The unit of conversion: one raw recording, and the ids of the sequences it will yield."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Source:
    """One raw recording of a data set.

    Attributes:
        name: what a user calls it, such as ``Sample0001``.
        path: its file, or the first of them.
        split: the split of all its sequences.
        ids: ids of its sequences, in the order in which the file holds them; unique within the split.
        labels: classes of its sequences, 0-based, None where unlabelled; as many as ids.
        subject: who moves; None where unknown.
        further: its other files.
    """

    name: str
    path: Path
    split: str
    ids: tuple[int, ...]
    labels: tuple[int | None, ...]
    subject: str | None = None
    further: tuple[Path, ...] = ()

    @property
    def size(self) -> int:
        """All its files together [bytes]."""
        return sum(one.stat().st_size for one in (self.path, *self.further))

    @cached_property
    def fingerprint(self) -> list[Any]:
        """What would be different had it changed; its files are known by name, size and date, as `make` does.

        The files are looked at once, before they are read: several digests are made of it.
        """
        stats = [(one.name, one.stat()) for one in (self.path, *self.further)]
        files = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
        return [self.name, self.split, self.ids, self.labels, self.subject, files]
