"""Several devices that share each batch, by `tf.distribute.MirroredStrategy`; with one, nothing of this is used.

After every step weights, optimiser slots and moving statistics are the same on all devices, so a checkpoint has the
form of one device's. Another number of devices sums in another order and draws other dropout masks: other bytes.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import tensorflow as tf

from gesture.catalog import INPUTS
from gesture.networks.layers.network import GestureNetwork
from gesture.networks.layers.runtime import device_names

Batch = dict[str, tf.Tensor]
Weigh = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
OF_EVERY_BATCH = ("length", "clips", "label")  # one row a sequence; of the inputs, their kinds know


class Devices:
    """The devices of a job.

    Args:
        count: how many; `gesture.networks.layers.runtime.pin` has made sure that they are there.
        padded: whether batches have the layout of 2019, see `gesture.inputs.batch.Inputs`.
    """

    def __init__(self, count: int, padded: bool) -> None:
        self.count = count
        self._padded = padded
        self._strategy = None
        if count > 1:
            # It adds up in the order of the devices; NCCL's order depends on how a node's GPUs are wired.
            reduction = tf.distribute.ReductionToOneDevice()
            self._strategy = tf.distribute.MirroredStrategy(device_names(count), cross_device_ops=reduction)

    def scope(self) -> AbstractContextManager[Any]:
        """Variables that are made inside it are on all devices."""
        return nullcontext() if self._strategy is None else self._strategy.scope()

    def prepare(self, network: GestureNetwork) -> None:
        """Gives each device its own dropout seeds; inside the scope."""
        if self._strategy is None:
            return
        for generator in network.seed_generators:
            initial = generator.state.numpy()
            generator.state = keras.Variable(
                initial,
                dtype=generator.state.dtype,
                trainable=False,
                synchronization="on_read",
                aggregation="only_first_replica",
            )

    def run(self, function: Callable[..., tf.Tensor], batch: Batch, seeds: tf.Tensor, *rates: tf.Tensor) -> tf.Tensor:
        """Runs ``function(part, seeds, weigh, *rates)`` on each device; inside tf.function.

        Args:
            function: returns its part's loss; `weigh(loss, steps)` turns the mean over the valid steps of the part
                into its share of the mean over the batch. Gradients of that add up to the gradient of the batch.
            batch: of all devices, cut in order.
            seeds: `(devices, generators, 2)`.
            rates: the same for all.

        Returns:
            The loss of the batch.
        """
        if self._strategy is None:
            return function(batch, seeds[0], lambda loss, steps: loss, *rates)

        def on_device() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            number = context.replica_id_in_sync_group
            with tf.device("CPU:0"):  # where the batch is: a device gets its part alone
                part, is_own = part_of(batch, number, self.count, self._padded)

            def weigh(loss: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
                own = tf.cast(tf.reduce_sum(steps), loss.dtype) * tf.cast(is_own, loss.dtype)
                return loss * own / context.all_reduce(tf.distribute.ReduceOp.SUM, own)

            return function(part, seeds[number], weigh, *rates)

        losses = self._strategy.run(on_device)
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)


def part_of(batch: Batch, number: tf.Tensor, count: int, padded: bool) -> tuple[Batch, tf.Tensor]:
    """The sequences of a batch that are for device ``number`` of ``count``, in order, as equal parts as there can be.

    Returns:
        The part, and whether it is the device's own. Where sequences are fewer than devices (the last batch of an
        epoch), a device without one gets its neighbour's: batch norm has no statistics of nothing.

    Raises:
        GestureError: an array of the batch is of no known kind of input.
    """
    size, clips = tf.shape(batch["label"])[0], batch["clips"]
    begin, end = size * number // count, size * (number + 1) // count
    is_own = end > begin
    end = tf.maximum(end, begin + 1)
    rows = tf.concat([[0], tf.cumsum(clips)], axis=0)

    def cut(name: str, x: tf.Tensor) -> tf.Tensor:
        if name in OF_EVERY_BATCH or INPUTS[name].rows == "sequence":
            return x[begin:end]
        if not padded:
            return x[rows[begin] : rows[end]]
        by_sequence = tf.reshape(x, (size, -1, *x.shape[1:]))
        return tf.reshape(by_sequence[begin:end, : tf.reduce_max(clips[begin:end])], (-1, *x.shape[1:]))

    return {name: cut(name, x) for name, x in batch.items()}, is_own
