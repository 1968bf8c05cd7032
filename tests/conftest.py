"""What every tier shares: tools that a machine may lack, and the repository's root."""

import os
import shutil
from pathlib import Path

import hypothesis
import pytest

# No timed assertions, and the same examples every time.
hypothesis.settings.register_profile("gesture", deadline=None, derandomize=True)
hypothesis.settings.load_profile("gesture")

# Commands that count as the tool named by a `needs` marker.
TOOLS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "slurm": ("slurmctld",),
}


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parent.parent


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test whose tool is missing; where all tools are promised, as in CI, it fails instead."""
    for marker in item.iter_markers("needs"):
        (tool,) = marker.args
        if not any(map(shutil.which, TOOLS.get(tool, (tool,)))):
            reason = f"{tool} is not installed here"
            if os.environ.get("GESTURE_ALL_TOOLS"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
