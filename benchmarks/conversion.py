"""Runs `gesture convert` on copies of a generated recording with one process and with two, in turn.

Reported are the medians of wall and CPU time. On a machine that is busy otherwise the wall times say little; then look
at the CPU times.

    python benchmarks/conversion.py
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import yaml

from gesture.formats.synthetic.files import write_sample
from gesture.formats.synthetic.presets import PRESETS, plans

# Runs `gesture` with its arguments; prints wall time and the CPU time of itself and of its children [s].
MEASURE = """
import json, resource, sys, time
from gesture.cli import main
began = time.perf_counter()
code = main(sys.argv[1:])
usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([time.perf_counter() - began, *(one.ru_utime + one.ru_stime for one in usages)]))
sys.exit(code)
"""


class Times(NamedTuple):
    """Of one run [s]: wall time, CPU time of the command itself, and of its workers."""

    wall: float
    head: float
    workers: float


def make_raw(folder: Path, recordings: int) -> Path:
    """A folder of recordings in the form of ChaLearn 2014, and the settings of an experiment on them."""
    made = write_sample(folder / "made", plans(PRESETS["demo"], seed=1)[0], seed=1)
    (folder / "raw").mkdir()
    for number in range(1, recordings + 1):
        shutil.copy(made, folder / f"raw/Sample{number:04d}.zip")
    settings = {
        "experiment": "conversion",
        "data": {"dataset": "montalbano2014", "folder": str(folder / "raw")},
        "training": {"stages": [{"steps": 1, "learning_rate": 1e-3}]},
        "variants": {"all": {"network": {"model": "smnet"}, "modalities": ["rgb", "depth", "mask", "skeleton"]}},
    }
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def gesture(*arguments: str | Path) -> Times:
    """Runs a subcommand in a process of its own."""
    command = [sys.executable, "-c", MEASURE, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return Times(*json.loads(done.stdout.splitlines()[-1]))


def convert(settings: Path, processes: int) -> Times:
    """A conversion from nothing."""
    folder = settings.parent
    shutil.rmtree(folder / "records", ignore_errors=True)
    return gesture("convert", "--settings", settings, "--raw", folder / "raw.json", "--output",
                   folder / "records/manifest.json", "--processes", str(processes))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    runs: dict[int, list[Times]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        settings = make_raw(Path(folder), options.recordings)
        gesture("download", "--settings", settings, "--output", Path(folder) / "raw.json")
        for _ in range(options.repeats):
            for processes, found in runs.items():
                found.append(convert(settings, processes))
    print(f"{options.recordings} recordings of three videos; load {os.getloadavg()[0]:.1f}")
    one, two = (Times(*(statistics.median(column) for column in zip(*found, strict=True))) for found in runs.values())
    for number, times in ((1, one), (2, two)):
        print(f"{number} process{'es' * (number > 1):4}{times.wall:7.1f} s of wall time; of CPU time"
              f"{times.head:6.1f} s in the head, {times.workers:6.1f} s in the workers")  # fmt: skip
    turns = ", ".join(f"{first.wall / second.wall:.2f}" for first, second in zip(runs[1], runs[2], strict=True))
    print(f"speed of two relative to one, by wall time: {one.wall / two.wall:.2f} (target 1.70; in turns {turns})")
    ideal = (one.head + one.workers) / (two.head + two.workers / 2)
    print(f"the same by CPU time, as if each worker had a core to itself: {ideal:.2f}")


if __name__ == "__main__":
    main()
