"""Clips that a network computes over the clips that hold a frame, for three ways to batch sequences of unequal length.

`flat` is ours: the real clips of a batch one after another. `padded` gives each sequence of a random batch as many as
the longest in it (2019); `longest` as many as the longest of the whole set. Lengths: ChaLearn 2014 as published
(gestures of median 39 frames, 26 to 58 from the 5th to the 95th percentile, and 15 frames before and after each),
the same without those frames, or the index of any records.

    python benchmarks/clips.py                                         # a second
    python benchmarks/clips.py records/synthetic-1a2b3c4d/manifest.json
"""

import argparse
from pathlib import Path

import numpy as np

from gesture.inputs.batch import CLIP, cut
from gesture.inputs.order import batch_at, steps_per_epoch

SEQUENCES = 5722  # in the training split of 2019
BATCH = 4
EPOCHS = 3
ROUNDED_WASTE = 1.05


def chalearn(context_frames: int) -> np.ndarray:
    """Lengths with the published quantiles, log-normal between them, `(SEQUENCES,)` int64 [frames]."""
    spread = np.log(58 / 26) / (2 * 1.645)
    gestures = np.random.default_rng(0).lognormal(np.log(39), spread, SEQUENCES)
    return np.rint(gestures).astype(np.int64) + 2 * context_frames


def computed(lengths: np.ndarray, padded: bool) -> int:
    """Clips that the pipeline's own `cut` makes of a batch, laid out as `load_batch` does."""
    clips = lengths // CLIP + 1
    counts = np.full(len(clips), clips.max()) if padded else clips
    return len(cut((np.zeros((length, 1, 1, 1), np.uint8) for length in lengths), counts))


def ratios(lengths: np.ndarray) -> dict[str, float]:
    """Computed over real clips of each way, over some epochs."""
    steps = range(EPOCHS * steps_per_epoch(len(lengths), BATCH))
    batches = [lengths[batch_at(step, len(lengths), BATCH, seed=1)] for step in steps]
    real = sum(int(np.ceil(batch / CLIP).sum()) for batch in batches)
    longest = len(lengths) * EPOCHS * (int(lengths.max()) // CLIP + 1)
    return {
        "longest": longest / real,
        "padded": sum(computed(batch, padded=True) for batch in batches) / real,
        "flat": sum(computed(batch, padded=False) for batch in batches) / real,
    }


def totals(lengths: np.ndarray) -> tuple[int, int]:
    """Different clip totals of the batches, each a shape that cuDNN plans for; and how many rounding up would leave.

    The sizes rounded up to grow by the largest ratio that wastes no more than `ROUNDED_WASTE`.
    """
    steps = range(EPOCHS * steps_per_epoch(len(lengths), BATCH))
    found = np.array([(lengths[batch_at(step, len(lengths), BATCH, seed=1)] // CLIP + 1).sum() for step in steps])
    left = len(np.unique(found))
    for ratio in np.arange(1.01, 1.5, 0.01):
        sizes = [1]
        while sizes[-1] < found.max():
            sizes.append(max(sizes[-1] + 1, int(sizes[-1] * ratio)))
        rounded = np.array(sizes)[np.searchsorted(sizes, found)]
        if rounded.sum() <= ROUNDED_WASTE * found.sum():
            left = min(left, len(np.unique(rounded)))
    return len(np.unique(found)), left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, nargs="?", metavar="JSON", help="manifest that convert wrote")
    options = parser.parse_args()
    if options.records:
        from gesture.convert.reader import Records

        index = Records(options.records).index
        sets = {"training split": index.loc[index["split"] == "training", "frames"].to_numpy(np.int64)}
    else:
        sets = {f"ChaLearn 2014, context {frames}": chalearn(frames) for frames in (15, 0)}
    print(
        f"{'':28}{'median frames':>14}{'longest':>9}{'padded':>8}{'flat':>7}{'totals':>8}{'rounded':>9}"
        "   target of flat <= 1.02"
    )
    for name, lengths in sets.items():
        found, (different, left) = ratios(lengths), totals(lengths)
        print(
            f"{name:28}{np.median(lengths):>14.0f}{found['longest']:>9.2f}{found['padded']:>8.2f}{found['flat']:>7.3f}"
            f"{different:>8}{left:>9}"
        )


if __name__ == "__main__":
    main()
