"""Self-attention over the frames of a sequence."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gesture.networks.layers.blocks import dense, dropout
from gesture.networks.transformer import TransformerSettings


class AttentionBlock(keras.Layer):
    """Attention of every frame to all, then two dense layers, each normalised before and added to its input.

    Args:
        settings: sizes.
        rng: source of seeds.
    """

    def __init__(self, settings: TransformerSettings, rng: np.random.Generator):
        super().__init__()
        width = settings.width
        self.heads = settings.heads
        self.norms = [keras.layers.LayerNormalization() for _ in range(2)]
        self.queries_keys_values = dense(3 * width, rng)
        self.joined = dense(width, rng)
        self.wide, self.narrow = dense(2 * width, rng), dense(width, rng)
        self.drops = [dropout(settings.dropout, rng) for _ in range(2)]

    def build(self, shape: tuple[Any, ...]) -> None:
        """Creates the variables for `(B, F, width)`."""
        for layer in (*self.norms, self.queries_keys_values, self.joined, self.wide):
            layer.build(shape)
        self.narrow.build((*shape[:-1], self.wide.units))

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Keeps the shape `(B, F, width)`."""
        x = x + self.drops[0](self._attention(self.norms[0](x)), training=training)
        y = self.narrow(tf.nn.gelu(self.wide(self.norms[1](x))))
        return x + self.drops[1](y, training=training)

    def _attention(self, x: tf.Tensor) -> tf.Tensor:
        frames, width = x.shape[1:]
        parts = tf.reshape(self.queries_keys_values(x), (-1, frames, 3, self.heads, width // self.heads))
        queries, keys, values = tf.unstack(tf.transpose(parts, (2, 0, 3, 1, 4)))
        scores = tf.matmul(queries, keys, transpose_b=True) / (width // self.heads) ** 0.5
        weights = tf.nn.softmax(tf.cast(scores, tf.float32))
        mixed = tf.transpose(tf.matmul(tf.cast(weights, values.dtype), values), (0, 2, 1, 3))
        return self.joined(tf.reshape(mixed, (-1, frames, width)))
