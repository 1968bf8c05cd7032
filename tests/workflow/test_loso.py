"""Leave one subject out: which experiments are run, and the table that comes out."""

import subprocess
import sys

import yaml
from conftest import Clone, calls


def test_each_training_subject_is_left_out_once_and_the_table_has_their_mean(clone: Clone) -> None:
    done = subprocess.run(
        [sys.executable, "workflow/loso.py", "tests/config/tiny.yaml", "--cores", "2"],
        cwd=clone.root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    trained = [yaml.safe_load(call["read"]) for call in calls(clone.root) if call["command"] == "train"]
    left_out = {one["experiment"]: one["data"]["holdout_subjects"] for one in trained}
    assert left_out == {"tiny-loso-7": ["7"], "tiny-loso-10": ["10"]}
    assert len([call for call in calls(clone.root) if call["command"] == "convert"]) == 1
    assert not [call for call in calls(clone.root) if call.get("split") == "test"]
    assert done.stdout.splitlines()[-4:] == [
        "left out      a-s1      b-s1  ensemble",
        "7                -     0.250     0.500",
        "10               -     0.250     0.500",
        "mean             -     0.250     0.500",
    ]


def test_a_wrong_configuration_is_one_line(clone: Clone) -> None:
    done = subprocess.run(
        [sys.executable, "workflow/loso.py", "none.yaml"], cwd=clone.root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, "loso: none.yaml: no such configuration file\n")
