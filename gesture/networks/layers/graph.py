"""Convolution over the graph of joints and over time."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gesture.networks.layers.blocks import BatchNorm, dense, dropout, glorot_uniform
from gesture.networks.layers.motion import PARENTS
from gesture.networks.parts import JOINTS
from gesture.networks.stgcn import StgcnSettings


class GraphBlock(keras.Layer):
    """Mixes joints along three graphs, then frames, and adds the input (Yan et al. 2018).

    Each graph is fixed (each joint, its parent, the mean of its children) plus learned weights between any two
    joints, zero at first (Shi et al. 2019): hands may look at each other.

    Args:
        width: channels out.
        stride: of time.
        settings: sizes.
        rng: source of seeds.
    """

    def __init__(self, width: int, stride: int, settings: StgcnSettings, rng: np.random.Generator):
        super().__init__()
        self.width, self.stride = width, stride
        self.mix = dense(width, rng)
        self.norms = [BatchNorm(settings.batch_norm_momentum) for _ in range(2)]
        self.over_time = keras.layers.Conv2D(
            width,
            (settings.kernel, 1),
            strides=(stride, 1),
            padding="same",
            kernel_initializer=glorot_uniform(rng),
        )
        self.shortcut = dense(width, rng)
        self.drop = dropout(settings.dropout, rng)

    def build(self, shape: tuple[Any, ...]) -> None:
        """Creates the variables for `(B, F, 20, C)`."""
        self.mix.build((*shape[:-1], 3 * shape[-1]))
        self.shortcut.build(shape)
        inner = (*shape[:-1], self.width)
        for layer in (*self.norms, self.over_time):
            layer.build(inner)
        self.learned = self.add_weight(name="learned", shape=(3, JOINTS, JOINTS), initializer="zeros")

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Turns `(B, F, 20, C)` into `(B, ceil(F / stride), 20, width)`."""
        graphs = tf.constant(fixed_graphs(), self.compute_dtype) + self.learned
        neighbours = tf.einsum("gvw,bfwc->bfvgc", graphs, x)
        y = self.mix(tf.reshape(neighbours, (-1, x.shape[1], JOINTS, 3 * x.shape[-1])))
        y = self.drop(tf.nn.relu(self.norms[0](y, training=training)), training=training)
        y = self.norms[1](self.over_time(y), training=training)
        return tf.nn.relu(y + self.shortcut(x[:, :: self.stride]))


def fixed_graphs() -> np.ndarray:
    """Each joint itself, its parent, the mean of its children: `(3, 20, 20)` float32, rows say what a joint sees."""
    inward = np.zeros((JOINTS, JOINTS), np.float32)
    for joint, parent in enumerate(PARENTS):
        inward[joint, parent] = joint != parent
    outward = inward.T / np.maximum(inward.sum(axis=0), 1)[:, None]
    return np.stack([np.eye(JOINTS, dtype=np.float32), inward, outward])
