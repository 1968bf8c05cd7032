"""Numbers as people read them, in terminals and on pages."""

from collections.abc import Iterable, Sequence


def clock(seconds: float) -> str:
    """A duration for people: `4.2 s`, `3:07` (minutes:seconds), `1:02:03`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: float) -> str:
    """A number of bytes for people: `512 B`, `3.4 MB`, `1.2 TB`; powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def few(names: Iterable[object], most: int) -> str:
    """At most so many names in words: `a, b and 3 more`."""
    shown = [str(one) for one in names]
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """A table as lines of text: the first ``left`` columns to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
