"""Old names in a configuration file, rewritten where they stand: comments, order and layout are kept."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from gesture.base.errors import GestureError
from gesture.base.files import atomic_path
from gesture.base.problems import dotted
from gesture.base.yaml_file import read
from gesture.config.old_names import KEYS, VALUES, Where, place, renamed


class _Edit(NamedTuple):
    """A scalar to write anew, by its place in the text."""

    start: int
    end: int
    new: str


def migrate(path: Path, check: bool) -> list[str]:
    """Rewrites a configuration with the names of today; a changed line as `NUMBER: LINE` each.

    Args:
        path: the YAML file; of a link, the file that it leads to is rewritten.
        check: only look.

    Raises:
        GestureError: it cannot be read or written, is no valid YAML, or has a key by both names.
    """
    value = read(path)
    wanted, changes = renamed(value, str(path))
    if not changes:
        return []
    # With its own ends of lines.
    text = path.read_bytes().decode("utf-8")
    edits = {one.start: one for one in _edits(yaml.compose(text, Loader=yaml.SafeLoader), (), set())}
    migrated = text
    for start in sorted(edits, reverse=True):
        migrated = migrated[:start] + edits[start].new + migrated[edits[start].end :]
    if not _says(migrated, wanted):
        raise GestureError(
            f"{path}: is written in a way that cannot be rewritten in place; change these by hand: "
            + "; ".join(one.lines for one in changes)
        )
    if not check:
        with atomic_path(path.resolve()) as temporary:
            temporary.write_text(migrated, encoding="utf-8", newline="")
            shutil.copymode(path, temporary)
    before, after = text.splitlines(), migrated.splitlines()
    return [
        f"{number}: {new.strip()}" for number, (old, new) in enumerate(zip(before, after, strict=True), 1) if old != new
    ]


def _says(text: str, wanted: Any) -> bool:
    try:
        return bool(yaml.safe_load(text) == wanted)
    except yaml.YAMLError:
        return False


def _edit(node: yaml.ScalarNode, new: str) -> _Edit:
    """Counted from the end, since a node begins with its anchor."""
    quotes = 2 if node.style else 0
    return _Edit(node.end_mark.index - len(node.value) - quotes, node.end_mark.index, new)


def _edits(node: yaml.Node | None, where: Where, seen: set[int]) -> Iterator[_Edit]:
    """The scalars below a node that have old names; what an alias repeats is one node and comes once."""
    if id(node) in seen:
        return
    if isinstance(node, yaml.ScalarNode):
        new = VALUES.get(place(where), {}).get(node.value)
        if new is not None and node.style in (None, "'", '"'):
            yield _edit(node, new)
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, part in enumerate(node.value):
            yield from _edits(part, (*where, number), seen)
    elif isinstance(node, yaml.MappingNode):
        known = KEYS.get(place(where), {})
        for key, part in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                for one in part.value if isinstance(part, yaml.SequenceNode) else [part]:
                    yield from _edits(one, where, seen)
                continue
            if key.value in known:
                if any(other.value == known[key.value] for other, _ in node.value):
                    raise GestureError(
                        f"line {key.start_mark.line + 1}: {dotted((*where, key.value))}: is the old name of "
                        f"`{known[key.value]}`, which is given too: remove one"
                    )
                yield _edit(key, known[key.value])
            yield from _edits(part, (*where, known.get(key.value, key.value)), seen)
