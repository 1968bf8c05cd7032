"""Runs of Snakemake in a copy of the project, mostly with a fake `gesture` that only writes the files."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

Finished = subprocess.CompletedProcess[str]

HERE = Path(__file__).parent
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
# A PATH that knows no environment of ours: nothing may have to be activated.
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": os.environ.get("HOME", "/"),
    "PYTHONPATH": str(HERE / "plugins"),
}
COPIED = ("Snakefile", "lsf", "local", "slurm", "workflow", "config", "profiles", "envs", "gesture", "tests/config")


@dataclass
class Clone:
    """A copy of the project, as a user would have it, and where Snakemake is started."""

    root: Path

    def snakemake(self, *arguments: str, cwd: Path | None = None, **environment: str) -> Finished:
        """Runs Snakemake by its full path."""
        return subprocess.run(
            [SNAKEMAKE, *arguments],
            cwd=cwd or self.root,
            env={**ENVIRONMENT, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, *arguments: str, **keywords: Any) -> Finished:
        """Runs Snakemake on two cores; it must succeed."""
        done = self.snakemake("--cores", "2", *arguments, **keywords)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def planned(self, *arguments: str, **keywords: Any) -> set[str]:
        """The jobs of a dry run, such as `train skeleton-s1 2`."""
        done = self.snakemake("--dry-run", "--cores", "2", *arguments, **keywords)
        assert done.returncode == 0, done.stdout + done.stderr
        jobs = set()
        for name, block in re.findall(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)+)", done.stdout, flags=re.M):
            wildcards = re.search(r"^ {4}wildcards: (.*)$", block, flags=re.M)
            values = re.findall(r"\w+=([^,]+)", wildcards[1]) if wildcards else []
            jobs.add(" ".join([name, *values]))
        return jobs

    def edit(self, name: str, change: Any) -> Path:
        """Applies ``change`` to the mapping in a YAML file."""
        path = self.root / name
        value = yaml.safe_load(path.read_text())
        change(value)
        path.write_text(yaml.safe_dump(value, sort_keys=False))
        return path


def calls(folder: Path) -> list[dict[str, Any]]:
    """What the fake `gesture` was asked to do, in order."""
    path = folder / "calls.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def copy_project(source: Path, target: Path) -> Clone:
    for name in COPIED:
        origin = source / name
        if origin.is_symlink():
            (target / name).symlink_to(origin.readlink())
        elif origin.is_dir():
            shutil.copytree(origin, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, target / name)
    return Clone(target)


def with_fake(clone: Clone) -> Clone:
    command = clone.root / "workflow" / "bin" / "gesture"
    shutil.copy(HERE / "fake_gesture.py", command)
    command.chmod(0o755)
    return clone


@pytest.fixture
def real_clone(repository: Path, tmp_path: Path) -> Clone:
    """The project as it is, in a folder whose name has a space."""
    return copy_project(repository, tmp_path / "my clone")


@pytest.fixture
def clone(real_clone: Clone) -> Clone:
    """The project with the fake `gesture`."""
    return with_fake(real_clone)


@pytest.fixture(scope="session")
def finished_tiny(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which the fake `gesture` has done the whole tiny experiment."""
    one = with_fake(copy_project(repository, tmp_path_factory.mktemp("finished") / "my clone"))
    one.run("--configfile", "tests/config/tiny.yaml")
    return one.root


@pytest.fixture
def finished(finished_tiny: Path, tmp_path: Path) -> Clone:
    """The tiny experiment, done, to be changed by one test."""
    shutil.copytree(finished_tiny, tmp_path / "my clone", symlinks=True)
    return Clone(tmp_path / "my clone")
