"""What a change repeats: only the steps whose own slice of the configuration changed, and all below them."""

from typing import Any

import pytest
import yaml
from conftest import Clone, calls

CONFIG = "tests/config/tiny.yaml"
TINY = ("--configfile", CONFIG)
BELOW = {"average", "average_validation", "report"}


def evaluations(member: str) -> set[str]:
    return {f"evaluate {split} {member}" for split in ("validation", "test")}


def rate_of_stage(variant: str | None, stage: int, rate: float) -> Any:
    """A change of one learning rate, for all variants or for one."""

    def change(value: dict[str, Any]) -> None:
        stages = yaml.safe_load(yaml.safe_dump(value["training"]["stages"]))
        stages[stage - 1]["learning_rate"] = rate
        (value["variants"][variant].setdefault("training", {}) if variant else value["training"])["stages"] = stages

    return change


def test_a_new_rate_in_the_last_stage_leaves_the_first_alone(finished: Clone) -> None:
    finished.edit(CONFIG, rate_of_stage(None, 2, 1e-3))
    expected = {"train fusion-s1 2", "train skeleton-s1 2", *evaluations("fusion-s1"), *evaluations("skeleton-s1")}
    assert finished.planned(*TINY) - {"all"} == expected | BELOW


def test_a_new_rate_in_stage_3_of_4_repeats_3_and_4(clone: Clone) -> None:
    clone.run()  # the demo
    clone.edit("config/demo.yaml", rate_of_stage("depth", 3, 1e-3))
    expected = {"train depth-s1 3", "train depth-s1 4", *evaluations("depth-s1")}
    assert clone.planned() - {"all"} == expected | BELOW


@pytest.mark.parametrize("triggers", [(), ("--rerun-triggers", "mtime", "input", "params")], ids=["all", "profiles"])
def test_a_change_of_one_variant_leaves_the_others_alone(finished: Clone, triggers: tuple[str, ...]) -> None:
    finished.edit(CONFIG, lambda value: value["variants"]["skeleton"]["network"].update(width=9))
    expected = {"train skeleton-s1 1", "train skeleton-s1 2", *evaluations("skeleton-s1")}
    assert finished.planned(*TINY, *triggers) - {"all"} == expected | BELOW


def test_another_seed_adds_a_member(finished: Clone) -> None:
    finished.edit(CONFIG, lambda value: value["variants"]["skeleton"].update(seeds=[1, 2]))
    expected = {"train skeleton-s2 1", "train skeleton-s2 2", *evaluations("skeleton-s2")}
    assert finished.planned(*TINY) - {"all"} == expected | BELOW


def test_a_new_title_repeats_the_report_only(finished: Clone) -> None:
    finished.edit(CONFIG, lambda value: value.update(report={"title": "Another"}))
    assert finished.planned(*TINY) - {"all"} == {"report"}


def test_another_method_of_averaging_trains_nothing(finished: Clone) -> None:
    finished.edit(CONFIG, lambda value: value.update(average={"method": "geometric"}))
    assert finished.planned(*TINY) - {"all"} == BELOW


def test_held_out_subjects_act_at_training_never_at_conversion(finished: Clone) -> None:
    finished.edit(CONFIG, lambda value: value["data"].update(holdout_subjects=["1"]))
    names = {job.split()[0] for job in finished.planned(*TINY)}
    assert "train" in names
    assert not names & {"download", "convert"}


def test_more_memory_or_time_repeats_nothing(finished: Clone) -> None:
    assert finished.planned(*TINY, "--set-resources", "train:runtime=999", "train:mem_mb=1") == set()


def test_two_experiments_share_their_records(finished: Clone) -> None:
    names = {job.split()[0] for job in finished.planned(*TINY, "--config", "experiment=other")}
    assert "train" in names
    assert not names & {"download", "convert"}


def test_jobs_get_the_settings_of_the_head_whatever_becomes_of_the_file(clone: Clone) -> None:
    """Each job is a Snakemake of its own here, as on a cluster; every one spoils the configuration file."""
    first = "results/tiny/train/skeleton-s1/stage1/model.weights.h5"
    fake = clone.root / "workflow/bin/gesture"
    text = fake.read_text()
    spoil = f'Path("{CONFIG}").write_text("training: [not, valid")\n'
    fake.write_text(text.replace("\nmain()\n", f"\nmain()\n{spoil}"))
    clone.run(first, *TINY, "--executor", "subprocess", "--jobs", "2")
    rates = [
        yaml.safe_load(call["read"])["training"]["stages"][1]["learning_rate"]
        for call in calls(clone.root)
        if call["read"]
    ]
    assert rates == [4e-4] * 3, "download, convert and train read what the head had resolved"


def test_the_resolved_settings_are_written_once_and_not_in_a_dry_run(clone: Clone) -> None:
    clone.planned(*TINY)
    assert not (clone.root / "results").exists()
    clone.run(*TINY)
    (path,) = (clone.root / "results/tiny/settings").iterdir()
    assert yaml.safe_load(path.read_text())["data"]["train_on_validation"] is False, "defaults are written out"
