"""`make demo-lsf` sets up its cluster wherever the clone lies."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_demo_lsf_makes_its_cluster_in_a_path_with_a_space(tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    shutil.copytree(ROOT / "tests/cluster/lsf", clone / "tests/cluster/lsf")
    for name in ("Makefile", "pyproject.toml", "executor/pyproject.toml", "envs/cpu.lock"):
        (clone / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, clone / name)
    snakemake = clone / ".venv/bin/snakemake"
    snakemake.parent.mkdir(parents=True)
    for name in ("packages-cpu", "ready-cpu"):  # as if just installed
        (clone / ".venv" / name).touch()
    snakemake.write_text('#!/bin/sh\nbhosts\necho "called with $*"\n')
    snakemake.chmod(0o755)
    for _ in range(2):  # the second time the cluster is there
        done = subprocess.run(
            ["make", "demo-lsf", "CORES=2"], cwd=clone, capture_output=True, text=True, check=False, env=_plain()
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "HOST_NAME" in done.stdout
        assert "called with --profile lsf --jobs 2" in done.stdout


def _plain() -> dict[str, str]:
    """Our environment without what an outer make hands on."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
