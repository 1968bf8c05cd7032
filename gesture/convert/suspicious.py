"""What raw data should not look like, and may: told as warnings in the conversion, the plan and the report."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path

from gesture.base.files import file_digest
from gesture.base.text import few
from gesture.formats.sequence import Sequence as Gesture
from gesture.formats.source import Source

# A pixel brighter than this, of 255, shows something; in pictures nearly black fewer than this share of them do.
_DARK, _LIT = 16, 0.005
_SHOWN = 5
_BEGINNING = 4096


def unlearnable(classes: Sequence[str], training: Sequence[int]) -> Iterator[str]:
    """A sentence for classes that no training sequence shows.

    Args:
        classes: their names.
        training: how many training sequences each has.
    """
    counted = enumerate(zip(classes, training, strict=True), 1)
    without = [f"{number} ({name})" for number, (name, count) in counted if not count]
    if without:
        yield f"no training sequence of class {few(without, _SHOWN)}: it cannot be learnt"


def shared(sources: Sequence[Source]) -> Iterator[str]:
    """A sentence for each recording whose bytes stand in another split, too.

    Only files that have the same size and begin alike are read whole.
    """
    for of_one_size in _alike(sources, lambda path: path.stat().st_size):
        for group in _alike(of_one_size, _beginning):
            twins: dict[str, Source] = {}
            for one in group:
                twin = twins.setdefault(file_digest(one.path), one)
                if twin.split != one.split:
                    yield f"{one.name} ({one.split}) has the same bytes as {twin.name} ({twin.split})"


def _alike(sources: Iterable[Source], what: Callable[[Path], Hashable]) -> list[list[Source]]:
    """Recordings of several splits of whose files one thing is the same."""
    groups: dict[Hashable, list[Source]] = {}
    for one in sources:
        groups.setdefault(what(one.path), []).append(one)
    return [group for group in groups.values() if len({one.split for one in group}) > 1]


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_BEGINNING)


def dark(one: Gesture) -> Iterator[str]:
    """A sentence if the pictures of a sequence are nearly black."""
    pictures = {"rgb": one.rgb, "depth": one.depth}
    black = [name for name, array in pictures.items() if array is not None and (array > _DARK).mean() < _LIT]
    if black:
        yield f"{one.source or one.split}: Id {one.id}: {' and '.join(black)} pictures are nearly black"
