"""tf.data over batches that NumPy has made: starts at any step at once, shuffles an index and no buffer."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf

from gesture.base.streams import Stream
from gesture.config.settings import Training
from gesture.convert.reader import Records
from gesture.inputs.batch import BatchPlan, Inputs
from gesture.inputs.feed import Feed
from gesture.inputs.kind import Context
from gesture.inputs.order import batch_at

Batch = dict[str, tf.Tensor]

# Batches made ahead. One hides the reading behind the step; each more would cost 50 MB at batch 4.
PREFETCH = 1


def training_batches(
    records: Records,
    positions: np.ndarray,
    inputs: Inputs,
    training: Training,
    seed: int,
    steps: range,
    workers: int = 1,
) -> tf.data.Dataset:
    """The batches of these steps (counted from the start of stage 1), in order.

    Args:
        records: where the sequences are.
        positions: the training set, rows of the index.
        inputs: what the network is fed.
        training: batch size and augmentation.
        seed: of order and augmentation.
        steps: steps to yield.
        workers: threads that make them; they change no byte.
    """
    feed = Feed(records, inputs, training.augmentation, workers)

    def plans() -> Iterator[BatchPlan]:
        for step in steps:
            chosen = positions[batch_at(step, len(positions), training.batch_size, seed)]
            rng = np.random.default_rng(Stream.AUGMENTATION.entropy(seed, step))
            yield BatchPlan.of(chosen, training.augmentation, rng)

    def make() -> Iterator[dict[str, np.ndarray]]:
        return feed.batches(plans())

    return _dataset(make, records.manifest["size"], inputs, mixed=training.augmentation.mixup > 0)


def evaluation_batches(
    records: Records, positions: np.ndarray, inputs: Inputs, batch: int, workers: int = 1
) -> tf.data.Dataset:
    """The sequences at these positions, once, in order, unchanged."""
    feed = Feed(records, inputs, workers=workers)

    def make() -> Iterator[dict[str, np.ndarray]]:
        starts = range(0, len(positions), batch)
        return feed.batches(BatchPlan.of(positions[start : start + batch]) for start in starts)

    return _dataset(make, records.manifest["size"], inputs)


def copied_ahead(batches: Iterable[Batch], device: str | None) -> Iterator[Batch]:
    """The same batches, each copied to a device while the one before is computed there.

    Integers stay: TensorFlow computes them on the host, and would copy them back.

    Args:
        batches: in the host's memory.
        device: such as `GPU:0`; None leaves all where they are.
    """
    if device is None:
        yield from batches
        return
    coming = None
    for batch in batches:
        with tf.device(device):
            copied = {name: tf.identity(x) if x.dtype.is_floating else x for name, x in batch.items()}
        if coming is not None:
            yield coming
        coming = copied
    if coming is not None:
        yield coming


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
    for kind in inputs.kinds:
        found[kind.name] = tf.TensorSpec((None, *kind.shape(Context(size))), kind.dtype)
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
