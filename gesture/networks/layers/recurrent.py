"""Bidirectional LSTM whose cell attends to its last outputs (attention cell of TensorFlow 1's contrib)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gesture.networks.layers.blocks import dropout, glorot_normal
from gesture.networks.layers.mask import valid_steps


class AttentionCell(keras.Layer):
    """One step of the LSTM with attention over a memory of its own outputs.

    State, gates and attention are float32; in mixed precision the products alone compute in the half type.

    Args:
        units: width U of state and output.
        memory: number of past outputs M that are kept.
        rng: source of the initialisers' seeds.
    """

    def __init__(self, units: int, memory: int, rng: np.random.Generator):
        self.product_dtype = keras.config.dtype_policy().compute_dtype
        super().__init__(dtype="float32")
        self.units = units
        self.memory = memory
        self.rng = rng
        self.state_size = [units, units, units, (memory, units)]
        self.output_size = units

    def build(self, shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs `(B, F)`; the LSTM sees 2U numbers mixed from input and attention."""
        u, mixed = self.units, 2 * self.units
        self.mix = self._linear("mix", shape[-1] + u, mixed)
        self.gates = self._linear("gates", mixed + u, 4 * u)
        self.query = self._linear("query", 2 * u, u)
        self.project = self._linear("project", 2 * u, u)
        # The leading axes are those of the 1x1 convolution that this product was in 2019's checkpoints.
        self.key_kernel = self.add_weight(name="key", shape=(1, 1, u, u), initializer=glorot_normal(self.rng))
        self.score_vector = self.add_weight(name="score", shape=(u,), initializer=glorot_normal(self.rng))

    def _linear(self, name: str, inputs: int, outputs: int) -> list[keras.Variable]:
        kernel = self.add_weight(name=f"{name}_kernel", shape=(inputs, outputs), initializer=glorot_normal(self.rng))
        bias = self.add_weight(name=f"{name}_bias", shape=(outputs,), initializer="zeros")
        return [kernel, bias]

    def get_initial_state(self, batch_size: tf.Tensor) -> list[tf.Tensor]:
        """Zeros: cell, hidden, attention `(B, U)`, memory `(B, M, U)`."""
        vectors = [tf.zeros((batch_size, self.units)) for _ in range(3)]
        return [*vectors, tf.zeros((batch_size, self.memory, self.units))]

    def call(self, x: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Takes input `(B, F)` and the state; returns output `(B, U)` and the new state."""
        cell, hidden, attention, memory = states
        mixed = self._apply(self.mix, x, attention)
        write, candidate, forget, read = tf.split(self._apply(self.gates, mixed, hidden), 4, axis=-1)
        cell = tf.sigmoid(forget + 1) * cell + tf.sigmoid(write) * tf.tanh(candidate)
        hidden = tf.sigmoid(read) * tf.tanh(cell)

        keys = self._product(partial(tf.einsum, "bmu,uv->bmv"), memory, self.key_kernel[0, 0])
        query = self._apply(self.query, cell, hidden)[:, None]
        scores = tf.reduce_sum(self.score_vector * tf.tanh(keys + query), axis=-1)
        # Slots not yet written take part as zeros, as in 2019.
        attention = tf.reduce_sum(tf.nn.softmax(scores)[..., None] * memory, axis=1)

        output = self._apply(self.project, hidden, attention)
        memory = tf.concat([memory[:, 1:], output[:, None]], axis=1)
        return output, [cell, hidden, attention, memory]

    def _apply(self, linear: list[keras.Variable], left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
        kernel, bias = linear
        return self._product(tf.matmul, tf.concat([left, right], axis=-1), kernel) + bias

    def _product(self, multiply: Callable[..., tf.Tensor], left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
        return tf.cast(multiply(tf.cast(left, self.product_dtype), tf.cast(right, self.product_dtype)), tf.float32)


class BidirectionalAttention(keras.Layer):
    """Attention cells over the valid steps of a sequence, forwards and backwards.

    Args:
        units: width U per direction.
        memory: past outputs that a cell attends to.
        rate: dropped of inputs and outputs of the cells, with a fresh mask each step.
        always: dropout also at evaluation, as in 2019.
        rng: source of seeds.
    """

    def __init__(self, units: int, memory: int, rate: float, always: bool, rng: np.random.Generator):
        super().__init__(dtype="float32")
        self.always = always
        self.cells = [AttentionCell(units, memory, rng) for _ in range(2)]
        self.loops = [
            keras.layers.RNN(cell, return_sequences=True, zero_output_for_mask=True, dtype="float32")
            for cell in self.cells
        ]
        self.input_drops = [dropout(rate, rng) for _ in range(2)]
        self.output_drops = [dropout(rate, rng) for _ in range(2)]

    def build(self, shape: tuple[Any, ...]) -> None:
        """Creates the variables for features `(B, C, F)`."""
        for loop in self.loops:
            loop.build((None, None, shape[-1]))
        self.multiply_adds = sum(_multiply_adds(cell) for cell in self.cells)

    def call(self, x: tf.Tensor, steps: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Turns features `(B, C, F)` with `steps` valid ones into `(B, C, 2U)`, zero past the end."""
        dropping = training or self.always
        forward = self._run(0, x, steps, dropping)
        backward = self._run(1, tf.reverse_sequence(x, steps, seq_axis=1), steps, dropping)
        return tf.concat([forward, tf.reverse_sequence(backward, steps, seq_axis=1)], axis=-1)

    def _run(self, direction: int, x: tf.Tensor, steps: tf.Tensor, dropping: bool) -> tf.Tensor:
        x = self.input_drops[direction](x, training=dropping)
        x = self.loops[direction](x, mask=valid_steps(steps, tf.shape(x)[1]))
        # The cell's memory keeps outputs before dropout, hence dropping after the loop is the same.
        return self.output_drops[direction](x, training=dropping)


def _multiply_adds(cell: AttentionCell) -> int:
    """Multiply-adds of one step: every kernel once, the key kernel once per slot."""
    kernels = [cell.mix[0], cell.gates[0], cell.query[0], cell.project[0]]
    return sum(int(np.prod(k.shape)) for k in kernels) + cell.memory * cell.units**2
