"""The unit of conversion: one raw recording, and the ids of the sequences it will yield."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """One raw file of a data set.

    Attributes:
        name: what a user calls it, such as ``Sample0001``.
        path: the file.
        split: the split of all its sequences.
        ids: ids of its sequences, in the order in which the file holds them; unique within the split.
        labels: classes of its sequences, 0-based, None where unlabelled; as many as ids.
        subject: who moves; None where unknown.
    """

    name: str
    path: Path
    split: str
    ids: tuple[int, ...]
    labels: tuple[int | None, ...]
    subject: str | None = None
