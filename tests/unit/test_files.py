"""Nothing half-written ever stands under a final name."""

from pathlib import Path

import pytest

from gesture.base.errors import GestureError
from gesture.base.files import (
    append_line,
    atomic_folder,
    atomic_path,
    read_json,
    read_lines,
    remove_litter,
    text_digest,
    value_digest,
    write_json,
)


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


def test_a_folder_appears_whole_or_not_at_all_and_is_never_replaced(tmp_path: Path) -> None:
    final = tmp_path / "a"

    def fill(text: str, fail: bool = False) -> None:
        with atomic_folder(final) as partial:
            (partial / "file").write_text(text)
            if fail:
                raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        fill("half", fail=True)
    assert list(tmp_path.iterdir()) == []
    fill("first")
    with pytest.raises(OSError, match="not empty"):
        fill("second")
    assert (final / "file").read_text() == "first"
    assert list(tmp_path.iterdir()) == [final]


def test_what_a_killed_process_was_writing_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".step-1.4711-0badcafe.partial").mkdir()
    (tmp_path / ".LAST-1.4711-0badcafe.tmp.json").touch()
    (tmp_path / "step-1").mkdir()
    remove_litter(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-1"]


def test_a_line_that_a_crash_has_cut_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_line(path, '{"a": 1}')
    with path.open("a") as file:
        file.write('{"a": 2, "b')
    append_line(path, '{"a": 3}')
    assert read_lines(path) == [{"a": 1}, {"a": 3}]
