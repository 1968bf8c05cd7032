"""A predictions table that was changed after it was written is refused by every command that reads it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import made_up_results
import pytest

from gesture.base.files import read_json, write_json
from gesture.cli import main


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return made_up_results.make_results(tmp_path_factory.mktemp("results"))


@pytest.fixture
def made(original: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Results to be spoilt."""
    root = original["results"].parent.parent
    shutil.copytree(root, tmp_path / "made")
    return {name: tmp_path / "made" / path.relative_to(root) for name, path in original.items()}


def cell(rows: list[str]) -> None:
    """The row's probabilities change places, so that their sum stays 1."""
    values = rows[5].split(",")
    values[1:6] = [*values[2:6], values[1]]
    rows[5] = ",".join(values)


def label(rows: list[str]) -> None:
    values = rows[5].split(",")
    rows[5] = ",".join([*values[:-1], str(int(values[-1]) % 5 + 1)])


def swapped(rows: list[str]) -> None:
    rows[3], rows[4] = rows[4], rows[3]


def ids_swapped(rows: list[str]) -> None:
    (one, first), (two, second) = rows[3].split(",", 1), rows[4].split(",", 1)
    rows[3:5] = f"{two},{first}", f"{one},{second}"


def cut(rows: list[str]) -> None:
    del rows[7]


def cut_short(rows: list[str]) -> None:
    del rows[20:]


CHANGES = [cell, label, swapped, ids_swapped, cut, cut_short]


def change(path: Path, how: Callable[[list[str]], None]) -> None:
    rows = path.read_text().splitlines()
    how(rows)
    path.write_text("\n".join(rows) + "\n")


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def tables(made: dict[str, Path], split: str) -> list[str]:
    return sorted(map(str, (made["results"] / "predictions" / split).glob("*.csv")))


def averaged(made: dict[str, Path], *flags: str) -> int:
    return main(["average", *tables(made, "test"), "--output", str(made["results"]), *flags])


def reported(made: dict[str, Path]) -> int:
    settings = made["results"].parent / "made-up.yaml"
    write_json(settings, read_json(made["results"] / "submission.json")["settings"])
    flags = [text for name in ("records", "results", "logs", "output") for text in (f"--{name}", str(made[name]))]
    return main(["report", "--settings", str(settings), *flags])


def explained(made: dict[str, Path]) -> int:
    picture = made["results"] / "17.png"
    return main(["explain", "17", "--results", str(made["results"]), "--output", str(picture)])


def refused(made: dict[str, Path], command: Callable[[dict[str, Path]], int], told: str, capsys) -> None:
    """The command ends with 76 and one line, and leaves the results as they were."""
    before = content(made["results"])
    capsys.readouterr()
    assert command(made) == 76
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1
    assert content(made["results"]) == before


@pytest.mark.parametrize("how", CHANGES)
def test_a_changed_table_is_never_averaged(how, made, capsys):
    change(made["results"] / "predictions/test/fusion-s1.csv", how)
    refused(made, averaged, "fusion-s1.csv: was changed after it was written: its SHA-256 is not that of fus", capsys)


@pytest.mark.parametrize("how", CHANGES)
def test_nothing_is_fitted_on_a_changed_table(how, made, capsys):
    change(made["results"] / "predictions/validation/skeleton-s2.csv", how)
    fitted = ("--method", "greedy", "--fit-on", *tables(made, "validation"))
    refused(made, lambda made: averaged(made, *fitted), "validation/skeleton-s2.csv: was changed after", capsys)


@pytest.mark.parametrize("how", [cell, swapped, cut])
@pytest.mark.parametrize("command", [reported, explained])
@pytest.mark.parametrize("table", ["predictions/test/fusion-s1.csv", "ensemble.csv"])
def test_a_changed_table_is_neither_reported_nor_explained(how, command, table, made, capsys):
    change(made["results"] / table, how)
    refused(made, command, f"{table}: was changed after it was written", capsys)


def test_the_remedy_names_the_step(made, capsys):
    change(made["results"] / "ensemble.csv", cell)
    refused(made, explained, "remove both files and run `gesture average` again", capsys)


def test_a_changed_ensemble_is_not_compared(made, capsys):
    other = made["results"].parent / "other"
    shutil.copytree(made["results"], other)
    change(other / "ensemble.csv", cell)
    refused(made, lambda made: main(["compare", str(made["results"]), str(other)]), "other/ensemble.csv: was", capsys)


@pytest.mark.parametrize("command", [reported, explained])
def test_another_members_table_under_a_members_name_is_refused(command, made, capsys):
    folder = made["results"] / "predictions/test"
    for suffix in ("csv", "json"):
        shutil.copy(folder / f"skeleton-s1.{suffix}", folder / f"fusion-s1.{suffix}")
    refused(made, command, "fusion-s1.csv: holds the predictions of skeleton-s1: evaluate fusion-s1 again", capsys)


def forget_digests(made: dict[str, Path]) -> None:
    """Manifests as 0.1.0 wrote them."""
    for table in made["results"].rglob("*.csv"):
        manifest = table.with_suffix(".json")
        if table.name != "submission.csv" and manifest.exists():
            new = ("sha256", "step", "seal")
            write_json(manifest, {key: one for key, one in read_json(manifest).items() if key not in new})


@pytest.mark.parametrize("command", [averaged, reported, explained])
def test_tables_of_0_1_0_are_taken_and_told_once(command, made, monkeypatch, capsys):
    monkeypatch.setattr("gesture.report.page.gallery", lambda *_: {})  # figures take seconds
    forget_digests(made)
    capsys.readouterr()
    assert command(made) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if "not checked for changes" in line]
    assert len(told) == 1
    assert told[0].endswith("its manifest, of 0.1.0, holds no digest")


def test_tables_that_a_user_brings_are_taken_and_told(made, capsys):
    brought = made["results"] / "predictions/test/fusion-s1.csv"
    brought.with_suffix(".json").unlink()
    change(brought, swapped)
    capsys.readouterr()
    assert averaged(made) == 0
    assert f"table {brought}: not checked for changes: no manifest beside it" in capsys.readouterr().out


def test_untouched_tables_are_not_talked_about(made, capsys):
    capsys.readouterr()
    assert averaged(made) == 0
    assert "not checked" not in capsys.readouterr().out
