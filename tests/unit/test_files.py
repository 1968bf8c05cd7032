"""Nothing half-written ever stands under a final name."""

from pathlib import Path

import pytest

from gesture.errors import GestureError
from gesture.files import atomic_path, read_json, text_digest, value_digest, write_json


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    final = tmp_path / "a.json"
    write_json(final, {"old": 1})

    def fail() -> None:
        with atomic_path(final) as temporary:
            temporary.write_text("half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        fail()
    assert read_json(final) == {"old": 1}
    assert list(tmp_path.iterdir()) == [final]


def test_unreadable_json_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(GestureError, match=r"a\.json: no such file"):
        read_json(path)
    path.write_text('{"a":')
    with pytest.raises(GestureError, match=r"a\.json: not readable as JSON"):
        read_json(path)


def test_digests_know_where_one_text_ends_and_forget_the_order_of_keys() -> None:
    assert text_digest(["ab", "c"]) != text_digest(["a", "bc"])
    assert value_digest({"a": 1, "b": 2}) == value_digest({"b": 2, "a": 1})
