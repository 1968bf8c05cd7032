"""Reads gestures from 2019's tfrecords and from ours: bytes, and samples per CPU-second, on one thread.

2019 stored five float32 arrays under ZLIB, the drawn skeleton among them; it is read as fast as we can, by `tf.data`
or by our own reader, whichever is faster, and in order, since it cannot be read otherwise. Ours are read in random
order and the skeleton is drawn. All files are in the page cache; the sides take turns. Contents: gestures of the
built-in generator through H.264, before walls with the statistics of photographs, with sensor noise.

    python benchmarks/records.py                            # about 40 seconds on two cores
    python benchmarks/records.py --texture 0 --grain 0      # before the generator's plain walls
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from made_up_records import SIZE, film, furnish, write_shards

from gesture.base.tensorflow import import_tensorflow
from gesture.convert.example import Example
from gesture.convert.reader import Records
from gesture.formats.sequence import Sequence
from gesture.inputs.skeleton_image import draw
from gesture.legacy2019.tfrecords import _records as records_of_2019

ARRAYS_OF_2019 = ("rgb", "depth", "segmentation", "skeleton", "skeleton_img")
TARGETS = {"lean": (10, 0.9), "compact": (6, 0.35)}


def encode_as_2019(sequence: Sequence) -> bytes:
    example = Example()
    features = example.features.feature
    arrays = (
        sequence.rgb,
        sequence.depth,
        np.repeat(sequence.mask, 3, axis=-1) * np.float32(255),
        sequence.skeleton,
        draw(sequence.skeleton, SIZE),
    )
    for name, array in zip(ARRAYS_OF_2019, arrays, strict=True):
        features[name].bytes_list.value.append(array.astype("<f4").tobytes())
    for name, value in {"length": sequence.length, "label": sequence.label, "id": sequence.id}.items():
        features[name].int64_list.value.append(value)
    return example.SerializeToString()


def write_as_2019(path: Path, sequences: list[Sequence]) -> None:
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type="ZLIB")) as writer:
        for sequence in sequences:
            writer.write(encode_as_2019(sequence))


def read_by_tf_data(path: Path) -> int:
    import tensorflow as tf

    features = {name: tf.io.FixedLenFeature([], tf.string) for name in ARRAYS_OF_2019}
    features |= {name: tf.io.FixedLenFeature([], tf.int64) for name in ("length", "label", "id")}

    def parse(data: tf.Tensor) -> dict[str, tf.Tensor]:
        found = tf.io.parse_single_example(data, features)
        return found | {name: tf.io.decode_raw(found[name], tf.float32) for name in ARRAYS_OF_2019}

    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    return sum(1 for _ in tf.data.TFRecordDataset([str(path)], "ZLIB").map(parse).with_options(options))


def read_by_numpy(path: Path) -> int:
    count = 0
    for _, features in records_of_2019(path):
        for name in ARRAYS_OF_2019:
            np.frombuffer(features[name].bytes_list.value[0], "<f4")
        count += 1
    return count


def read_ours(records: Records, rng: np.random.Generator) -> int:
    for position in rng.permutation(len(records.index)):
        draw(records.read(position).arrays["skeleton"], SIZE)
    return len(records.index)


def measure(sides: dict[str, Callable[[], int]], rounds: int) -> dict[str, float]:
    """Median CPU-seconds a sample of each side, which take turns; an unmeasured round warms the cache."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, read in sides.items():
            began = time.process_time()
            count = read()
            if turn:
                seconds[name].append((time.process_time() - began) / count)
    return {name: statistics.median(found) for name, found in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=2, help="six gestures each")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--texture", type=float, default=40.0, help="of the wall behind people [gray levels]")
    parser.add_argument("--grain", type=float, default=0.5, help="noise of the sensors at 80x80 [gray levels]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, rng = Path(name), np.random.default_rng(0)
        sequences = [furnish(one, options.texture, options.grain) for one in film(folder / "raw", options.people)]
        import_tensorflow()  # not before: the processes that film import this file
        old = folder / "2019.tfrecord"
        write_as_2019(old, sequences)
        sides: dict[str, Callable[[], int]] = {
            "2019, tf.data": lambda: read_by_tf_data(old),
            "2019, NumPy": lambda: read_by_numpy(old),
        }
        size = dict.fromkeys(sides, old.stat().st_size)
        for layout in TARGETS:
            records = Records(write_shards(folder / layout, sequences, layout))
            sides[layout] = lambda records=records: read_ours(records, rng)
            size[layout] = int(records.index["size"].sum())
        seconds = measure(sides, options.rounds)
    report(sequences, size, seconds)


def report(sequences: list[Sequence], size: dict[str, int], seconds: dict[str, float]) -> None:
    frames = statistics.mean(one.length for one in sequences)
    print(f"{len(sequences)} gestures of {frames:.0f} frames on average, {SIZE}x{SIZE}; skeleton pictures included")
    print(f"{'':16}{'kB/sample':>10}{'/ 2019':>8}{'target':>9}{'CPU ms':>9}{'x 2019':>8}{'target':>9}")
    base = min(value for name, value in seconds.items() if name.startswith("2019"))
    for name, value in seconds.items():
        bytes_ratio, speed = size[name] / size["2019, NumPy"], base / value
        fast, small = TARGETS.get(name, ("", ""))
        targets = (f"<= {small}", f">= {fast}") if name in TARGETS else ("", "")
        print(
            f"{name:16}{size[name] / len(sequences) / 1e3:>10.0f}{bytes_ratio:>8.2f}{targets[0]:>9}"
            f"{1e3 * value:>9.2f}{speed:>8.1f}{targets[1]:>9}"
        )


if __name__ == "__main__":
    main()
