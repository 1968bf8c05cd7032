"""Temporal convolutional network on the joints of the skeleton, without images."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gesture.errors import GestureError
from gesture.models.blocks import BatchNorm, dense, dropout, glorot_uniform
from gesture.models.motion import CHANNELS, resampled_joints, stream
from gesture.models.network import GestureNetwork
from gesture.models.settings import JointsSettings


class JointsNetwork(GestureNetwork):
    """One row of logits per sequence, from the world coordinates of its joints.

    Args:
        settings: sizes.
        modalities: must be `skeleton` alone.
        classes: number of classes K.
        rng: source of all seeds.

    Raises:
        GestureError: the modalities are not the skeleton alone.
    """

    def __init__(self, settings: JointsSettings, modalities: Sequence[str], classes: int, rng: np.random.Generator):
        super().__init__()
        if list(modalities) != ["skeleton"]:
            raise GestureError(f"joints: modalities are {', '.join(modalities)}; this network uses skeleton alone")
        self.settings = settings
        momentum, width, frames = settings.norm_momentum, settings.width, settings.frames
        channels = sum(CHANNELS[name] for name in settings.streams)
        self.entry = dense(width, rng)
        self.entry.build((None, frames, channels))
        self.multiply_adds = frames * channels * width
        self.blocks = []
        for _ in range(settings.blocks):
            block = ResidualBlock(width, settings.kernel, settings.dropout, momentum, rng)
            block.build((None, frames, width))
            self.multiply_adds += 2 * frames * settings.kernel * width**2
            frames = -(-frames // 2)
            self.blocks.append(block)
        self.output_norm = BatchNorm(momentum)
        self.output_norm.build((None, frames, width))
        self.drop = dropout(settings.dropout, rng)
        self.logits = dense(classes, rng)
        self.logits.build((None, width))
        self.built = True

    def call(self, batch: Mapping[str, tf.Tensor], training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns logits `(B, 1, K)` and ones `(B,)`."""
        joints = resampled_joints(batch["skeleton"], batch["length"], self.settings.frames)
        x = self.entry(tf.concat([stream(name, joints) for name in self.settings.streams], axis=-1))
        for block in self.blocks:
            x = block(x, training=training)
            x = tf.nn.max_pool1d(x, 2, 2, "SAME")
        x = tf.nn.relu(self.output_norm(x, training=training))
        x = self.drop(tf.reduce_mean(x, axis=1), training=training)
        return self.logits(x)[:, None], tf.ones_like(batch["length"])


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
