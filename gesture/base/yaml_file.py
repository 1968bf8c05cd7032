"""Reading YAML that people wrote: a mistake is one line with its place, whatever the file holds."""

from pathlib import Path
from typing import Any

import yaml

from gesture.base.errors import GestureError

# Far beyond any configuration of ours, far below what would take memory or time.
DEEPEST = 50
MOST_REPEATED = 10_000
MOST_DIGITS = 300
# libyaml is ten times as fast; a wheel of PyYAML has it.
_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: Path) -> Any:
    """The content of a YAML file, unchecked but for its form.

    Raises:
        GestureError: the file is missing or is no YAML, gives a key twice, has a key that is no text, nests too deeply,
            or repeats itself by aliases.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _check_growth(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except FileNotFoundError:
        raise GestureError(f"{path}: no such configuration file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise GestureError(f"{path}: cannot be read ({error})") from error
    except yaml.YAMLError as error:
        raise GestureError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error


def _check_growth(text: str) -> None:
    """Follows the parser's events, which take no recursion: how deep do they nest, how much do aliases repeat?"""
    sizes: dict[str, int] = {}
    # Nodes so far of each collection that is open, and its anchor.
    open_ones: list[list[Any]] = [[0, None]]
    repeated = 0
    for event in yaml.parse(text, Loader=_SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for _, anchor in open_ones):
                raise _mistake(f"alias *{event.anchor} stands inside of what it repeats", event)
            size = sizes.get(str(event.anchor), 0)
            repeated += size
            open_ones[-1][0] += size
            if repeated > MOST_REPEATED:
                raise _mistake(f"aliases repeat more than {MOST_REPEATED} values", event)
        elif isinstance(event, yaml.CollectionStartEvent):
            open_ones.append([1, event.anchor])
            if len(open_ones) > DEEPEST:
                raise _mistake(f"nests deeper than {DEEPEST} levels", event)
        elif isinstance(event, yaml.CollectionEndEvent):
            size, anchor = open_ones.pop()
            open_ones[-1][0] += size
            if anchor:
                sizes[anchor] = size
        elif isinstance(event, yaml.ScalarEvent):
            open_ones[-1][0] += 1
            if event.anchor:
                sizes[event.anchor] = 1


def _mistake(what: str, where: Any) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, what, where.start_mark)


class _Loader(_SafeLoader):  # type: ignore[misc,valid-type]
    """SafeLoader that refuses what plain YAML would take silently: a key given twice, keys that are no text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        merge = "tag:yaml.org,2002:merge"  # `<<: *anchor` may stand beside keys it also brings
        seen = set()
        for key, _ in node.value:
            if key.tag == merge:
                continue
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise _mistake(f"key {str(name)[:50]!r} is no text: write a name, or put it in quotes", key)
            if name in seen:
                raise _mistake(f"key {name!r} given twice", node)
            seen.add(name)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > MOST_DIGITS:
            raise _mistake(f"a number of {len(node.value)} digits", node)
        value: int = super().construct_yaml_int(node)
        return value


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
