"""Starts the input pipeline in the middle of an epoch: how long until the first batch, and is it the right one.

Compared are a start at step 0, a start in the middle, and what a pipeline that cannot do so must do: make all batches
up to there and throw them away. CPU-seconds, records opened anew each time; starts take turns.

    python benchmarks/resume.py         # about 40 seconds
"""

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from made_up_records import noise, write_shards

from gesture.base.tensorflow import import_tensorflow

FRAMES = 60
BATCH = 4
COMPARED = 20


def batches(manifest: Path, start: int, stop: int) -> Iterator[dict]:
    from gesture.config.settings import Stage, Training
    from gesture.convert.reader import Records
    from gesture.inputs.batch import Inputs
    from gesture.inputs.pipeline import training_batches
    from gesture.networks.smnet import SMnetSettings

    records = Records(manifest)
    inputs = Inputs.made(SMnetSettings().pictures(("rgb", "depth", "mask", "skeleton")))
    training = Training(stages=[Stage(epochs=1, learning_rate=1e-3)], batch_size=BATCH)
    return iter(training_batches(records, np.arange(len(records.index)), inputs, training, 1, range(start, stop)))


def digest(batch: dict) -> str:
    return hashlib.sha256(b"".join(batch[name].numpy().tobytes() for name in sorted(batch))).hexdigest()


def first_batch_seconds(manifest: Path, start: int) -> float:
    """CPU-seconds until the batch of step ``start`` is there, when nothing is made after it."""
    began = time.process_time()
    next(batches(manifest, start, start + 1))
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=240, help="in an epoch; resumed is in its middle")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    middle = options.steps // 2
    import_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with tempfile.TemporaryDirectory() as name:
        sequences = [noise(number, FRAMES) for number in range(32)]
        copies = options.steps * BATCH // len(sequences)
        manifest = write_shards(Path(name) / "records", sequences, "lean", copies)
        first_batch_seconds(manifest, 0)  # warms caches
        seconds: dict[int, list[float]] = {0: [], middle: []}
        for _ in range(options.rounds):
            for start, found in seconds.items():
                found.append(first_batch_seconds(manifest, start))
        began = time.process_time()
        replayed = batches(manifest, 0, middle + 1 + COMPARED)
        for _ in islice(replayed, middle + 1):
            pass
        replay = time.process_time() - began
        expected = [digest(one) for one in replayed]
        resumed = [digest(one) for one in batches(manifest, middle, middle + 1 + COMPARED)][1:]
    at_0, at_middle = (statistics.median(found) for found in seconds.values())
    same = sum(one == other for one, other in zip(expected, resumed, strict=True))
    print(f"first batch of step 0         {at_0:8.3f} CPU-s")
    print(f"first batch of step {middle:<9} {at_middle:8.3f} CPU-s  {at_middle / at_0:7.2f} of step 0   target <= 1.5")
    print(f"the same by replaying         {replay:8.3f} CPU-s  {replay / at_middle:7.0f} times dearer  target >= 50")
    print(f"batches after it, to the byte {same:>8} the same of {len(expected)}")


if __name__ == "__main__":
    main()
