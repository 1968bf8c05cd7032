"""What the project gives today, value by value: a refactoring must not change any of it unseen."""

import json
from pathlib import Path

import numpy as np
import pytest
from frozen import averages, commands, configuration, data
from frozen.values import FOLDER, array, check, differences

SECTIONS = {
    "settings": configuration.settings,
    "defaults": configuration.defaults,
    "digests": configuration.digests,
    "edits": configuration.edits,
    "rates": configuration.rates,
    "plan": configuration.plan,
    "mistakes": configuration.mistakes,
    "records": data.records,
    "roles": data.roles,
    "order": data.order,
    "draws": data.draws,
    "batches": data.batches,
    "synthetic": data.synthetic,
    "averages": averages.averages,
    "flags": commands.flags,
    "help": commands.help_texts,
    "submissions": commands.submissions,
    "page": commands.page,
}


@pytest.mark.parametrize("name", SECTIONS)
def test_it_is_as_it_was(name: str, tmp_path: Path) -> None:
    check(name, SECTIONS[name](tmp_path))


def test_the_files_are_small() -> None:
    assert max(path.stat().st_size for path in FOLDER.glob("*.json")) < 1e6


# ---- The comparison itself


def held(value: object) -> object:
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("shape", [(5,), (40, 7)])
def test_one_number_of_an_array_cannot_change_unseen(shape: tuple[int, ...]) -> None:
    old = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    new = old.copy()
    new.flat[2] += 0.01
    for here in (True, False):
        assert not list(differences(held(array(old)), held(array(old)), here))
        assert list(differences(held(array(old)), held(array(new)), here))


def test_the_last_bit_counts_where_the_values_were_made_and_nowhere_else() -> None:
    old = np.random.default_rng(1).normal(size=100).astype(np.float32)
    new = old.copy()
    new[2] = np.nextafter(new[2], np.float32(9))
    assert list(differences(held(array(old)), held(array(new)), here=True))
    assert not list(differences(held(array(old)), held(array(new)), here=False))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {}),
        ({}, {"a": 1}),
        ([1, 2], [1]),
        ([1, 2], [2, 1]),
        (0.1, 0.1001),
        ("a", "A"),
        (None, 0),
    ],
)
def test_what_is_other_is_told(old: object, new: object) -> None:
    assert len(list(differences(old, new, here=True))) >= 1


def test_an_integer_array_is_the_same_everywhere() -> None:
    old, new = np.arange(9), np.arange(9)
    new[3] = 0
    assert list(differences(held(array(old)), held(array(new)), here=False))
