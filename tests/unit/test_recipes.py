"""Recipe numbers: code that makes results cannot change without someone asking whether results do."""

import ast
import os
from pathlib import Path

import pytest
from frozen import sources
from frozen.values import FREEZING, freeze, held


def test_every_module_belongs_to_a_recipe_or_to_none() -> None:
    forgotten = []
    for module, path in sources.modules():
        try:
            sources.recipe_of(module)
        except KeyError:
            forgotten.append(path.name)
    assert not forgotten, "say in tests/frozen/sources.py which recipe number stands for them"
    assert not sources.unknown(), "tests/frozen/sources.py names what is not there"


def test_code_that_makes_results_is_as_it_was_or_its_recipe_number_is_raised() -> None:
    found = sources.recipes()
    if os.environ.get(FREEZING):
        freeze("sources", found)
        return
    lines = [line for recipe, one in held("sources")["values"].items() for line in asked(recipe, one, found[recipe])]
    assert not lines, "\n".join(lines)


def asked(recipe: str, old: dict, new: dict) -> list[str]:
    """What to do about a recipe whose code has changed; nothing if it has not."""
    before, now = old["definitions"], new["definitions"]
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if new["number"] != old["number"]:
        return [f"{recipe} was raised from {old['number']} to {new['number']}: make freeze ONLY=recipe"]
    if not changed:
        return []
    return [
        f"{recipe} = {new['number']} stands for code that has changed: {', '.join(changed)}. "
        "Do results change? Raise the number. Do they stay? Say so in the commit, and confirm: make freeze ONLY=recipe"
    ]


# ---- What counts as a change


def digest_of(text: str, tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "one.py"
    path.write_text(text)
    return dict(sources.definitions(path))


CODE = '''"""A module."""
import numpy as np
from gesture.base.files import one

RATE = 3
WIDTH = Field(8, ge=1, description="Channels.")

def half(x: float) -> float:
    """Half of it."""
    if x < 0:
        raise ValueError(f"{x} is below 0")
    return x / 2  # exactly
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("A module.", "Another text."),
        ("Half of it.", "One half."),
        ("  # exactly", ""),
        ("is below 0", "should be at least 0"),
        ("Channels.", "Channels of the entry [channels]."),
        ("gesture.base.files", "gesture.base.files"),
        ("x: float) -> float", "x: int) -> float | None"),
        ("\n\ndef", "\n\n\n\ndef"),
    ],
)
def test_words_places_and_types_are_no_change(old: str, new: str, tmp_path: Path) -> None:
    assert old in CODE
    assert digest_of(CODE, tmp_path) == digest_of(CODE.replace(old, new), tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "name"), [("x / 2", "x / 3", "half"), ("RATE = 3", "RATE = 4", "RATE"), ("(8", "(9", "WIDTH")]
)
def test_what_acts_is_a_change_and_is_named(old: str, new: str, name: str, tmp_path: Path) -> None:
    before, after = digest_of(CODE, tmp_path), digest_of(CODE.replace(old, new), tmp_path)
    assert [one for one in before if before[one] != after[one]] == [name]


def test_a_changed_definition_asks_for_the_number_or_a_confirmation() -> None:
    old, new = {"number": 1, "definitions": {"f": "a"}}, {"number": 1, "definitions": {"f": "b"}}
    (line,) = asked("TRAIN_RECIPE", old, new)
    assert line.startswith("TRAIN_RECIPE = 1 stands for code that has changed: f. Do results change? Raise the number.")
    assert asked("TRAIN_RECIPE", old, old) == []
    assert "was raised from 1 to 2" in asked("TRAIN_RECIPE", old, {**new, "number": 2})[0]


def test_every_definition_has_a_name() -> None:
    for _, path in sources.modules():
        if path.suffix == ".py":
            assert all(name for name, _ in sources.definitions(path)), path
            ast.parse(path.read_text(encoding="utf-8"))
