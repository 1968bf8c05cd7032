"""How the cost of planning grows: dry runs of 5 and of 500 variants, the command line.

    python benchmarks/orchestration.py

Dry runs alternate; reported are medians of wall time. 500 variants of four stages are more than 2,500 jobs.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
REPEATS = 3


def configuration(path: Path, variants: int) -> Path:
    """An experiment of four stages of about 4.4 hours each at 0.8 s a step."""
    one = {"network": {"model": "tcn"}, "modalities": ["skeleton"]}
    stages = [{"steps": 20_000, "learning_rate": rate} for rate in (5e-5, 5e-5, 1e-5, 1e-5)]
    value = {
        "experiment": f"of-{variants}",
        "training": {"stages": stages},
        "variants": {f"v{number}": one for number in range(1, variants + 1)},
    }
    path.write_text(yaml.safe_dump(value))
    return path


def seconds(*command: object) -> float:
    began = time.perf_counter()
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return time.perf_counter() - began


def medians(sides: dict[str, Callable[[], float]]) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(REPEATS):
        for name, side in sides.items():
            found[name].append(side())
    return {name: statistics.median(runs) for name, runs in found.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many = (configuration(folder / f"{count}.yaml", count) for count in (5, 500))

        def dry_run(config: Path) -> Callable[[], float]:
            return lambda: seconds(
                BIN / "snakemake", "-n", "-q", "--snakefile", ROOT / "Snakefile", "--configfile", config,
                "--directory", folder,
            )  # fmt: skip

        found = medians(
            {
                "dry run, 5 variants": dry_run(few),
                "dry run, 500 variants": dry_run(many),
                "gesture --help": lambda: seconds(BIN / "gesture", "--help"),
                "import tensorflow": lambda: seconds(sys.executable, "-c", "import tensorflow"),
            }
        )
        for side, value in found.items():
            print(f"{side:24}{value:8.2f} s")
        ratio = found["dry run, 500 variants"] / found["dry run, 5 variants"]
        print(f"500 variants / 5 variants: {ratio:.2f} (to reach: at most 5)")
        print(f"gesture --help / import tensorflow: {found['gesture --help'] / found['import tensorflow']:.2f}"
              " (to reach: at most 0.1)")  # fmt: skip


if __name__ == "__main__":
    main()
