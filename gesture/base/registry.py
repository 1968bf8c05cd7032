"""All there is of one kind (networks, raw formats, ...), by name: gesture's own, and what other packages bring."""

import sys
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from gesture.base.errors import GestureError
from gesture.base.problems import not_one_of

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Name -> entry, gesture's own first, in the order given.

    An entry is an object with a `name`, or the text `name = module:object` for one whose module is imported only when
    that name is asked for. Another installed package adds its own in that same form, as entry points:

        [project.entry-points."gesture.networks"]
        mine = "my_package.mine:MineSettings"

    They are looked up when the registry is first used, not when it is made.

    Args:
        noun: what an entry is called in messages.
        entries: gesture's own.
        group: entry points that belong here; none if other packages cannot add any.

    Raises:
        GestureError: on use: the name is unknown (the nearest known one is named), is given twice, or belongs to
            another package that cannot be imported.
    """

    def __init__(self, noun: str, *entries: T | str, group: str | None = None) -> None:
        self._noun, self._own, self._group = noun, entries, group

    def __getitem__(self, name: str) -> T:
        if name not in self:
            raise GestureError(not_one_of(name, self._noun, self))
        entry = self._entries[name]
        if isinstance(entry, EntryPoint):
            entry = self._entries[name] = self._load(entry)
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def get(self, name: str, default: Any = None) -> Any:
        """The entry of this name, or the default where there is none."""
        if name not in self:
            return default
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @cached_property
    def _entries(self) -> dict[str, Any]:
        """Name -> entry, or what it is to be loaded from."""
        found: dict[str, Any] = {}
        for entry in (*map(self._described, self._own), *self._brought()):
            if entry.name in found:
                places = " and by ".join(map(_origin, (found[entry.name], entry)))
                raise GestureError(f"{self._noun} {entry.name!r} is given twice, by {places}: rename or uninstall one")
            found[entry.name] = entry
        return found

    def _described(self, entry: T | str) -> Any:
        if not isinstance(entry, str):
            return entry
        name, _, reference = entry.partition("=")
        return EntryPoint(name.strip(), reference.strip(), self._group or "")

    def _brought(self) -> list[EntryPoint]:
        """Entry points of other packages, by name, so that their order does not depend on the folder's."""
        if self._group is None:
            return []
        return sorted(_installed(tuple(sys.path)).select(group=self._group), key=lambda one: (one.name, one.value))

    def _load(self, entry: EntryPoint) -> Any:
        try:
            loaded = entry.load()
        except Exception as error:
            if entry.dist is None:
                raise
            raise GestureError(
                f"{self._noun} {entry.name!r} of {_origin(entry)} cannot be imported "
                f"({type(error).__name__}: {error}); mend or uninstall that package"
            ) from error
        if getattr(loaded, "name", None) != entry.name:
            raise GestureError(
                f"{self._noun} {entry.name!r} of {_origin(entry)} is called "
                f"{getattr(loaded, 'name', None)!r} there; give both the same name"
            )
        return loaded


@cache
def _installed(path: tuple[str, ...]) -> Any:
    """All entry points of all packages on the path; read once for all registries, in about 10 ms."""
    return entry_points()


def _origin(entry: Any) -> str:
    """Where an entry comes from, in words."""
    if isinstance(entry, EntryPoint) and entry.dist is not None:
        return f"package {entry.dist.name} ({entry.value})"
    return "gesture"
