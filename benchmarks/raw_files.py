"""What it costs the plan to look at the user's raw files: dry runs with few and with many, and after a change.

    python benchmarks/raw_files.py [--files 10000]

Dry runs alternate; reported are medians of wall and CPU time, and what is more than with ten files.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from gesture.config.layout import MANIFEST, raw_folder
from gesture.config.settings import load

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
HEADER = "Id,split,label,subject,file\n"


def experiment(folder: Path, files: int) -> Path:
    """An experiment on so many recordings, and the list of them that `gesture download` makes."""
    raw = folder / f"raw-{files}"
    raw.mkdir(parents=True)
    np.savez(raw / "0.npz", skeleton=np.zeros((4, 20, 3), np.float32))
    data = (raw / "0.npz").read_bytes()
    rows = []
    for number in range(files):
        (raw / f"{number}.npz").write_bytes(data)
        split = ("training", "validation", "test")[min(number % 10, 2)]
        rows.append(f"{number + 1},{split},{number % 3 + 1},{number % 7},{number}.npz\n")
    (raw / "sequences.csv").write_text(HEADER + "".join(rows))
    settings = folder / f"{files}.yaml"
    value = {
        "experiment": f"of-{files}",
        "data": {"dataset": "arrays", "folder": str(raw), "options": {"classes": 3}},
        "training": {"stages": [{"steps": 10, "learning_rate": 1e-3}]},
        "variants": {"tcn": {"network": {"model": "tcn"}, "modalities": ["skeleton"]}},
    }
    settings.write_text(yaml.safe_dump(value))
    listed = raw_folder(load(settings), folder) / MANIFEST
    listed.parent.mkdir(parents=True)
    subprocess.run([BIN / "gesture", "download", "--settings", settings, "--output", listed], check=True)
    return settings


def dry_run(folder: Path, settings: Path) -> tuple[float, float]:
    """Wall and CPU time [s]."""
    began, used = time.perf_counter(), os.times()
    command = [BIN / "snakemake", "-n", "-q", "--snakefile", ROOT / "Snakefile", "--configfile", settings]
    subprocess.run([*command, "--directory", folder], check=True, capture_output=True)
    now = os.times()
    cpu = now.children_user + now.children_system - used.children_user - used.children_system
    return time.perf_counter() - began, cpu


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many = experiment(folder, 10), experiment(folder, options.files)
        sides = {"10 files": few, f"{options.files:,} files": many}
        found: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
        for _ in range(options.repeats):
            for side, settings in sides.items():
                found[side].append(dry_run(folder, settings))
        with (folder / f"raw-{options.files}/sequences.csv").open("a") as file:
            file.write(f"{options.files + 1},test,1,1,0.npz\n")
        found["after a change"] = [dry_run(folder, many) for _ in range(options.repeats)]
        base = [statistics.median(one) for one in zip(*found["10 files"], strict=True)]
        print(f"{'dry run':<16}{'wall':>8}{'CPU':>8}{'more':>8}{'CPU':>8}   [s]")
        for side, runs in found.items():
            wall, cpu = (statistics.median(one) for one in zip(*runs, strict=True))
            print(f"{side:<16}{wall:8.2f}{cpu:8.2f}{wall - base[0]:8.2f}{cpu - base[1]:8.2f}")


if __name__ == "__main__":
    main()
