"""The order of the steps, with a fake `gesture`: what runs, with which arguments, and what runs again."""

from pathlib import Path

from conftest import Clone, calls

TINY = ("--configfile", "tests/config/tiny.yaml")
EVERYTHING = ["download", "convert", *["train"] * 4, *["evaluate"] * 4, *["average"] * 2, "report"]


def test_one_command_goes_from_nothing_to_the_report(clone: Clone) -> None:
    done = clone.run(*TINY)
    assert sorted(call["command"] for call in calls(clone.root)) == sorted(EVERYTHING)
    assert (clone.root / "results/tiny/submission.csv").exists()
    assert "report results/tiny/report.html" in done.stdout, "the summary is printed at the end"


def test_a_second_run_has_nothing_to_do(clone: Clone) -> None:
    clone.run(*TINY)
    assert clone.planned(*TINY) == set()


def test_a_stage_starts_from_the_result_of_the_stage_before(clone: Clone) -> None:
    clone.run(*TINY)
    stages = {call["output"]: call for call in calls(clone.root) if call["command"] == "train"}
    assert "parent" not in stages["results/tiny/train/fusion-s1/stage1"]
    second = stages["results/tiny/train/fusion-s1/stage2"]
    assert second["parent"] == "results/tiny/train/fusion-s1/stage1"
    assert second["checkpoints"] == "checkpoints/tiny/fusion-s1/stage2"
    assert second["walltime"] == "240"


def test_the_last_stage_is_evaluated(clone: Clone) -> None:
    clone.run(*TINY)
    evaluated = {call["output"]: call["weights"] for call in calls(clone.root) if call["command"] == "evaluate"}
    assert evaluated["results/tiny/predictions/validation/skeleton-s1.csv"] == "results/tiny/train/skeleton-s1/stage2"


def test_all_output_goes_to_the_working_directory(clone: Clone, tmp_path: Path) -> None:
    before = sorted(clone.root.rglob("*"))
    elsewhere = tmp_path / "else where"
    clone.run("--directory", str(elsewhere), *TINY)
    assert (elsewhere / "results/tiny/submission.csv").exists()
    assert [path for path in sorted(clone.root.rglob("*")) if "__pycache__" not in str(path)] == before


def test_the_log_holds_the_command_and_all_it_printed(clone: Clone) -> None:
    clone.run(*TINY)
    log = (clone.root / "logs/tiny/train/skeleton-s1/stage2.log").read_text()
    assert "'gesture' 'train' '--settings'" in log
    assert log.endswith("train done\n")


def test_a_failing_step_fails_the_run_and_says_why(clone: Clone) -> None:
    done = clone.snakemake("--cores", "2", *TINY, FAKE_FAILS="convert")
    assert done.returncode == 1
    assert "made to fail" in (clone.root / "logs/tiny/convert.log").read_text()
    assert [call["command"] for call in calls(clone.root)] == ["download", "convert"]
