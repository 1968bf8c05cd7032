"""Averages many members with `gesture average` and, for comparison, with a plain pandas mean.

Each side runs in a process of its own, alternating; reported are the medians of wall time and the peak memory.

    python benchmarks/average.py                     # 50 members x 100,000 rows x 20 classes
    python benchmarks/average.py --rows 1000000 --members 10
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

BLOCK = 10_000  # distinct rows; more repeat them under other Ids

PANDAS = """
import sys, pandas
total = 0
for path in sys.argv[2:]:
    total = total + pandas.read_csv(path).set_index("Id").drop(columns="label")
(total / len(sys.argv[2:])).to_csv(sys.argv[1] + "/mean.csv")
"""
PANDAS_READ = "import sys, pandas\nfor path in sys.argv[2:]: pandas.read_csv(path)"
OURS = """
import sys, pathlib
from gesture.average.average import average
average([pathlib.Path(path) for path in sys.argv[2:]], pathlib.Path(sys.argv[1]))
"""
# Prints wall time [s] and peak memory [MB] of the code in its first argument.
MEASURE = """
import json, resource, sys, time
code = sys.argv.pop(1)
began = time.perf_counter()
exec(code)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([time.perf_counter() - began, peak]))
"""


def write_members(folder: Path, members: int, rows: int, classes: int) -> list[Path]:
    """Members with the same Ids; a few files are written and linked under many names."""
    generator = np.random.default_rng(0)
    labels = generator.integers(1, classes + 1, BLOCK)
    header = ",".join(["Id", *(f"p_{k + 1}" for k in range(classes)), "label"])
    originals = []
    for number in range(min(5, members)):
        exponentials = np.exp(3 * generator.normal(size=(BLOCK, classes)))
        softmaxes = exponentials / exponentials.sum(axis=1, keepdims=True)
        tails = [
            ",".join([*(f"{value:.9g}" for value in row), str(label)])
            for row, label in zip(softmaxes.tolist(), labels.tolist(), strict=True)
        ]
        originals.append(folder / f"original{number}")
        with originals[-1].open("w") as file:
            file.write(header + "\n")
            file.writelines(f"{row + 1},{tails[row % BLOCK]}\n" for row in range(rows))
    paths = [folder / f"member{number}-s1.csv" for number in range(members)]
    for number, path in enumerate(paths):
        path.hardlink_to(originals[number % len(originals)])
    return paths


def measure(code: str, output: Path, paths: list[Path]) -> tuple[float, float]:
    command = [sys.executable, "-W", "ignore", "-c", MEASURE, code, str(output), *map(str, paths)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return tuple(json.loads(printed.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=50)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files go for the time being (default: the system's)")
    options = parser.parse_args()
    print(f"{options.members} members x {options.rows:,} rows x {options.classes} classes")
    sides = {"pandas, reading only": PANDAS_READ, "pandas mean": PANDAS, "gesture average": OURS}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        paths = write_members(Path(folder), options.members, options.rows, options.classes)
        for _ in range(options.repeats):
            for name, code in sides.items():
                found[name].append(measure(code, Path(folder), paths))
    seconds = {name: statistics.median(one[0] for one in runs) for name, runs in found.items()}
    for name, runs in found.items():
        print(f"{name:22}{seconds[name]:8.2f} s  {max(one[1] for one in runs):8.0f} MB")
    for name in ("pandas, reading only", "pandas mean"):
        print(f"gesture / {name}: {seconds['gesture average'] / seconds[name]:.2f}")


if __name__ == "__main__":
    main()
