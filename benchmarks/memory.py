"""Memory of the input pipeline above TensorFlow's own, and whether ten times the data need more.

Every run is a process of its own: resident memory after TensorFlow has run a small data set, then the peak while
batches are made, the one in hand included. Half of the runs take their time over a batch, so that the pipeline gets
as far ahead as it may.

    python benchmarks/memory.py         # about 40 seconds
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from made_up_records import noise, write_shards

from gesture.base.tensorflow import import_tensorflow

SEQUENCES = 64
BATCH = 4


def resident(field: str) -> float:
    """`VmRSS` (now) or `VmHWM` (peak) of this process [MB]."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+)", status)[1]) / 1024


def forget_peak() -> None:
    """Makes the peak what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def run(manifest: Path, steps: int, pause: float, workers: int) -> None:
    """Prints memory before and the peak during ``steps`` batches [MB]."""
    import_tensorflow()
    import tensorflow as tf

    from gesture.config.settings import Stage, Training
    from gesture.convert.reader import Records
    from gesture.inputs.batch import Inputs
    from gesture.inputs.pipeline import training_batches
    from gesture.networks.smnet import SMnetSettings

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for _ in tf.data.Dataset.range(3).map(lambda number: number + 1).prefetch(1):
        pass
    forget_peak()  # of importing
    before = resident("VmRSS")
    records = Records(manifest)
    inputs = Inputs.made(SMnetSettings().pictures(("rgb", "depth", "mask", "skeleton")))
    training = Training(stages=[Stage(epochs=1, learning_rate=1e-3)], batch_size=BATCH)
    for _ in training_batches(records, np.arange(len(records.index)), inputs, training, 1, range(steps), workers):
        time.sleep(pause)
    print(before, resident("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="threads that make batches")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        run(Path(options.inside[0]), options.steps, float(options.inside[1]), options.workers)
        return
    found: dict[tuple[int, float], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        rng = np.random.default_rng(0)
        sequences = [noise(number, int(rng.integers(40, 81))) for number in range(SEQUENCES)]
        manifests = {times: write_shards(Path(name) / str(times), sequences, "lean", times) for times in (1, 10)}
        for _ in range(options.rounds):
            for times, manifest in manifests.items():
                for pause in (0.0, 0.3):
                    inside = ["--inside", str(manifest), str(pause), "--steps", str(options.steps)]
                    inside += ["--workers", str(options.workers)]
                    command = [sys.executable, "-W", "ignore", __file__, *inside]
                    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
                    found.setdefault((times, pause), []).append((float(said[0]), float(said[1])))
    above: dict[int, float] = {}
    for (times, pause), runs in found.items():
        tensorflow, peak = (statistics.median(values) for values in zip(*runs, strict=True))
        above[times] = max(above.get(times, 0), peak - tensorflow)
        pace = "slow" if pause else "fast"
        print(
            f"{times * SEQUENCES:4} sequences, {pace} consumer: TensorFlow {tensorflow:4.0f} MB, "
            f"pipeline {peak - tensorflow:4.0f} MB above it   target <= 150"
        )
    print(f"ten times the data need {above[10] - above[1]:+.0f} MB   target: the same")


if __name__ == "__main__":
    main()
