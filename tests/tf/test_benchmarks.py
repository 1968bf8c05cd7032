"""Every benchmark still runs, on next to nothing; what it measures here means nothing and is not looked at.

The proofs have tests of their own, `orchestration.py` and `state_memory.py` know no small size.
"""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = {
    "average": ("--members", 2, "--rows", 20, "--repeats", 1),
    "checkpoint": ("--millions", 0.1, "--repeats", 1),
    "clips": (),
    "compute": ("--clips", 1, "--repeats", 1),
    "conversion": ("--recordings", 4),
    "decoding": ("--repeats", 1),
    "gpu": ("--device", "cpu", "--small", "--parts", "losses"),
    "gpu_memory": ("--small", "--only", "graph", "--precision", "float32"),
    "feed": ("--steps", 2, "--rounds", 1),
    "memory": ("--steps", 4),
    "raw_files": ("--files", 20, "--repeats", 1),
    "records": ("--people", 1, "--rounds", 1),
    "resume": ("--steps", 40, "--rounds", 1),
}
INSIDE = {"batches_before", "gpu_inside", "made_up_records", "made_up_steps"}
NOT_HERE = INSIDE | {"orchestration", "prove", "prove_lsf", "state_memory"}


@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_runs_to_its_end(name: str) -> None:
    command = [sys.executable, BENCHMARKS / f"{name}.py", *SMALL[name]]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def test_no_benchmark_is_forgotten() -> None:
    assert {path.stem for path in BENCHMARKS.glob("*.py")} == {*SMALL, *NOT_HERE}
