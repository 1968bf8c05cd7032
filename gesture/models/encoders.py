"""Clip encoders: 16 frames of one modality become one feature vector (C3D, Tran et al. 2015)."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gesture.models.blocks import BatchNorm, dense, dropout, glorot_uniform

FRAMES = 16  # of a clip
CONVOLUTIONS = ("1", "2", "3a", "3b", "4a", "4b", "5a", "5b")
POOL_AFTER = {"1": (1, 2, 2), "2": (2, 2, 2), "3b": (2, 2, 2), "4b": (2, 2, 2)}
LAST_POOL = (2, 2, 2)


class ConvStack(keras.Layer):
    """3x3x3 convolutions, each with batch norm and ReLU, between max pools; the first names of `CONVOLUTIONS`.

    Args:
        widths: channels of each convolution.
        norm: makes a batch norm.
        rng: source of the initialisers' seeds.
    """

    def __init__(self, widths: Sequence[int], norm: Callable[[], BatchNorm], rng: np.random.Generator):
        super().__init__()
        self.names = CONVOLUTIONS[: len(widths)]
        self.convolutions = [
            keras.layers.Conv3D(
                width, 3, padding="same", kernel_initializer=glorot_uniform(rng), bias_initializer=glorot_uniform(rng)
            )
            for width in widths
        ]
        self.norms = [norm() for _ in widths]

    def build(self, shape: tuple[Any, ...]) -> None:
        """Creates the variables for clips `(N, 16, h, w, channels)`."""
        self.multiply_adds = 0
        size, channels = list(shape[1:4]), shape[4]
        for name, convolution, norm in zip(self.names, self.convolutions, self.norms, strict=True):
            convolution.build((None, *size, channels))
            self.multiply_adds += math.prod(size) * 27 * channels * convolution.filters
            channels = convolution.filters
            norm.build((None, *size, channels))
            size = pooled(size, POOL_AFTER.get(name, (1, 1, 1)))
        self.output_size = (*pooled(size, LAST_POOL), channels)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Turns clips `(N, 16, h, w, channels)` into `(N, *output_size)`."""
        for name, convolution, norm in zip(self.names, self.convolutions, self.norms, strict=True):
            x = tf.nn.relu(norm(convolution(x), training=training))
            if name in POOL_AFTER:
                x = tf.nn.max_pool3d(x, POOL_AFTER[name], POOL_AFTER[name], "SAME")
        return tf.nn.max_pool3d(x, LAST_POOL, LAST_POOL, "SAME")


class ClipEncoder(keras.Layer):
    """A convolution stack and its head: dropout, dense, batch norm, leaky ReLU.

    Args:
        stack: the convolutions.
        units: features of a clip.
        rate: dropped before the dense layer.
        norm: the head's batch norm.
        rng: source of seeds.
    """

    def __init__(self, stack: ConvStack, units: int, rate: float, norm: BatchNorm, rng: np.random.Generator):
        super().__init__()
        self.stack = stack
        self.drop = dropout(rate, rng)
        self.dense = dense(units, rng)
        self.norm = norm

    def build(self, shape: tuple[Any, ...]) -> None:
        """Creates the variables for clips `(N, 16, h, w, channels)`."""
        self.stack.build(shape)
        self.inner_size = math.prod(self.stack.output_size)
        self.dense.build((None, self.inner_size))
        self.norm.build((None, self.dense.units))
        self.multiply_adds = self.stack.multiply_adds + self.inner_size * self.dense.units

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Turns clips `(N, 16, h, w, channels)` into features `(N, units)`."""
        x = tf.reshape(self.stack(x, training=training), (-1, self.inner_size))
        x = self.dense(self.drop(x, training=training))
        return tf.nn.leaky_relu(self.norm(x, training=training), alpha=0.2)


def pooled(size: Sequence[int], pool: Sequence[int]) -> list[int]:
    """Size after a pool with padding, rounded up."""
    return [math.ceil(extent / step) for extent, step in zip(size, pool, strict=True)]
