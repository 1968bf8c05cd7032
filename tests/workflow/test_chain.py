"""The whole chain with the real program on the tiny experiment, and a stage that is killed in the middle."""

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from committed import committed
from conftest import ENVIRONMENT, SNAKEMAKE, Clone, copy_project

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


def test_a_killed_stage_goes_on_from_its_checkpoint(real: tuple[Clone, Path, str]) -> None:
    """The trainer is killed outright once it has saved; Snakemake's next attempt is another session of the stage."""
    clone, folder, _ = real
    steps = 500

    def longer(value: dict[str, Any]) -> None:
        value.update(experiment="killed", variants={"skeleton": value["variants"]["skeleton"]})
        value["training"]["stages"] = [{"steps": steps, "rate": 1e-3}]

    clone.edit(CONFIG, longer)
    stage = "train/skeleton-s1/stage1"
    head = subprocess.Popen(
        [SNAKEMAKE, f"results/killed/{stage}/manifest.json", "--snakefile", str(clone.root / "Snakefile"),
         "--cores", "1", "--retries", "1", "--set-resources", "train:save_every=0.3s",
         "--configfile", str(clone.root / CONFIG)],
        cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        kill_trainer_once_it_has_saved(head, folder / "checkpoints/killed/skeleton-s1/stage1")
        printed, _ = head.communicate()
    finally:
        head.terminate()
    assert head.returncode == 0, printed
    first, second = json.loads((folder / f"results/killed/{stage}/manifest.json").read_text())["sessions"]
    assert (first["reason"], second["reason"]) == ("killed", "done")
    assert 0 < second["step"] < steps
    history = [json.loads(line) for line in (folder / f"results/killed/{stage}/history.jsonl").read_text().splitlines()]
    assert sum(line["steps"] for line in history if line["kind"] == "train") == steps, "no step is missing or double"


def kill_trainer_once_it_has_saved(head: subprocess.Popen[str], checkpoints: Path) -> None:
    """Waits for a checkpoint, then ends the trainer without a warning."""
    while head.poll() is None:
        if committed(checkpoints):
            os.kill(trainer_below(head.pid), signal.SIGKILL)
            return
        time.sleep(0.05)
    raise AssertionError(f"ended without a checkpoint:\n{head.communicate()[0]}")


def trainer_below(pid: int) -> int:
    """The process `gesture train` among the descendants of ``pid``."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            if b"\0train\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                return child
    raise ProcessLookupError("no trainer below Snakemake: every command should take its shell's place")
