"""The number of GPUs that a profile asks for reaches the command: in dry runs, on this machine, inside a job of LSF."""

import os
import re
from pathlib import Path

import pytest
from conftest import HERE, Clone, calls
from test_profiles import LSF, Cluster

TINY = ("--configfile", "tests/config/tiny.yaml")
GPU_PRESET = ("--profile", "profiles/local", "--workflow-profile", "profiles/local/gpu")


def commands(clone: Clone, *arguments: str) -> dict[str, set[str]]:
    """Command -> the numbers of GPUs that a dry run would give it; none for commands without the flag."""
    done = clone.snakemake("-n", "-p", *TINY, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, set[str]] = {}
    for command, number in re.findall(r"gesture (\w+) --.*?(?: --gpus (\d+))?$", done.stdout, flags=re.M):
        found.setdefault(command, set()).update({number} - {""})
    return found


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (("--profile", "profiles/lsf"), "1"),
        (("--profile", "lsf", "--workflow-profile", "profiles/lsf/lean"), "1"),
        (("--profile", "profiles/slurm"), "1"),
        (("--profile", "profiles/local"), "0"),
        (GPU_PRESET, "1"),
        (("--cores", "1"), "0"),
    ],
)
def test_training_and_evaluation_are_told_what_the_profile_asks_for(
    real_clone: Clone, arguments: tuple[str, ...], number: str
) -> None:
    found = commands(real_clone, *arguments)
    assert found.pop("train") == found.pop("evaluate") == {number}
    assert set(map(frozenset, found.values())) == {frozenset()}, "no other step needs one"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--profile", "profiles/lsf", "--set-resources", "train:gpu=2"),
        ("--profile", "profiles/slurm", "--set-resources", "train:gres=gpu:v100:2", "train:ngpus=2"),
        (*GPU_PRESET, "--set-resources", "train:gpu=2", "--resources", "gpu=4"),
        ("--cores", "1", "--default-resources", "gpu=2"),
    ],
)
def test_two_gpus_for_a_job_are_told_in_every_dialect(real_clone: Clone, arguments: tuple[str, ...]) -> None:
    assert commands(real_clone, *arguments)["train"] == {"2"}


def test_a_move_to_another_number_of_gpus_makes_nothing_run_again(finished: Clone) -> None:
    for profile in ("profiles/lsf", "profiles/slurm"):
        assert finished.planned(*TINY, "--profile", profile) == set()


def test_the_jobs_of_this_machine_are_told_too(clone: Clone) -> None:
    done = clone.snakemake(*GPU_PRESET, *TINY, "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.search(r"Provided resources: .*gpu.*\b1\b", done.stderr)
    assert told, "members take turns unless told how many GPUs there are"
    told = {(one["command"], one.get("gpus")) for one in calls(clone.root)}
    assert {("train", "1"), ("evaluate", "1"), ("average", None)} <= told


def test_a_submitted_job_is_told_what_was_asked_of_lsf(clone: Clone, tmp_path: Path) -> None:
    """The job reads the Snakefile again, on its node, by a command line of Snakemake's."""
    cluster = Cluster.create(tmp_path / "cluster")
    environment = {
        "PATH": f"{LSF / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(HERE / "plugins"),
        "FAKE_LSF": str(cluster.folder),
        "HOME": os.environ.get("HOME", "/"),
    }
    arguments = ("--profile", "lsf", *TINY, "--seconds-between-status-checks", "0", "--lsf-steady-submit-pause", "0.02")
    done = clone.snakemake(*arguments, "--set-resources", "train:gpu=2", "evaluate:gpu=1", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    asked = {job["name"].partition(".")[0]: job["request"]["gpus"] for job in cluster.jobs()}
    told = {one["command"]: one.get("gpus") for one in calls(clone.root)}
    assert (asked["train"], told["train"]) == (2, "2")
    assert (asked["evaluate"], told["evaluate"]) == (1, "1")
    assert (asked["convert"], told["convert"]) == (0, None)
