"""What `gpu.py` and `tests/gpu` run in processes of their own; each prints one line of JSON.

    python benchmarks/gpu_inside.py losses smnet float16 --image 40
    python benchmarks/gpu_inside.py times smnet float32 --image 80 --clips 16 --repeats 20
    python benchmarks/gpu_inside.py hold --leave 6000

They compute on the first GPU that TensorFlow sees, and on the CPU where `CUDA_VISIBLE_DEVICES` hides it.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gesture.base.tensorflow import import_tensorflow

STEPS = 3
MATRIX = {False: 8192, True: 1024}  # of the matrix product: on a GPU, on a CPU


def prepared(precision: str) -> str:
    """Threads, determinism and TF32 as a session has them; returns the precision that networks are built with."""
    import_tensorflow()
    import tensorflow as tf

    from gesture.networks.layers.runtime import pin

    pin(1)
    tf.random.set_seed(1)
    tf.config.experimental.enable_tensor_float_32_execution(precision == "tf32")
    return "float32" if precision == "tf32" else precision


def losses(options: argparse.Namespace) -> dict[str, Any]:
    """Losses of the first steps: the first sees the forward pass alone, the others gradients and updates too.

    Nothing is dropped, so that precisions can be compared.
    """
    precision = prepared(options.precision)
    import tensorflow as tf
    from made_up_steps import batch_of, made_up, trainer, training_step, without_dropout

    kind = without_dropout(made_up(options.image)[options.kind])
    network, optimiser = trainer(kind, precision, options.gradient_checkpointing)
    batch = {name: tf.constant(value) for name, value in batch_of(kind, options.clips).items()}
    step = training_step(network, optimiser, batch)
    return {"losses": [float(step(batch)) for _ in range(STEPS)]}


def times(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of a step with always the same and with changing numbers of clips, and of a matrix product."""
    precision = prepared(options.precision)
    import tensorflow as tf
    from made_up_steps import batch_of, made_up, trainer, training_step

    kind = made_up(options.image)[options.kind]
    network, optimiser = trainer(kind, precision, options.gradient_checkpointing)
    arrays = batch_of(kind, options.clips)
    step = training_step(network, optimiser, arrays)

    def batch(count: int) -> dict[str, tf.Tensor]:
        return {name: tf.constant(value) for name, value in batch_of(kind, count).items()}

    same = batch(options.clips)
    began = time.perf_counter()
    float(step(same))
    first = time.perf_counter() - began
    fixed = [_timed(lambda: float(step(same))) for _ in range(options.repeats)]
    counts = np.random.default_rng(0).integers(max(1, options.clips - 4), options.clips + 5, options.repeats)
    changing = [_timed(lambda one=one: float(step(one))) for one in map(batch, map(int, counts))]
    size = MATRIX[bool(tf.config.list_physical_devices("GPU"))]
    a, b = (tf.cast(tf.random.normal((size, size)), precision) for _ in range(2))
    multiply = tf.function(lambda: tf.reduce_sum(tf.cast(tf.matmul(a, b), tf.float32)))
    float(multiply())
    product = statistics.median(_timed(lambda: float(multiply())) for _ in range(max(3, options.repeats)))
    return {
        "first": first,
        "fixed": statistics.median(fixed),
        "varying": sum(changing) * options.clips / float(sum(counts)),
        "clips": options.clips,
        "multiply_adds": network.multiply_adds,
        "product_rate": 2 * size**3 / product,
    }


def other(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of the rgb encoder's step, ours and in torch, channels last; no torch: null."""
    prepared(options.precision)
    import tensorflow as tf
    from compute import torch_encoder, training_step
    from made_up_steps import batch_of, made_up, trainer

    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    kind = made_up(options.image)["smnet"]
    network, _ = trainer(kind)
    encoder, pictures = network.encoders[0], tf.constant(batch_of(kind, options.clips)["rgb"])
    ours = training_step(lambda: encoder(pictures, training=True), encoder.trainable_variables)
    theirs = torch_encoder(options.clips, kind.settings.widths, kind.image, on_gpu, options.precision == "tf32")
    found = {}
    for name, side in (("ours", ours), ("torch", theirs)):
        if side is not None:
            side()
            found[name] = statistics.median(_timed(side) for _ in range(options.repeats))
    return {"ours": found["ours"], "torch": found.get("torch")}


def feed(options: argparse.Namespace) -> dict[str, Any]:
    """Clips that the input side alone makes in a second, from random records."""
    prepared("float32")
    from made_up_records import noise, write_shards

    from gesture.config.settings import Stage, Training
    from gesture.convert.reader import Records
    from gesture.inputs.batch import Inputs
    from gesture.inputs.pipeline import training_batches
    from gesture.networks.smnet import SMnetSettings

    with tempfile.TemporaryDirectory() as name:
        lengths = np.random.default_rng(0).integers(40, 81, 16)
        sequences = [noise(number, int(length)) for number, length in enumerate(lengths)]
        records = Records(write_shards(Path(name) / "records", sequences, "lean"))
        inputs = Inputs.made(SMnetSettings().pictures(("rgb", "depth", "mask", "skeleton")))
        training = Training(stages=[Stage(steps=1, learning_rate=0.1)], batch_size=4)
        batches = iter(training_batches(records, np.arange(16), inputs, training, 1, range(options.repeats + 1)))
        next(batches)
        began, clips = time.perf_counter(), 0
        for batch in batches:
            clips += int(batch["clips"].numpy().sum())
        return {"clips_per_second": clips / (time.perf_counter() - began)}


def hold(options: argparse.Namespace) -> dict[str, Any]:
    """Takes the GPU's memory but for so many MB, says so, and keeps it until its standard input is closed."""
    import_tensorflow()
    import tensorflow as tf

    held = []
    if tf.config.list_physical_devices("GPU"):
        from gesture.base.hardware import hardware

        whole = hardware().gpus[0].memory_mb or 0
        piece = 256
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        try:
            for _ in range(max(0, whole - options.leave) // piece):
                held.append(tf.zeros((piece, 2**20), tf.uint8))
        except tf.errors.ResourceExhaustedError:
            pass
    print(json.dumps({"held_mb": 256 * len(held)}), flush=True)
    sys.stdin.read()
    raise SystemExit


def _timed(side: Callable[[], Any]) -> float:
    began = time.perf_counter()
    side()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("losses", "times", "other", "feed", "hold"))
    parser.add_argument("kind", nargs="?", default="smnet")
    parser.add_argument("precision", nargs="?", default="float32")
    parser.add_argument("--image", type=int, default=80, help="px of the clips; 0 = tiny networks")
    parser.add_argument("--clips", type=int, default=4, help="clips or sequences of a step")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--leave", type=int, default=0, metavar="MB")
    options = parser.parse_args()
    print(json.dumps(globals()[options.what](options)))


if __name__ == "__main__":
    main()
