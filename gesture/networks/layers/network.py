"""What every network offers to training and evaluation."""

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from gesture.networks.layers.mask import valid_steps
from gesture.networks.layers.mixup import mixed


class GestureNetwork(keras.Model):
    """Batch of sequences -> class logits, one row per valid step of each sequence."""

    score_divisor: Literal["own", "batch"] = "own"

    def __init__(self) -> None:
        super().__init__(dtype="float32")  # its layers have their own; Keras would round the batch
        del self.loss  # Keras' trainer, unused here, sets it to None and would hide our method

    @abstractmethod
    def call(self, batch: Mapping[str, tf.Tensor], training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns logits `(B, S, K)` float32 and the number of valid steps `(B,)` int32."""

    @property
    def pretrained_variables(self) -> list[keras.Variable]:
        """Trained variables that may start from pretrained weights and have a rate of their own."""
        return []

    @property
    def main_variables(self) -> list[keras.Variable]:
        """All other trained variables."""
        pretrained = {id(variable) for variable in self.pretrained_variables}
        return [variable for variable in self.trainable_variables if id(variable) not in pretrained]

    @property
    def seed_generators(self) -> list[keras.random.SeedGenerator]:
        """The sources of all dropout masks, in a fixed order."""
        layers = self._flatten_layers(include_self=False)
        # Keras gives a dropout of rate 0 no generator.
        return [x.seed_generator for x in layers if isinstance(x, keras.layers.Dropout) and x.rate > 0]

    def loss(
        self,
        logits: tf.Tensor,
        steps: tf.Tensor,
        labels: tf.Tensor,
        label_smoothing: float = 0.0,
        batch: Mapping[str, tf.Tensor] = MappingProxyType({}),
    ) -> tf.Tensor:
        """Mean cross-entropy of all valid steps of the batch against their sequence's label.

        Args:
            logits: `(B, S, K)` float32.
            steps: `(B,)` int32, valid steps of each sequence; long sequences weigh more.
            labels: `(B,)` integer, 0-based.
            label_smoothing: probability mass spread over all K classes.
            batch: names the partners whose labels are mixed in, if any; see `gesture.networks.layers.mixup`.
        """
        classes = logits.shape[-1]
        target = mixed(tf.one_hot(labels, classes), batch)
        target = (1 - label_smoothing) * target + label_smoothing / classes
        entropy = -tf.reduce_sum(target[:, None] * tf.nn.log_softmax(logits), axis=-1)
        valid = tf.cast(valid_steps(steps, tf.shape(logits)[1]), logits.dtype)
        return tf.reduce_sum(entropy * valid) / (tf.reduce_sum(valid) + 1e-12)

    def scores(self, logits: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        """Class scores `(B, K)` of the sequences: summed valid logits over their own or the batch's step count."""
        longest = tf.shape(logits)[1]
        valid = tf.cast(valid_steps(steps, longest), logits.dtype)
        divisor = steps[:, None] if self.score_divisor == "own" else longest
        return tf.reduce_sum(logits * valid[..., None], axis=1) / tf.cast(divisor, logits.dtype)

    def describe(self) -> dict[str, int]:
        """Sizes: all weights, trained weights, multiply-adds per clip or per sequence."""
        return {
            "parameters": _numbers(self.weights),
            "trained_parameters": _numbers(self.trainable_variables),
            "multiply_adds": self.multiply_adds,
        }

    multiply_adds = 0


def _numbers(variables: list[keras.Variable]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)
