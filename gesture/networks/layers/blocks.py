"""Building bricks of the networks.

Every layer draws the seeds of its initialisers and dropouts from the NumPy generator it is given, so the
initial weights are a pure function of one seed and of the order of construction.

What they compute in is Keras' policy at their construction (see `gesture.networks.layers.build`): in mixed precision
convolutions and products in a half type, all variables in float32.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf


def draw_seed(rng: np.random.Generator) -> int:
    """The next seed for one initialiser or dropout."""
    return int(rng.integers(2**31 - 1))


def glorot_uniform(rng: np.random.Generator) -> keras.initializers.Initializer:
    """Uniform initialiser of variance 2 / (fan in + fan out)."""
    return keras.initializers.GlorotUniform(seed=draw_seed(rng))


def glorot_normal(rng: np.random.Generator) -> keras.initializers.Initializer:
    """Truncated normal initialiser of variance 2 / (fan in + fan out)."""
    return keras.initializers.GlorotNormal(seed=draw_seed(rng))


def dropout(rate: float, rng: np.random.Generator) -> keras.layers.Dropout:
    """Dropout whose mask depends only on the state of its seed generator."""
    return keras.layers.Dropout(rate, seed=draw_seed(rng))


def dense(units: int, rng: np.random.Generator) -> keras.layers.Dense:
    """Linear layer, Glorot normal."""
    return keras.layers.Dense(units, kernel_initializer=glorot_normal(rng))


def logits(classes: int, rng: np.random.Generator) -> keras.layers.Dense:
    """The last linear layer, in float32 whatever the others compute in: the loss would see every rounding."""
    return keras.layers.Dense(classes, kernel_initializer=glorot_normal(rng), dtype="float32")


class BatchNorm(keras.Layer):
    """Batch norm over all axes but the last; moving statistics keep the population variance.

    The fused operation is two to four times faster on a CPU than separate moments (Keras' way) and keeps half the
    intermediates. Both of TensorFlow's CPU kernels sum a million values one after the other, which is off by
    up to 1 %; to reproduce 2019's numbers more closely than 1e-4 the sums must therefore be the same ones.

    In mixed precision input and output are of the half type, everything between them is float32.

    Args:
        momentum: part of the moving statistics that survives a step.
        train_affine: whether scale and shift are trained.
        fused: False sums as the 2019 program did.
    """

    epsilon = 1e-3

    def __init__(self, momentum: float, train_affine: bool = True, fused: bool = True):
        super().__init__()
        self.momentum = momentum
        self.train_affine = train_affine
        self.fused = fused

    def build(self, shape: tuple[Any, ...]) -> None:
        """Creates gamma, beta and the moving statistics, `(C,)` float32."""
        self.gamma = self._channels(shape, "gamma", "ones", self.train_affine)
        self.beta = self._channels(shape, "beta", "zeros", self.train_affine)
        self.moving_mean = self._channels(shape, "moving_mean", "zeros", False)
        self.moving_variance = self._channels(shape, "moving_variance", "ones", False)

    def _channels(self, shape: tuple[Any, ...], name: str, initializer: str, trainable: bool) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=(shape[-1],),
            initializer=initializer,
            trainable=trainable,
            autocast=False,
            aggregation="mean",  # over several devices, each with statistics of its own part
        )

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Normalises `(..., C)`; in training by the batch's statistics, which also move the moving ones."""
        if not training:
            return self._normalised(x, self.moving_mean, self.moving_variance)
        y, mean, variance = self.by_batch(x)
        self.move(mean, variance)
        return y

    def by_batch(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Normalises by the batch's own mean and variance, which come back with it; changes nothing."""
        if self.fused:
            return self._fused(x)
        mean, variance = tf.nn.moments(tf.cast(x, tf.float32), axes=list(range(len(x.shape) - 1)))
        return self._normalised(x, mean, variance), mean, variance

    def move(self, mean: tf.Tensor, variance: tf.Tensor) -> None:
        """Moves the moving statistics towards those of a batch, `(C,)` float32."""
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * batch)

    def _normalised(self, x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
        return tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, self.epsilon)

    def _fused(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Output, mean and population variance by the operation for 4-D images."""
        width = x.shape[-2] if len(x.shape) > 2 else 1
        images = tf.reshape(x, (-1, width, 1, x.shape[-1]))
        gamma, beta = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(images, gamma, beta, epsilon=self.epsilon)
        count = tf.cast(tf.shape(images)[0] * width, variance.dtype)
        return tf.reshape(y, tf.shape(x)), mean, variance * (count - 1) / count  # it returns the sample variance
