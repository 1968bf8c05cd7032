"""Clip encoders: 16 frames of one modality become one feature vector (C3D, Tran et al. 2015, or R(2+1)D, 2018)."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gesture.networks.layers.blocks import BatchNorm, dense, dropout, glorot_uniform
from gesture.networks.smnet import LAST_POOL, POOL_AFTER, layers_of, pooled


class ConvStack(keras.Layer):
    """The first of the 3-D convolutions of C3D, each with batch norm and ReLU, between max pools.

    Args:
        kind: `c3d`, or `r2plus1d`: each convolution in two halves, over space and over time.
        widths: channels of each convolution.
        norm: makes a batch norm.
        rng: source of the initialisers' seeds.
        gradient_checkpointing: backward, compute what is inside a layer again instead of keeping it (Chen et al. 2016).
    """

    def __init__(
        self,
        kind: str,
        widths: Sequence[int],
        norm: Callable[[], BatchNorm],
        rng: np.random.Generator,
        gradient_checkpointing: bool = False,
    ):
        super().__init__()
        self.gradient_checkpointing = gradient_checkpointing
        layers = layers_of(kind, widths)
        self.names = [name for name, _, _ in layers]
        self.convolutions = [
            keras.layers.Conv3D(
                width,
                kernel,
                padding="same",
                kernel_initializer=glorot_uniform(rng),
                bias_initializer=glorot_uniform(rng),
            )
            for _, kernel, width in layers
        ]
        self.norms = [norm() for _ in layers]

    def build(self, shape: tuple[Any, ...]) -> None:
        """Creates the variables for clips `(N, 16, h, w, channels)`."""
        size, channels = list(shape[1:4]), shape[4]
        for name, convolution, norm in zip(self.names, self.convolutions, self.norms, strict=True):
            convolution.build((None, *size, channels))
            channels = convolution.filters
            norm.build((None, *size, channels))
            size = pooled(size, POOL_AFTER.get(name, (1, 1, 1)))
        self.output_size = (*pooled(size, LAST_POOL), channels)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Turns clips `(N, 16, h, w, channels)` into `(N, *output_size)`."""
        for name, convolution, norm in zip(self.names, self.convolutions, self.norms, strict=True):
            pool = POOL_AFTER.get(name)
            if training and self.gradient_checkpointing:
                # The statistics come out and move here: inside, they would move twice.
                x, mean, variance = tf.recompute_grad(partial(_trained_layer, convolution, norm, pool))(x)
                norm.move(mean, variance)
            else:
                x = _pooled(tf.nn.relu(norm(convolution(x), training=training)), pool)
        return _pooled(x, LAST_POOL)


def _trained_layer(
    convolution: keras.layers.Conv3D, norm: BatchNorm, pool: tuple[int, ...] | None, x: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """One layer of a stack in training, with the batch's mean and variance; changes nothing."""
    x, mean, variance = norm.by_batch(convolution(x))
    return _pooled(tf.nn.relu(x), pool), mean, variance


def _pooled(x: tf.Tensor, pool: tuple[int, ...] | None) -> tf.Tensor:
    if pool is None:
        return x
    if x.dtype == tf.float16 and not tf.config.list_physical_devices("GPU"):
        # TensorFlow has no such kernel for CPUs; in float32 the maxima are the same.
        return tf.cast(tf.nn.max_pool3d(tf.cast(x, tf.float32), pool, pool, "SAME"), x.dtype)
    return tf.nn.max_pool3d(x, pool, pool, "SAME")


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

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Turns clips `(N, 16, h, w, channels)` into features `(N, units)`."""
        x = tf.reshape(self.stack(x, training=training), (-1, self.inner_size))
        x = self.dense(self.drop(x, training=training))
        return tf.nn.leaky_relu(self.norm(x, training=training), alpha=0.2)
