"""Clips that the input side feeds: per second by the clock, and per second of the whole process's CPU time.

Made up sequences of the right shapes (mean 60 frames, 80x80, colour, depth, mask and skeleton) go through `tf.data` as
a training run takes them, batches of four, with and without augmentation. The sides take turns: as it was until 0.4,
one thread (kept in `batches_before.py`), and ours with one and with two workers. The medians of their ratios are told.
On a machine that others use too the clock says little; CPU time says the same there.

    python benchmarks/feed.py         # about a minute
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["OMP_NUM_THREADS"] = "1"

import batches_before
import numpy as np
from made_up_records import noise, write_shards

from gesture.base.tensorflow import import_tensorflow
from gesture.config.settings import Augmentation, Stage, Training
from gesture.convert.reader import Records
from gesture.inputs.batch import Inputs
from gesture.inputs.order import batch_at
from gesture.networks.smnet import SMnetSettings

Batches = Iterable[dict[str, Any]]

SEQUENCES = 64
BATCH = 4
INPUTS = Inputs.made(SMnetSettings().pictures(("rgb", "depth", "mask", "skeleton")))
CHANGES = {
    "plain": Augmentation(),
    "augmented": Augmentation(
        translation=0.1,
        speed=0.2,
        frame_jitter=1,
        time_warp=0.3,
        horizontal_flip=0.5,
        scale=0.1,
        gamma=0.3,
        joint_noise=0.01,
    ),
}
RATE, COST = 3.0, 0.5


def before(records: Records, positions: np.ndarray, training: Training, steps: range) -> Batches:
    """The batches by one thread, as it was."""
    from gesture.inputs.pipeline import _dataset

    def make() -> Iterator[dict[str, np.ndarray]]:
        for step in steps:
            chosen = positions[batch_at(step, len(positions), training.batch_size, 1)]
            rng = np.random.default_rng([1, step, 1])
            yield batches_before.load_batch(records, chosen, INPUTS, training.augmentation, rng)

    return _dataset(make, records.manifest["size"], INPUTS)


def ours(records: Records, positions: np.ndarray, training: Training, steps: range, workers: int) -> Batches:
    """The batches as `gesture train` takes them."""
    from gesture.inputs.pipeline import training_batches

    return training_batches(records, positions, INPUTS, training, 1, steps, workers)


def measure(batches: Batches) -> tuple[float, float]:
    """Seconds a clip, by the clock and of CPU time; the first batch, which nothing hides, counts too."""
    began, computed, clips = time.monotonic(), time.process_time(), 0
    for batch in batches:
        clips += int(batch["clips"].numpy().sum())
    return (time.monotonic() - began) / clips, (time.process_time() - computed) / clips


def report(changes: str, seconds: dict[str, list[tuple[float, float]]]) -> None:
    base = seconds["before"]
    for name, runs in seconds.items():
        clock, cpu = (statistics.median(1 / one[kind] for one in runs) for kind in (0, 1))
        faster, cheaper = (
            statistics.median(ours[kind] / theirs[kind] for ours, theirs in zip(runs, base, strict=True))
            for kind in (0, 1)
        )
        targets = f"{RATE:>8.1f}{'':8}{COST:>8.1f}" if name == "two workers" else ""
        print(f"{changes:11}{name:13}{clock:>8.0f}{cpu:>10.0f}{1 / faster:>8.2f}{cheaper:>8.2f}   {targets}".rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12, help="batches of a run")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    import_tensorflow()
    steps = range(options.steps)
    print(f"{'':24}{'clips/s':>8}{'/CPU-s':>10}{'rate x':>8}{'CPU x':>8}   {'>= rate':>8}{'':8}{'<= CPU':>8}")
    with tempfile.TemporaryDirectory() as name:
        rng = np.random.default_rng(0)
        sequences = [noise(number, int(rng.integers(40, 81))) for number in range(SEQUENCES)]
        records = Records(write_shards(Path(name) / "records", sequences, "lean"))
        positions = np.arange(SEQUENCES)
        for changes, augmentation in CHANGES.items():
            training = Training(
                stages=[Stage(epochs=1, learning_rate=1e-3)], batch_size=BATCH, augmentation=augmentation
            )
            given = (records, positions, training, steps)
            sides: dict[str, Callable[[], Batches]] = {
                "before": partial(before, *given),
                "one worker": partial(ours, *given, 1),
                "two workers": partial(ours, *given, 2),
            }
            seconds: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
            for turn in range(options.rounds + 1):
                for side, make in sides.items():
                    found = measure(make())
                    if turn:  # the first warms the page cache
                        seconds[side].append(found)
            report(changes, seconds)


if __name__ == "__main__":
    main()
