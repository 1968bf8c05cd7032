"""Raw files that change after a run are noticed by the next plan, and only what depends on them runs again."""

import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Clone
from made_up_arrays import write_arrays

CONFIG = "tests/config/tiny.yaml"
TINY = ("--configfile", CONFIG)
EVALUATED = {"average", "report"}


def on_arrays(folder: Path) -> Any:
    """Turns the tiny experiment into one of a single member on a folder of `arrays`."""

    def change(value: dict[str, Any]) -> None:
        value["data"] = {"dataset": "arrays", "folder": str(folder), "options": {"classes": 3}, "size": 16}
        del value["variants"]["fusion"]

    return change


def rows(folder: Path, change: Any) -> None:
    """Rewrites the list of sequences."""
    path = folder / "sequences.csv"
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))


def one_more(folder: Path, split: str) -> None:
    """A new file and its row at the end of the list."""
    new = folder / f"{split}-new.npz"
    new.write_bytes(next(iter(sorted(folder.glob(f"{split}*.npz")))).read_bytes())
    rows(folder, lambda lines: [*lines, f"999,{split},1,7,{new.name}"])


def other_label(folder: Path, split: str) -> None:
    def change(lines: list[str]) -> list[str]:
        number = next(number for number, line in enumerate(lines) if f",{split}," in line)
        cells = lines[number].split(",")
        cells[2] = str(int(cells[2]) % 3 + 1)
        return [*lines[:number], ",".join(cells), *lines[number + 1 :]]

    rows(folder, change)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return write_arrays(tmp_path / "raw")


@pytest.fixture
def done(clone: Clone, raw: Path) -> Clone:
    """A finished experiment on arrays; the fake `gesture` made its files."""
    clone.edit(CONFIG, on_arrays(raw))
    clone.run(*TINY)
    return clone


def steps(clone: Clone) -> set[str]:
    return {job for job in clone.planned(*TINY) if job != "all"}


def test_nothing_that_changed_repeats_nothing(done: Clone) -> None:
    assert steps(done) == set()


@pytest.mark.parametrize("change", [one_more, other_label])
def test_a_change_in_the_test_split_trains_nothing(done: Clone, raw: Path, change: Any) -> None:
    change(raw, "test")
    planned = steps(done)
    assert {"download", "convert", "evaluate test skeleton-s1", *EVALUATED} <= planned
    assert not [job for job in planned if job.startswith(("train", "evaluate validation"))]


@pytest.mark.parametrize("split", ["training", "validation"])
@pytest.mark.parametrize("change", [one_more, other_label])
def test_a_change_in_training_or_validation_trains(done: Clone, raw: Path, change: Any, split: str) -> None:
    change(raw, split)
    assert {"download", "convert", "train skeleton-s1 1", "train skeleton-s1 2", *EVALUATED} <= steps(done)


def test_a_change_of_the_settings_is_noticed_beside_one_of_the_data(done: Clone, raw: Path) -> None:
    """Snakemake itself would not look at the stages while records are made anew."""
    one_more(raw, "test")
    done.edit(CONFIG, lambda value: value["training"]["stages"][1].update(learning_rate=1e-3))
    assert {job for job in steps(done) if job.startswith("train")} == {"train skeleton-s1 2"}


def test_a_recording_that_was_made_anew_is_noticed_and_one_that_nobody_lists_is_not(done: Clone, raw: Path) -> None:
    (raw / "notes.npz").write_text("mine")
    assert steps(done) == {"download"}
    path = next(iter(raw.glob("test*.npz")))
    os.utime(path, ns=(1, 1))
    assert {"convert", "evaluate test skeleton-s1"} <= steps(done)


def test_the_whole_chain_again_after_one_more_test_recording(real_clone: Clone, raw: Path) -> None:
    real_clone.edit(CONFIG, on_arrays(raw))
    real_clone.run(*TINY)
    results = real_clone.root / "results/tiny"
    before = (results / "submission.csv").read_text().splitlines()
    weights = results / "train/skeleton-s1/stage2/model.weights.h5"
    trained = (weights.stat().st_mtime_ns, weights.read_bytes())
    one_more(raw, "test")
    plan = real_clone.snakemake("-n", *TINY)
    assert "1 new (test-new.npz), 1 changed (sequences.csv); concerns test" in plan.stdout + plan.stderr
    again = real_clone.run(*TINY)
    assert "rule convert:" in again.stdout + again.stderr
    assert "rule train:" not in again.stdout + again.stderr
    log = (real_clone.root / "logs/tiny/convert.log").read_text()
    assert "3 of 19 recordings had not changed and were copied" in log  # the other 15 are in shards that stay
    after = (results / "submission.csv").read_text().splitlines()
    assert len(after) == len(before) + 1
    assert (weights.stat().st_mtime_ns, weights.read_bytes()) == trained
    assert steps(real_clone) == set()
    raw.rename(raw.with_name("not mounted"))
    assert steps(real_clone) == set()
