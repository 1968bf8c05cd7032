"""Runs of Snakemake in a copy of the project, mostly with a fake `gesture` that only writes the files."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
COPIED = ("Snakefile", "lsf", "workflow", "config", "profiles", "envs", "gesture", "tests/config")


@dataclass
class Clone:
    """A copy of the project, as a user would have it, and where Snakemake is started."""

    root: Path

    def snakemake(
        self, *arguments: str, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs Snakemake by its full path, with a PATH that knows no environment of ours."""
        return subprocess.run(
            [str(Path(sys.executable).with_name("snakemake")), *arguments],
            cwd=cwd or self.root,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, *arguments: str, **keywords: Any) -> subprocess.CompletedProcess[str]:
        """Runs Snakemake on two cores; it must succeed."""
        done = self.snakemake("--cores", "2", *arguments, **keywords)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def planned(self, *arguments: str, **keywords: Any) -> set[str]:
        """The jobs of a dry run, such as `train skeleton-s1 2`."""
        done = self.snakemake("--dry-run", "--cores", "2", *arguments, **keywords)
        assert done.returncode == 0, done.stdout + done.stderr
        jobs = set()
        for block in done.stdout.split("\n\n"):
            lines = [line.strip() for line in block.splitlines()]
            name = next((line.removesuffix(":").split()[-1] for line in lines if line.startswith("rule ")), None)
            wildcards = next((line for line in lines if line.startswith("wildcards: ")), "wildcards:")
            values = [part.split("=")[1] for part in wildcards.removeprefix("wildcards:").split(",") if part.strip()]
            if name:
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


@pytest.fixture
def real_clone(repository: Path, tmp_path: Path) -> Clone:
    """The project as it is, in a folder whose name has a space."""
    return copy_project(repository, tmp_path / "my clone")


@pytest.fixture
def clone(real_clone: Clone) -> Clone:
    """The project with the fake `gesture`."""
    shutil.copy(HERE / "fake_gesture.py", real_clone.root / "workflow" / "bin" / "gesture")
    (real_clone.root / "workflow" / "bin" / "gesture").chmod(0o755)
    return real_clone
