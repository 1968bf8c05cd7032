"""Paths of the working directory are known in one place, and so is who plays which role."""

import re
from pathlib import Path

import pytest

from gesture.base.errors import GestureError
from gesture.config import layout
from gesture.config.layout import Layout
from gesture.config.settings import Data
from gesture.config.splits import plays, stored_as

PACKAGE = Path(__file__).parents[2] / "gesture"
# A folder of the working directory, or a file of an experiment, as code; help texts and docstrings may name them.
FOLDERS = "|".join((layout.RESOURCES, layout.RECORDS, layout.CHECKPOINTS, layout.RESULTS, layout.LOGS))
NAMES = [value for name, value in vars(layout).items() if name.isupper()]
FILES = "|".join(re.escape(one) for one in NAMES if "." in one)
WRITTEN_OUT = re.compile(
    rf"""f?"(?:{FOLDERS})(?:/[^" ]*)?"\s*/|(?:glob|Path)\(f?"(?:{FOLDERS})"""
    rf"""|(?:/ |with_name\()f?"(?:[\w{{}}-]+/)*(?:{FILES})\""""
)
# Rooms whose files are no part of an experiment's folders.
OTHERS = ("config/layout.py", "formats/", "legacy2019/", "faults/", "download/")


def test_a_path_may_be_a_pattern_of_the_workflow() -> None:
    assert str(Layout("demo").live("{member}", "{stage}")) == "checkpoints/demo/{member}/stage{stage}"
    assert str(Layout("demo", Path("/scratch")).results.table("test", "a-s1")).endswith(
        "results/demo/predictions/test/a-s1.csv"
    )


def test_no_other_module_writes_such_a_path_out() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if not str(path.relative_to(PACKAGE)).startswith(OTHERS)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if WRITTEN_OUT.search(line)
    ]
    assert found == [], "ask gesture.config.layout"


def test_held_out_subjects_are_the_validation_set_then() -> None:
    data = Data(holdout_subjects=["7"])
    assert plays("validation", "training", "7", True, data)
    assert not plays("training", "training", "7", True, data)
    assert not plays("validation", "validation", "3", True, data)
    assert stored_as("validation", data) == "training"
    assert stored_as("validation", Data()) == "validation"


def test_training_needs_labels_and_may_take_validation_too() -> None:
    both = Data(train_on_validation=True)
    assert plays("training", "validation", None, True, both)
    assert not plays("training", "validation", None, False, both)
    assert not plays("training", "test", None, True, both)
    assert not plays("training", "validation", None, True, Data())


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(GestureError, match="nonesuch"):
        plays("nonesuch", "training", None, True, Data())
