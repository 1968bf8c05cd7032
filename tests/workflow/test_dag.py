"""The order of the steps, with a fake `gesture`: what runs, with which arguments, and where the files go."""

import zipfile
from pathlib import Path

import yaml
from conftest import Clone, calls

TINY = ("--configfile", "tests/config/tiny.yaml")
EVERYTHING = ["download", "convert", *["train"] * 4, *["evaluate"] * 4, *["average"] * 2, "report"]


def by_output(folder: Path, command: str) -> dict[str, dict[str, str]]:
    return {call["output"]: call for call in calls(folder) if call["command"] == command}


def test_one_command_goes_from_nothing_to_the_report(clone: Clone) -> None:
    done = clone.run(*TINY)
    assert sorted(call["command"] for call in calls(clone.root)) == sorted(EVERYTHING)
    assert (clone.root / "results/tiny/submission.csv").exists()
    assert "report results/tiny/report.html" in done.stdout, "the summary is printed at the end"


def test_a_second_run_has_nothing_to_do(finished: Clone) -> None:
    assert finished.planned(*TINY) == set()


def test_a_stage_starts_from_the_result_of_the_stage_before(finished: Clone) -> None:
    stages = by_output(finished.root, "train")
    assert "previous" not in stages["results/tiny/train/fusion-s1/stage1"]
    second = stages["results/tiny/train/fusion-s1/stage2"]
    assert second["previous"] == "results/tiny/train/fusion-s1/stage1/model.weights.h5"
    assert second["checkpoints"] == "checkpoints/tiny/fusion-s1/stage2"
    assert second["walltime"] == "240"


def test_the_last_stage_is_evaluated_on_both_splits(finished: Clone) -> None:
    evaluated = by_output(finished.root, "evaluate")
    for split in ("validation", "test"):
        call = evaluated[f"results/tiny/predictions/{split}/skeleton-s1.csv"]
        assert (call["weights"], call["split"]) == ("results/tiny/train/skeleton-s1/stage2", split)


def test_test_and_validation_are_averaged_apart(finished: Clone) -> None:
    averages = by_output(finished.root, "average")
    assert set(averages) == {"results/tiny", "results/tiny/validation"}
    tables = [word for word in averages["results/tiny"]["arguments"] if word.endswith(".csv")]
    assert tables == [
        f"results/tiny/predictions/{split}/{name}-s1.csv"
        for split in ("test", "validation")  # averaged; to fit on
        for name in ("skeleton", "fusion")
    ]


def test_nothing_is_fitted_on_validation_where_members_train_on_it(clone: Clone) -> None:
    clone.edit("tests/config/tiny.yaml", lambda value: value["data"].update(train_on_validation=True))
    clone.run(*TINY)
    assert all("fit-on" not in call for call in by_output(clone.root, "average").values())


def test_all_output_goes_to_the_working_directory(clone: Clone, tmp_path: Path) -> None:
    before = sorted(clone.root.rglob("*"))
    elsewhere = tmp_path / "else where"
    clone.run("--directory", str(elsewhere), *TINY)
    assert (elsewhere / "results/tiny/submission.csv").exists()
    assert [path for path in sorted(clone.root.rglob("*")) if "__pycache__" not in str(path)] == before


def test_the_log_holds_the_command_and_all_it_printed(finished: Clone) -> None:
    log = (finished.root / "logs/tiny/train/skeleton-s1/stage2.log").read_text()
    assert log.startswith("'gesture' 'train' '--settings' 'results/tiny/settings/")
    assert log.endswith("train done\n")


def test_every_step_is_timed(finished: Clone) -> None:
    timed = {path.stem for path in (finished.root / "logs/tiny/benchmark").rglob("*.tsv")}
    assert timed >= {"download", "convert", "stage1", "skeleton-s1", "average", "average-validation", "report"}


def test_a_failing_step_fails_the_run_and_says_why(clone: Clone) -> None:
    done = clone.snakemake("--cores", "2", *TINY, FAKE_FAILS="convert")
    assert done.returncode == 1
    assert "made to fail" in (clone.root / "logs/tiny/convert.log").read_text()
    assert [call["command"] for call in calls(clone.root)] == ["download", "convert"]


def test_a_folder_given_on_the_command_line_replaces_that_of_the_file(clone: Clone, tmp_path: Path) -> None:
    folder = tmp_path / "raw files"
    folder.mkdir()
    (folder / "sequences.csv").write_text("Id,split,label,subject,file\n1,training,1,7,1.npz\n")
    with zipfile.ZipFile(folder / "1.npz", "w") as archive:
        for modality in ("rgb", "depth", "mask", "skeleton"):
            archive.writestr(f"{modality}.npy", b"")
    given = f"data={{folder: {folder}}}"
    clone.run("--configfile", "config/utd-mhad.yaml", "--config", given, "--until", "download")
    assert yaml.safe_load(calls(clone.root)[0]["read"])["data"]["folder"] == str(folder)
