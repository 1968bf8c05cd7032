"""YAML that was written to hurt, or by mistake: one line that says where."""

from pathlib import Path

import pytest

from gesture.base.errors import GestureError
from gesture.base.yaml_file import read
from gesture.cli import main

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "aliases repeat"),
        ("a: &a [*a]", "inside of what it repeats"),
        ("a: &a {b: {c: *a}}", "inside of what it repeats"),
        ("a: " + "[" * 20000 + "]" * 20000, "deeper than"),
        ("".join(" " * depth + "a:\n" for depth in range(2000)), "deeper than"),
        ("1: 2", "no text"),
        ("null: 2", "no text"),
        ("[a, b]: 2", "no text"),
        ("? {a: b}\n: 2", "no text"),
        ("a: 1\nb: 2\na: 3", "given twice"),
        (f"a: {'9' * 5000}", "5000 digits"),
        ("a: !!python/object/apply:os.system [echo]", "could not determine a constructor"),
        ("a: [", "line 2"),
    ],
)
def test_a_file_that_would_take_for_ever_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "it.yaml"
    path.write_text(text)
    with pytest.raises(GestureError, match=said) as error:
        read(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_anchors_and_merges_as_people_use_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "it.yaml"
    path.write_text("a: &a {b: 1, c: 2}\nd: {<<: *a, c: 3}\ne: [*a, *a]\n")
    assert read(path) == {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}, "e": [{"b": 1, "c": 2}] * 2}


def test_twenty_thousand_stages_are_one_short_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "it.yaml"
    stages = ", ".join(["{epochs: 1, learning_rate: 0.1}"] * 20000)
    variant = "{network: {model: tcn}, modalities: [skeleton]}"
    path.write_text(f"experiment: x\ntraining: {{stages: [{stages}]}}\nvariants: {{a: {variant}}}\n")
    assert main(["plan", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "training.stages" in line
    assert len(line) < 300
