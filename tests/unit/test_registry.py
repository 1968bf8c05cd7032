"""Registries: what gesture brings, what other packages add by entry points, and what is said of a wrong name."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gesture.base.errors import GestureError
from gesture.base.registry import Registry

GROUP = "gesture.tests"
ENTRIES = (SimpleNamespace(name="circle", sides=0), "square = toy_shapes:SQUARE")
SHAPES = """
from types import SimpleNamespace
SQUARE = SimpleNamespace(name="square", sides=4)
HEXAGON = SimpleNamespace(name="hexagon", sides=6)
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages; one of them has shapes."""
    (tmp_path / "toy_shapes.py").write_text(SHAPES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toy_shapes", raising=False)
    return tmp_path


def install(packages: Path, name: str, *lines: str) -> None:
    """Writes what pip leaves of a package: its name and its entry points."""
    folder = packages / f"{name}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]) + "\n")


def shapes(*more: object) -> Registry[SimpleNamespace]:
    return Registry("shape", *ENTRIES, *more, group=GROUP)


def test_entries_come_by_name_in_their_order(packages: Path) -> None:
    assert {name: one.sides for name, one in shapes().items()} == {"circle": 0, "square": 4}


def test_a_module_is_imported_only_when_its_entry_is_asked_for() -> None:
    registry: Registry[SimpleNamespace] = Registry("shape", "nowhere = no_such_module:X", ENTRIES[0])
    assert list(registry) == ["nowhere", "circle"]
    assert "nowhere" in registry
    assert registry["circle"].sides == 0
    with pytest.raises(ModuleNotFoundError):
        registry["nowhere"]


def test_an_unknown_name_is_refused_with_the_nearest_known_one(packages: Path) -> None:
    with pytest.raises(GestureError, match=r"^'sqare' is not a shape \(circle, square\); did you mean 'square'\?$"):
        shapes()["sqare"]
    assert "sqare" not in shapes()
    assert shapes().get("sqare") is None


def test_another_package_adds_its_own_behind_ours(packages: Path) -> None:
    install(packages, "toy", "hexagon = toy_shapes:HEXAGON")
    assert list(shapes()) == ["circle", "square", "hexagon"]
    assert shapes()["hexagon"].sides == 6
    assert list(Registry("shape", *ENTRIES)) == ["circle", "square"], "without a group nobody can add"


def test_a_name_given_twice_is_refused_with_who_gives_it(packages: Path) -> None:
    install(packages, "toy", "square = toy_shapes:SQUARE")
    with pytest.raises(GestureError, match=r"shape 'square' is given twice, by gesture and by package toy \(toy"):
        list(shapes())
    with pytest.raises(GestureError, match="shape 'circle' is given twice, by gesture and by gesture"):
        list(Registry("shape", ENTRIES[0], ENTRIES[0]))


def test_two_packages_that_give_one_name_are_both_named(packages: Path) -> None:
    install(packages, "one", "hexagon = toy_shapes:HEXAGON")
    install(packages, "other", "hexagon = toy_shapes:SQUARE")
    with pytest.raises(GestureError, match=r"by package one .* and by package other .*uninstall one"):
        shapes()["circle"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("broken = no_such_module:X", r"shape 'broken' of package toy \(no_such_module:X\) cannot be imported \(Modul"),
        ("broken = toy_shapes:CIRCEL", r"package toy .*CIRCEL.*mend or uninstall that package"),
        ("hexagone = toy_shapes:HEXAGON", r"shape 'hexagone' of package toy .* is called 'hexagon' there"),
    ],
)
def test_a_package_that_does_not_keep_its_promise_is_named(packages: Path, line: str, message: str) -> None:
    install(packages, "toy", line)
    registry = shapes()
    assert registry["circle"].sides == 0, "the others can be used"
    with pytest.raises(GestureError, match=message):
        registry[line.split()[0]]
