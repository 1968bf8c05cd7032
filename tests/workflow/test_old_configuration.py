"""A configuration with the names of 0.1.0: one warning by the head, silent jobs, and nothing to do again."""

from typing import Any

from conftest import Clone

CONFIG = "tests/config/tiny.yaml"
TINY = ("--configfile", CONFIG)


def with_old_names(value: dict[str, Any]) -> None:
    training, skeleton = value["training"], value["variants"]["skeleton"]
    training["batch"] = training.pop("batch_size")
    for stage in training["stages"]:
        stage["rate"] = stage.pop("learning_rate")
    skeleton["network"]["model"] = "joints"
    value["variants"]["fusion"]["images"] = "motion"


def test_the_head_warns_once_and_jobs_run_with_what_config_says_too(clone: Clone) -> None:
    clone.edit(CONFIG, with_old_names)
    done = clone.run(*TINY, "--config", "training={recompute: true}")
    told = done.stdout + done.stderr
    assert told.count("has old names") == 1
    assert "training.recompute: true  ->  gradient_checkpointing: true" in told
    assert "variants.skeleton.network.model: joints  ->  model: tcn" in told


def test_new_names_for_old_ones_run_nothing_again(finished: Clone) -> None:
    finished.edit(CONFIG, with_old_names)
    assert finished.planned(*TINY) == set()


def test_both_names_of_a_key_are_refused_before_anything_runs(clone: Clone) -> None:
    done = clone.snakemake("--cores", "1", *TINY, "--config", "training={batch: 1}")
    assert done.returncode == 2
    assert f"{CONFIG}: training.batch: is the old name of `batch_size`, which is given too" in done.stderr
