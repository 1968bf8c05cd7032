"""Tests on a real GPU; without one they are skipped, with the reason that `gesture devices` gives.

`GESTURE_GPU_TESTS=cpu` runs them on the CPU with tiny networks: it shows that they run, and proves nothing of a GPU.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
DRY = os.environ.get("GESTURE_GPU_TESTS") == "cpu"
if DRY:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
LOOK = """
import json
from gesture.base.hardware import hardware
found = hardware()
print(json.dumps({"gpus": [str(one) for one in found.gpus], "line": found.line(), "reason": found.reason}))
"""


def look() -> dict:
    """The devices, seen by a process of its own: this one leaves the card alone."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", LOOK], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what is in this folder where there is no GPU."""
    mine = [item for item in items if Path(__file__).parent in item.path.parents]
    if not mine or DRY:
        return
    seen = look()
    if not seen["gpus"]:
        for item in mine:
            item.add_marker(pytest.mark.skip(reason=f"no GPU: {seen['reason']}"))


def pytest_report_header() -> str | None:
    """On what the tests ran, so that their output can be sent."""
    return "gpu tests: on the CPU with tiny networks, proving nothing of a GPU" if DRY else None


@pytest.fixture(scope="session")
def seen() -> dict:
    return look()


@pytest.fixture(scope="session")
def small() -> bool:
    return DRY
