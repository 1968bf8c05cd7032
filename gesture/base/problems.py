"""Pydantic's validation errors as sentences a user can act on."""

import difflib
import re
import types
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError


def not_one_of(value: Any, noun: str, allowed: Iterable[str]) -> str:
    """The sentence for a value that is none of the allowed ones, with the nearest of them."""
    allowed = list(allowed)
    near = difflib.get_close_matches(str(value), allowed, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{_shown(value)} is not a {noun} ({', '.join(allowed)}){hint}"


MISSING = "is missing"
_LONGEST = 200
TOO_SHORT = "needs at least"
_MAPPING = "should be a mapping of keys, got {value}"
_LIST = "should be a list, got {value}"
# Where pydantic speaks of Python.
_SENTENCES = {
    "missing": MISSING,
    "union_tag_not_found": "`model` is missing",
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "too_short": TOO_SHORT + " {min_length} entry",
    "too_long": "has {actual_length} entries, at most {max_length} are allowed",
    "string_too_long": "is too long: at most {max_length} characters are allowed",
    "string_pattern_mismatch": "should start with a letter or digit and have only letters, digits, dot, dash, "
    "underscore, got {value}",
}

# What one entry of a list or one value of a choice is called in messages.
_NOUNS = {"modalities": "modality", "images": "kind of images", "streams": "stream", "model": "network"}


def problems_of(error: ValidationError, model: type[BaseModel], prefix: tuple[Any, ...]) -> dict[tuple[Any, ...], str]:
    """Location -> sentence; what a variant merely inherits from `training` is said once."""
    found: dict[tuple[Any, ...], str] = {}
    for item in error.errors():
        where, parent = _locate(model, item["loc"])
        found[prefix + where] = _sentence(item, where, parent)
    return {where: what for where, what in found.items() if not _follows(where, what, found)}


def _follows(where: tuple[Any, ...], what: str, found: Mapping[tuple[Any, ...], str]) -> bool:
    """Whether a problem only repeats another: inherited from `training`, or a list short of its wrong entries."""
    if where[:1] == ("variants",) and where[2:3] == ("training",):
        own = where[2:]
        return own in found or (what == MISSING and any(own[:n] in found for n in range(1, len(own))))
    return what.startswith(TOO_SHORT) and any(other[: len(where)] == where and other != where for other in found)


def _sentence(item: Any, where: tuple[Any, ...], parent: type[BaseModel] | None) -> str:
    """One problem in words: what is wrong and what was expected."""
    kind, context, value = item["type"], item.get("ctx", {}), item["input"]
    key = next((part for part in reversed(where) if isinstance(part, str)), "")
    if kind == "extra_forbidden":
        return not_one_of(key, "known key", parent.model_fields if parent else [])
    if kind == "literal_error":
        return not_one_of(value, _NOUNS.get(key, key), re.findall(r"'([^']*)'", context["expected"]))
    if kind == "union_tag_invalid":
        return not_one_of(context["tag"], "network", re.findall(r"'([^']*)'", context["expected_tags"]))
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(value=_shown(value), **context)
    message = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return message if kind == "value_error" else f"{message[0].lower()}{message[1:]}, got {_shown(value)}"


def _shown(value: Any) -> str:
    """A value as Python writes it, cut where it would fill the screen."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _locate(model: Any, location: tuple[Any, ...]) -> tuple[tuple[Any, ...], type[BaseModel] | None]:
    """The location without pydantic's union tags, and the model whose field it names."""
    where: list[Any] = []
    current: Any = model
    parent: type[BaseModel] | None = None
    for part in location:
        options = [option for option in _alternatives(current) if _is_model(option)]
        if len(options) > 1:  # a tagged union: this part is the tag
            current = next((o for o in options if part in get_args(o.model_fields["model"].annotation)), options[0])
            continue
        where.append(part)
        if options:
            parent = options[0]
            field = parent.model_fields.get(part) if isinstance(part, str) else None
            current = field.annotation if field else None
        else:
            arguments = get_args(current)
            current = arguments[-1] if arguments else None
    return tuple(where), parent


def _alternatives(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [one for option in get_args(annotation) for one in _alternatives(option)]
    return [annotation]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def dotted(where: tuple[Any, ...]) -> str:
    """`('variants', 'fusion', 'modalities', 1)` as `variants.fusion.modalities[1]`."""
    text = "".join(f".{part}" if re.fullmatch(r"[^\W\d][\w-]*", str(part)) else f"[{part!r}]" for part in where)
    return text.removeprefix(".") or "configuration"
