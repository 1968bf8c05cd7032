"""Ways to damage a file, each a pure function of its content and a random generator."""

import json
import random
from collections.abc import Callable
from typing import Any

Mutate = Callable[[bytes, random.Random], bytes]

# What stands in a file where something else was expected.
VALUES: tuple[Any, ...] = (
    None, [], {}, "", "x", "\0", "../x", 0, -1, 1, 2**31, 2**63, 10**30, 0.5, 1e308, float("nan"), float("inf"), True,
    [None], [[]], {"a": None}, [1, 2, 3],
)  # fmt: skip
CELLS = (
    "", " ", "x", "0", "-1", "1", "0.5", "1e999", "nan", "inf", "99999999999999999999", "9" * 5000, "\0", '"', "é", "²",
    "../x", "true",
)  # fmt: skip


# ---- Bytes ----------------------------------------------------------------------------------------------------------


def bit(data: bytes, rng: random.Random) -> bytes:
    """One bit is the other way round."""
    if not data:
        return b"\x01"
    changed = bytearray(data)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def bits(data: bytes, rng: random.Random) -> bytes:
    """Some more of them."""
    for _ in range(rng.randint(2, 40)):
        data = bit(data, rng)
    return data


def head(data: bytes, rng: random.Random) -> bytes:
    """A byte near the start is another: headers stand there."""
    changed = bytearray(data or b"\0")
    changed[rng.randrange(min(len(changed), 256))] = rng.randrange(256)
    return bytes(changed)


def tail(data: bytes, rng: random.Random) -> bytes:
    """A byte near the end is another: a zip's list of entries stands there."""
    changed = bytearray(data or b"\0")
    changed[-1 - rng.randrange(min(len(changed), 256))] = rng.randrange(256)
    return bytes(changed)


def cut(data: bytes, rng: random.Random) -> bytes:
    """The end is missing."""
    return data[: rng.randrange(len(data) or 1)]


def zeros(data: bytes, rng: random.Random) -> bytes:
    """A block was never written."""
    start = rng.randrange(len(data) or 1)
    length = min(len(data) - start, rng.choice((1, 16, 512, 4096)))
    return data[:start] + bytes(length) + data[start + length :]


def twice(data: bytes, rng: random.Random) -> bytes:
    """A piece is there twice."""
    start = rng.randrange(len(data) or 1)
    piece = data[start : start + rng.choice((1, 16, 512))]
    return data[:start] + piece + data[start:]


def longer(data: bytes, rng: random.Random) -> bytes:
    """Something follows the end."""
    return data + rng.choice((b"\0", b"\n", b"x", bytes(1000), data[:100]))


def empty(data: bytes, rng: random.Random) -> bytes:
    """Nothing is left."""
    return b""


BYTES: tuple[Mutate, ...] = (bit, bit, bits, head, tail, cut, zeros, twice, longer, empty)


# ---- Lines ----------------------------------------------------------------------------------------------------------


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True) or [b""]


def rows_swapped(data: bytes, rng: random.Random) -> bytes:
    """Two lines have changed places."""
    lines = _lines(data)
    one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return b"".join(lines)


def row_twice(data: bytes, rng: random.Random) -> bytes:
    """A line is there twice."""
    lines = _lines(data)
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return b"".join(lines)


def row_cut(data: bytes, rng: random.Random) -> bytes:
    """A line is missing."""
    lines = _lines(data)
    del lines[rng.randrange(len(lines))]
    return b"".join(lines)


def rows_cut(data: bytes, rng: random.Random) -> bytes:
    """The last lines are missing."""
    lines = _lines(data)
    return b"".join(lines[: rng.randrange(len(lines))])


def cell(data: bytes, rng: random.Random) -> bytes:
    """A cell holds something else."""
    lines = _lines(data)
    row = rng.randrange(len(lines))
    cells = lines[row].rstrip(b"\n").split(b",")
    cells[rng.randrange(len(cells))] = rng.choice(CELLS).encode()
    lines[row] = b",".join(cells) + b"\n"
    return b"".join(lines)


