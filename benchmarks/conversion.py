"""Runs `gesture convert` on copies of a generated recording with one process and with two, in turn.

Reported are the medians of wall time and of CPU time. On a machine that is busy otherwise the wall times say little;
that two processes take no more CPU time together than one does then says that conversion scales.

    python benchmarks/conversion.py
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from gesture.datasets.synthetic.files import write_sample
from gesture.datasets.synthetic.presets import PRESETS, plans


def make_raw(folder: Path, recordings: int) -> Path:
    """A folder of recordings in the form of ChaLearn 2014, and the settings of an experiment on them."""
    made = write_sample(folder / "made", plans(PRESETS["demo"], seed=1)[0], seed=1)
    (folder / "raw").mkdir()
    for number in range(1, recordings + 1):
        shutil.copy(made, folder / f"raw/Sample{number:04d}.zip")
    settings = {
        "experiment": "conversion",
        "data": {"dataset": "montalbano2014", "folder": str(folder / "raw")},
        "training": {"stages": [{"steps": 1, "rate": 1e-3}]},
        "variants": {"all": {"network": {"model": "smnet"}, "modalities": ["rgb", "depth", "mask", "skeleton"]}},
    }
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def gesture(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "gesture.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")


def convert(settings: Path, processes: int) -> tuple[float, float]:
    """Wall and CPU time of a conversion from nothing [s]."""
    folder = settings.parent
    shutil.rmtree(folder / "records", ignore_errors=True)
    began, used = time.perf_counter(), children()
    gesture("convert", "--settings", settings, "--raw", folder / "raw.json", "--output",
            folder / "records/manifest.json", "--processes", str(processes))  # fmt: skip
    return time.perf_counter() - began, children() - used


def children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    times: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        settings = make_raw(Path(folder), options.recordings)
        gesture("download", "--settings", settings, "--output", Path(folder) / "raw.json")
        for _ in range(options.repeats):
            for processes, runs in times.items():
                runs.append(convert(settings, processes))
    print(f"{options.recordings} recordings of three videos; load {os.getloadavg()[0]:.1f}")
    medians = {
        number: [statistics.median(column) for column in zip(*runs, strict=True)] for number, runs in times.items()
    }
    for number, (wall, cpu) in medians.items():
        print(f"{number} process{'es' * (number > 1):4}{wall:8.2f} s{cpu:8.2f} s of CPU")
    ratios = sorted(one[0] / two[0] for one, two in zip(times[1], times[2], strict=True))
    print(f"speed of two relative to one: {medians[1][0] / medians[2][0]:.2f} (target 1.70; in turns "
          f"{ratios[0]:.2f} to {ratios[-1]:.2f})")  # fmt: skip
    print(f"CPU time of two / of one: {medians[2][1] / medians[1][1]:.2f}")


if __name__ == "__main__":
    main()
