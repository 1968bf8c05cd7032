"""A sample of `make prove`: a chain of stages that is killed ends in the bytes of one that is not."""

import re
import subprocess
import sys
from pathlib import Path

from gesture.faults.prove import at_random


def test_a_killed_chain_ends_in_the_same_bytes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gesture.cli", "prove-resume", "--kills", "4", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    names = [line.split()[-1] for line in lines if line.startswith("same ")]
    stages = [f"result/stage{stage}/{name}.h5" for stage in (1, 2, 3) for name in ("model.weights", "optimiser")]
    assert names == [*stages, "test.csv", "submission.csv"]
    kills, replayed = map(int, re.fullmatch(r"(\d+) kills, (\d+) steps replayed", lines[-1]).groups())
    assert 1 <= kills <= 4  # a fast machine may be past the one that comes after some seconds
    assert replayed <= kills


def test_most_of_the_random_kills_fall_inside_a_save() -> None:
    points = [point for point, _ in at_random(200, seed=1)]
    assert sum(point.startswith("save:") for point in points) == 120
    assert points == [point for point, _ in at_random(200, seed=1)]