def cells_swapped(data: bytes, rng: random.Random) -> bytes:
    """Two rows have changed one cell, such as the label."""
    lines = _lines(data)
    one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
    first, second = (lines[n].rstrip(b"\n").split(b",") for n in (one, two))
    column = rng.randrange(min(len(first), len(second)))
    first[column], second[column] = second[column], first[column]
    lines[one], lines[two] = b",".join(first) + b"\n", b",".join(second) + b"\n"
    return b"".join(lines)


def wider(data: bytes, rng: random.Random) -> bytes:
    """A row has a cell more, or one less."""
    lines = _lines(data)
    row = rng.randrange(len(lines))
    cells = lines[row].rstrip(b"\n").split(b",")
    lines[row] = b",".join([*cells, b"1"] if rng.random() < 0.5 else cells[:-1]) + b"\n"
    return b"".join(lines)


def blanks(data: bytes, rng: random.Random) -> bytes:
    """Cells are set apart by a comma and a blank."""
    lines = _lines(data)
    row = rng.choice((0, rng.randrange(len(lines))))
    lines[row] = lines[row].replace(b",", b", ")
    return b"".join(lines)


def other_encoding(data: bytes, rng: random.Random) -> bytes:
    """Another program wrote it, in its own encoding."""
    text = data.decode(errors="replace")
    return rng.choice((text.encode("utf-16"), b"\xef\xbb\xbf" + data, data.replace(b"\n", b"\r\n"), data + b"\xe9\n"))


ROWS: tuple[Mutate, ...] = (
    rows_swapped, row_twice, row_cut, rows_cut, cell, cell, cells_swapped, cells_swapped, wider, blanks, other_encoding,
)  # fmt: skip


# ---- JSON -----------------------------------------------------------------------------------------------------------


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a JSON value with every key or number of it."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for key, one in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
            found += [(value, key), *_places(one)]
    return found


def _edited(data: bytes, rng: random.Random, edit: Callable[[Any, Any], None]) -> bytes:
    value = json.loads(data)
    places = _places(value)
    # What stands at the top is as likely as all that is nested in it.
    top = [place for place in places if place[0] is value]
    if places:
        edit(*rng.choice(rng.choice((places, top))))
    return json.dumps(value, indent=1).encode()


def value_other(data: bytes, rng: random.Random) -> bytes:
    """A value is of another type, or far too large."""
    return _edited(data, rng, lambda where, key: where.__setitem__(key, rng.choice(VALUES)))


def value_near(data: bytes, rng: random.Random) -> bytes:
    """A value is another one of the same type."""

    def edit(where: Any, key: Any) -> None:
        one = where[key]
        if isinstance(one, bool):
            where[key] = not one
        elif isinstance(one, int | float):
            where[key] = one + rng.choice((-1, 1, 7))
        elif isinstance(one, str):
            where[key] = one[::-1] + "0"
        elif isinstance(one, list):
            where[key] = rng.choice((one[1:], one[::-1], [*one, *one[:1]]))
        elif isinstance(one, dict):
            where[key] = dict(list(one.items())[1:])

    return _edited(data, rng, edit)


def key_gone(data: bytes, rng: random.Random) -> bytes:
    """A key or an entry is missing."""
    return _edited(data, rng, lambda where, key: where.__delitem__(key))


def key_renamed(data: bytes, rng: random.Random) -> bytes:
    """A key is called something else."""

    def edit(where: Any, key: Any) -> None:
        if isinstance(where, dict):
            where[f"{key}s"] = where.pop(key)

    return _edited(data, rng, edit)


def document_other(data: bytes, rng: random.Random) -> bytes:
    """The whole is something else."""
    return rng.choice((b"[]", b"{}", b"null", b"3", b'"x"', b"[" * 5000, b"9" * 5000, b'{"a":', b"NaN", b"\0")) + b"\n"


JSON: tuple[Mutate, ...] = (
    value_other, value_other, value_near, value_near, key_gone, key_renamed, document_other, bit, cut, empty,
)  # fmt: skip
