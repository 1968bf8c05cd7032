"""What raw data should not look like, and may: told as warnings in the conversion, the plan and the report."""

from collections.abc import Iterator, Sequence

from gesture.base.files import file_digest
from gesture.base.text import few
from gesture.formats.sequence import Sequence as Gesture
from gesture.formats.source import Source

# A pixel brighter than this, of 255, shows something; in pictures nearly black fewer than this share of them do.
_DARK, _LIT = 16, 0.005
_SHOWN = 5


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
    """A sentence for each recording whose bytes stand in another split, too; only files of one size are read."""
    sizes: dict[int, list[Source]] = {}
    for one in sources:
        sizes.setdefault(one.path.stat().st_size, []).append(one)
    for group in sizes.values():
        if len({one.split for one in group}) < 2:
            continue
        twins: dict[str, Source] = {}
        for one in group:
            twin = twins.setdefault(file_digest(one.path), one)
            if twin.split != one.split:
                yield f"{one.name} ({one.split}) has the same bytes as {twin.name} ({twin.split})"


def dark(one: Gesture) -> Iterator[str]:
    """A sentence if the pictures of a sequence are nearly black."""
    pictures = {"rgb": one.rgb, "depth": one.depth}
    black = [name for name, array in pictures.items() if array is not None and (array > _DARK).mean() < _LIT]
    if black:
        yield f"{one.source or one.split}: Id {one.id}: {' and '.join(black)} pictures are nearly black"
