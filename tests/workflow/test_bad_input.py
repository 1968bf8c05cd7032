"""What is wrong with the input is said before anything is submitted: in one line each, exit code 2, nothing written."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Clone

CONFIG = "tests/config/tiny.yaml"


def arrays(folder: str) -> Any:
    """Turns the tiny experiment into one on a folder of `arrays`."""

    def change(value: dict[str, Any]) -> None:
        value["data"] = {"dataset": "arrays", "folder": folder, "options": {"classes": 3}}

    return change


PROBLEMS: dict[str, tuple[Any, str]] = {
    "a misspelt modality": (
        lambda value: value["variants"]["fusion"].update(modalities=["rgb", "dpeth"]),
        "variants.fusion.modalities[1]: 'dpeth' is not a modality (rgb, depth, mask, skeleton); did you mean 'depth'?",
    ),
    "an unknown data set": (
        lambda value: value["data"].update(dataset="sythetic"),
        "data.dataset: 'sythetic' is not a data set (synthetic, montalbano2014, montalbano2013, smnet, utd_mhad, "
        "arrays); did you mean 'synthetic'?",
    ),
    "an unknown key": (
        lambda value: value["training"].update(bacth=4),
        "training.bacth: 'bacth' is not a known key",
    ),
    "a rate of zero": (
        lambda value: value["training"]["stages"][1].update(learning_rate=0),
        "training.stages[1].learning_rate: should be greater than 0, got 0",
    ),
    "no variants": (
        lambda value: value.update(variants={}),
        "variants: needs at least 1 entry",
    ),
    "the reserved name": (
        lambda value: value["variants"].update(ensemble=value["variants"]["fusion"]),
        "variants: variant name 'ensemble' is reserved",
    ),
    "a missing data folder": (arrays("no/such folder"), "data.folder: 'no/such folder': no such folder"),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_a_problem_is_one_line_and_nothing_is_written(clone: Clone, case: str) -> None:
    change, expected = PROBLEMS[case]
    clone.edit(CONFIG, change)
    done = clone.snakemake("--cores", "2", "--configfile", CONFIG)
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith(CONFIG)]
    assert len(lines) == 1
    assert lines[0].startswith(f"{CONFIG}: {expected}")
    assert "Traceback" not in done.stderr
    assert not [name for name in ("results", "resources", "records", "logs") if (clone.root / name).exists()]


def test_all_problems_are_told_at_once(clone: Clone) -> None:
    for case in ("a misspelt modality", "an unknown key", "a rate of zero"):
        clone.edit(CONFIG, PROBLEMS[case][0])
    done = clone.snakemake("--dry-run", "--configfile", CONFIG)
    assert done.returncode == 2
    assert len([line for line in done.stderr.splitlines() if line.startswith(f"{CONFIG}: ")]) == 3


def test_a_key_given_twice_is_refused(clone: Clone) -> None:
    path = clone.root / CONFIG
    path.write_text(path.read_text() + "\nexperiment: again\n")
    done = clone.snakemake("--dry-run", "--configfile", CONFIG)
    assert done.returncode == 2
    assert "'experiment' given twice" in done.stderr


def test_a_dry_run_without_the_data_shows_the_plan_and_warns(clone: Clone) -> None:
    clone.edit(CONFIG, arrays("no/such folder"))
    done = clone.snakemake("--dry-run", "--configfile", CONFIG)
    assert done.returncode == 0
    assert "2 members, 4 training stages" in done.stdout
    assert "no such folder" in done.stdout + done.stderr


def test_data_without_a_modality_that_a_variant_wants_is_refused(clone: Clone, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "1.npz", "w") as file:
        file.writestr("skeleton.npy", b"")
    (tmp_path / "sequences.csv").write_text("Id,split,label,subject,file\n1,training,1,7,1.npz\n")
    clone.edit(CONFIG, arrays(str(tmp_path)))
    done = clone.snakemake("--cores", "2", "--configfile", CONFIG)
    assert done.returncode == 2
    assert f"{CONFIG}: variants.fusion.modalities: the data has no rgb, depth, mask" in done.stderr


def test_a_held_out_subject_that_is_not_there_is_refused(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "sequences.csv").write_text("Id,split,label,subject,file\n1,training,1,7,1.npz\n")
    clone.edit(CONFIG, arrays(str(tmp_path)))
    done = clone.snakemake("-c2", "--configfile", CONFIG, "--config", "data={holdout_subjects: ['8']}")
    assert done.returncode == 2
    assert "data.holdout_subjects: 8: no training sequence" in done.stderr


@pytest.mark.parametrize(("text", "expected"), [("a: [", "not valid YAML"), ("- 1", "expected a mapping")])
def test_gesture_plan_says_what_is_wrong_with_an_unreadable_file(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gesture.cli import main

    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert main(["plan", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"gesture plan: {path}: {expected}")


def test_the_shipped_configurations_pass(repository: Path) -> None:
    for path in sorted((repository / "config").glob("*.yaml")):
        assert yaml.safe_load(path.read_text())["experiment"] == path.stem
