"""Temporal convolutions over one vector a frame, shared by the networks that see whole sequences."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gesture.networks.layers.blocks import BatchNorm, dense, dropout, glorot_uniform
from gesture.networks.parts import TemporalSettings


class TemporalConvolutions(keras.Layer):
    """Residual blocks that halve time, then the mean over what is left: one vector a sequence.

    Args:
        settings: sizes.
        rng: source of seeds.
    """

    def __init__(self, settings: TemporalSettings, rng: np.random.Generator):
        super().__init__()
        self.entry = dense(settings.width, rng)
        self.blocks = [
            ResidualBlock(settings.width, settings.kernel, settings.dropout, settings.batch_norm_momentum, rng)
            for _ in range(settings.blocks)
        ]
        self.output_norm = BatchNorm(settings.batch_norm_momentum)

    def build(self, shape: tuple[Any, ...]) -> None:
        """Creates the variables for `(B, frames, channels)`."""
        self.entry.build(shape)
        inner = (*shape[:-1], self.entry.units)
        for block in self.blocks:
            block.build(inner)
        self.output_norm.build(inner)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Turns `(B, frames, channels)` into `(B, width)`."""
        x = self.entry(x)
        for block in self.blocks:
            x = block(x, training=training)
            x = tf.nn.max_pool1d(x, 2, 2, "SAME")
        x = tf.nn.relu(self.output_norm(x, training=training))
        return tf.reduce_mean(tf.cast(x, tf.float32), axis=1)


class ResidualBlock(keras.Layer):
    """Two temporal convolutions, each after batch norm and ReLU, added to their input (He et al. 2016).

    Args:
        width: channels in and out.
        kernel: length of the convolutions [frames].
        rate: dropped between the convolutions.
        momentum: of the batch norms.
        rng: source of seeds.
    """

    def __init__(self, width: int, kernel: int, rate: float, momentum: float, rng: np.random.Generator):
        super().__init__()
        self.norms = [BatchNorm(momentum) for _ in range(2)]
        self.convolutions = [
            keras.layers.Conv1D(width, kernel, padding="same", kernel_initializer=glorot_uniform(rng)) for _ in range(2)
        ]
        self.drop = dropout(rate, rng)

    def build(self, shape: tuple[Any, ...]) -> None:
        """Creates the variables for `(B, frames, width)`."""
        for layer in (*self.norms, *self.convolutions):
            layer.build(shape)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Keeps the shape `(B, frames, width)`."""
        y = self.convolutions[0](tf.nn.relu(self.norms[0](x, training=training)))
        y = self.drop(tf.nn.relu(self.norms[1](y, training=training)), training=training)
        return x + self.convolutions[1](y)
