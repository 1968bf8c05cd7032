"""The whole chain with the real program on the tiny experiment, and a stage that is killed in the middle."""

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import Clone, copy_project

from gesture.config.settings import load
from gesture.operate.status import status
from gesture.schedulers.ask import ask

CONFIG = "tests/config/tiny.yaml"
MEMBERS = ("skeleton-s1", "fusion-s1")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def real(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, Path, str]:
    """The tiny experiment done by the real `gesture`, elsewhere; and what Snakemake printed."""
    clone = copy_project(repository, tmp_path_factory.mktemp("chain") / "my clone")
    elsewhere = clone.root.parent / "else where"
    done = clone.run("--configfile", CONFIG, "--directory", str(elsewhere))
    return clone, elsewhere, done.stdout


def test_the_submission_has_one_row_for_each_test_sequence(real: tuple[Clone, Path, str]) -> None:
    _, folder, _ = real
    (index,) = folder.glob("records/*/index.csv")
    expected = sorted(int(row["id"]) for row in rows(index) if row["split"] == "test")
    submission = rows(folder / "results/tiny/submission.csv")
    assert [int(row["Id"]) for row in submission] == expected
    assert all(1 <= int(row["y"]) <= 20 for row in submission)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_member_has_softmaxes_of_both_splits(real: tuple[Clone, Path, str], split: str) -> None:
    _, folder, _ = real
    for member in MEMBERS:
        table = rows(folder / f"results/tiny/predictions/{split}/{member}.csv")
        assert table
        for row in table:
            softmax = [float(value) for name, value in row.items() if name.startswith("p_")]
            assert sum(softmax) == pytest.approx(1, abs=1e-4)


def test_the_end_of_the_run_names_the_files_and_shows_the_table(real: tuple[Clone, Path, str]) -> None:
    _, folder, printed = real
    end = printed[-3000:]
    for text in ("results/tiny/submission.csv", "results/tiny/report.html", *MEMBERS, "ensemble", "train"):
        assert text in end
    assert (folder / "results/tiny/report.html").stat().st_size > 1000


def test_a_second_real_run_has_nothing_to_do(real: tuple[Clone, Path, str]) -> None:
    clone, folder, _ = real
    assert clone.planned("--configfile", CONFIG, "--directory", str(folder)) == set()


def test_its_status_is_done_and_after_a_failed_average_it_is_not(real: tuple[Clone, Path, str], tmp_path: Path) -> None:
    clone, folder, _ = real
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    experiment = load(clone.root / CONFIG)
    assert status(experiment, copy, ask).state == "done"
    (copy / "results/tiny/submission.csv").unlink()
    table = copy / "results/tiny/predictions/test/skeleton-s1.csv"
    times = (table.stat().st_atime_ns, table.stat().st_mtime_ns)
    table.write_text(table.read_text().replace("0.", "0.9", 1))
    os.utime(table, ns=times)
    done = clone.snakemake("--cores", "2", "--configfile", CONFIG, "--directory", str(copy))
    assert done.returncode == 1
    found = status(experiment, copy, ask)
    states = {one.job.key: one.state for one in found.jobs if one.state != "done"}
    assert states == {"average": "failed", "report": "outdated"}
    assert "skeleton-s1.csv" in next(one.reason for one in found.jobs if one.state == "failed")


def test_a_killed_stage_goes_on_from_its_checkpoint(real: tuple[Clone, Path, str]) -> None:
    """The trainer is killed outright inside its third or fourth save; Snakemake's next attempt goes on."""
    clone, folder, _ = real
    steps = 20

    def longer(value: dict[str, Any]) -> None:
        value.update(experiment="killed", variants={"skeleton": value["variants"]["skeleton"]})
        value["training"]["stages"] = [{"steps": steps, "learning_rate": 1e-3}]

    clone.edit(CONFIG, longer)
    kill_the_first_training(clone)
    stage = "train/skeleton-s1/stage1"
    clone.run(
        *(f"results/killed/{stage}/manifest.json", "--configfile", CONFIG, "--directory", str(folder)),
        *("--retries", "1", "--set-resources", "train:save_every=0.001s"),
    )
    first, second = json.loads((folder / f"results/killed/{stage}/manifest.json").read_text())["sessions"]
    assert (first["reason"], second["reason"]) == ("killed", "done")
    assert 0 < second["step"] < steps
    history = [json.loads(line) for line in (folder / f"results/killed/{stage}/history.jsonl").read_text().splitlines()]
    assert sum(line["steps"] for line in history if line["kind"] == "train") == steps, "no step is missing or double"


def kill_the_first_training(clone: Clone) -> None:
    """Makes `gesture` kill itself at an exact point, once: no race between a test and a trainer."""
    command = clone.root / "workflow" / "bin" / "gesture"
    once = """program=gesture.cli
[ "$1" = train ] && mkdir "$0.killed" 2>/dev/null && program="gesture.faults.interrupt save:60 SIGKILL"
"""
    text = command.read_text().replace("-m gesture.cli", "-m $program")
    command.write_text(text.replace("PYTHONPATH=", once + "PYTHONPATH=", 1))
