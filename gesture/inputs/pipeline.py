"""tf.data over batches that NumPy has made: starts at any step at once, shuffles an index and no buffer."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from gesture.config.settings import Training
from gesture.convert.reader import Records
from gesture.inputs.batch import CLIP, Inputs, load_batch
from gesture.inputs.order import batch_at

# Batches made ahead. One hides the reading behind the step; each more would cost 50 MB at batch 4.
PREFETCH = 1


def training_batches(
    records: Records, positions: np.ndarray, inputs: Inputs, training: Training, seed: int, steps: range
) -> tf.data.Dataset:
    """The batches of these steps (counted from the start of stage 1), in order.

    Args:
        records: where the sequences are.
        positions: the training set, rows of the index.
        inputs: what the network is fed.
        training: batch size and augmentation.
        seed: of order and augmentation.
        steps: steps to yield.
    """

    def make() -> Iterator[dict[str, np.ndarray]]:
        for step in steps:
            chosen = positions[batch_at(step, len(positions), training.batch, seed)]
            rng = np.random.default_rng([seed, step, 1])
            yield load_batch(records, chosen, inputs, training.augmentation, rng)

    return _dataset(make, records.manifest["size"], inputs, mixed=training.augmentation.mixup > 0)


def evaluation_batches(records: Records, positions: np.ndarray, inputs: Inputs, batch: int) -> tf.data.Dataset:
    """The sequences at these positions, once, in order, unchanged."""

    def make() -> Iterator[dict[str, np.ndarray]]:
        for start in range(0, len(positions), batch):
            yield load_batch(records, positions[start : start + batch], inputs)

    return _dataset(make, records.manifest["size"], inputs)


def signature(size: int, inputs: Inputs, mixed: bool = False) -> dict[str, tf.TensorSpec]:
    """Shapes and types of a batch.

    Args:
        size: height and width of the records' images [px].
        inputs: what the network is fed.
        mixed: whether partners are named, see `gesture.networks.layers.mixup`.
    """
    found = {name: tf.TensorSpec((None,), tf.int32) for name in ("length", "clips", "label")}
    if mixed:
        found |= {"partner": tf.TensorSpec((None,), tf.int32), "share": tf.TensorSpec((None,), tf.float32)}
    for name in inputs.names:
        if name == "skeleton":
            found[name] = tf.TensorSpec((None, None, 20, 9), tf.float32)
        elif name == "person":
            found[name] = tf.TensorSpec((None, inputs.frames, inputs.person, inputs.person, 2), tf.float32)
        else:
            found[name] = tf.TensorSpec((None, CLIP, size, size, 1 if name == "depth" else 3), tf.float32)
    return found


def _dataset(
    make: Callable[[], Iterator[dict[str, np.ndarray]]], size: int, inputs: Inputs, mixed: bool = False
) -> tf.data.Dataset:
    options = tf.data.Options()
    # Autotune's threads make tearing an iterator down slow and gain nothing over a fixed prefetch.
    options.autotune.enabled = False
    options.deterministic = True
    options.threading.private_threadpool_size = 1
    return (
        tf.data.Dataset.from_generator(make, output_signature=signature(size, inputs, mixed))
        .prefetch(PREFETCH)
        .with_options(options)
    )
