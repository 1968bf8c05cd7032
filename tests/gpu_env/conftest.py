"""The environment of `envs/gpu.lock` where `make check-gpu-env` has made it, and a stub driver."""

import os
import subprocess
from pathlib import Path

import pytest
import stub_driver

from gpu_env import environment


class GpuEnvironment:
    """Runs commands of this clone with the environment's Python, as on a node with one card."""

    def __init__(self, repository: Path, stub: Path) -> None:
        self.repository = repository
        self.stub = stub
        self.python = environment.python(environment.folder())
        self.packages = environment.packages(environment.folder())

    def run(
        self, *command: str, card: str = "9.0", first: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command; `python` and `gesture` are the environment's.

        Args:
            command: words.
            card: compute capability that the stub claims.
            first: folders that come first on `LD_LIBRARY_PATH`.
            variables: further environment variables.
        """
        home = variables.pop("HOME", os.environ.get("HOME", "/"))
        bin_folders = [self.repository / "workflow/bin", self.python.parent, "/usr/local/bin", "/usr/bin", "/bin"]
        path = {"PATH": os.pathsep.join(map(str, bin_folders)), "HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}
        libraries = ":".join(filter(None, [first, str(self.stub)]))
        seen = {**path, **stub_driver.card(card), "LD_LIBRARY_PATH": libraries, **variables}
        return subprocess.run(command, env=seen, cwd=self.repository, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stub_driver.build(tmp_path_factory.mktemp("stub"))


@pytest.fixture(scope="session")
def gpu_environment(repository: Path, stub: Path) -> GpuEnvironment:
    if not environment.folder().exists():
        reason = "the environment of envs/gpu.lock is not there: make check-gpu-env"
        if os.environ.get("GESTURE_ALL_TOOLS"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return GpuEnvironment(repository, stub)
