"""Network on the person in depth pictures, frame by frame, alone or together with the skeleton."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gesture.base.errors import GestureError
from gesture.networks.cnn_tcn import CnnTcnSettings
from gesture.networks.layers.blocks import BatchNorm, dense, dropout, glorot_uniform, logits
from gesture.networks.layers.mixup import mixed
from gesture.networks.layers.motion import central_difference, resampled_joints, stream
from gesture.networks.layers.network import GestureNetwork
from gesture.networks.layers.temporal import TemporalConvolutions
from gesture.networks.parts import channels_of

PICTURE_CHANNELS = 3  # depth, mask, change of depth


class FramesNetwork(GestureNetwork):
    """2-D convolutions on each frame, temporal ones over them (after Donahue et al. 2015, without recurrence).

    Light enough for a CPU: a sequence costs less than a clip of C3D. With the skeleton, the modalities are joined
    early (features of a frame), late (logits) or by attention (Neverova et al. 2016 compare them for gestures).

    Args:
        settings: sizes.
        modalities: `depth` and `mask`, and `skeleton` if wanted.
        classes: number of classes K.
        rng: source of all seeds.

    Raises:
        GestureError: depth or mask is missing, or rgb is given.
    """

    def __init__(self, settings: CnnTcnSettings, modalities: Sequence[str], classes: int, rng: np.random.Generator):
        super().__init__()
        if sorted(set(modalities) - {"skeleton"}) != ["depth", "mask"]:
            raise GestureError(
                f"frames: modalities are {', '.join(modalities)}; expected depth and mask, and skeleton if wanted"
            )
        self.settings = settings
        self.pictures = PictureEncoder(settings, rng)
        self.pictures.build((None, settings.frames, settings.person, settings.person, PICTURE_CHANNELS))
        widths = [2 * settings.features]
        self.joints = None
        if "skeleton" in modalities:
            self.joints = dense(settings.features, rng)
            self.joints.build((None, settings.frames, channels_of(settings.streams)))
            widths.append(settings.features)
        if settings.fusion == "early":
            widths = [sum(widths)]
        self.bodies = [TemporalConvolutions(settings, rng) for _ in widths]
        for body, width in zip(self.bodies, widths, strict=True):
            body.build((None, settings.frames, width))
        self.drop = dropout(settings.dropout, rng)
        self.weigh = dense(1, rng) if len(widths) > 1 and settings.fusion == "attention" else None
        self.logits = [logits(classes, rng) for _ in (self.bodies if settings.fusion == "late" else [None])]
        for layer in (*self.logits, self.weigh):
            if layer is not None:
                layer.build((None, settings.width))
        self.built = True

    def call(self, batch: Mapping[str, tf.Tensor], training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns logits `(B, 1, K)` and ones `(B,)`."""
        features = [self._of_pictures(mixed(batch["person"], batch), training)]
        if self.joints is not None:
            joints = mixed(resampled_joints(batch["skeleton"], batch["length"], self.settings.frames), batch)
            features.append(self.joints(tf.concat([stream(name, joints) for name in self.settings.streams], axis=-1)))
        if self.settings.fusion == "early":
            features = [tf.concat(features, axis=-1)]
        summaries = [body(x, training=training) for body, x in zip(self.bodies, features, strict=True)]
        if self.settings.fusion == "late":
            scores = [head(self.drop(x, training=training)) for head, x in zip(self.logits, summaries, strict=True)]
            logits = tf.add_n(scores) / len(scores)
        else:
            logits = self.logits[0](self.drop(self._weighted(summaries), training=training))
        return logits[:, None], tf.ones_like(batch["length"])

    def _of_pictures(self, person: tf.Tensor, training: bool) -> tf.Tensor:
        """Features and their change, `(B, F, 2 features)`, of pictures `(B, F, S, S, 2)`: depth and mask."""
        # Over both neighbours in half metres a change is about four times smaller than the depth itself.
        moved = 4 * central_difference(person[..., :1])
        x = self.pictures(tf.concat([person, moved], axis=-1), training=training)
        return tf.concat([x, central_difference(x)], axis=-1)

    def _weighted(self, summaries: list[tf.Tensor]) -> tf.Tensor:
        """Mean of the modalities' summaries `(B, width)`, each weighted by a score of what it says."""
        if self.weigh is None:
            return summaries[0]
        stacked = tf.stack(summaries, axis=1)
        weights = tf.nn.softmax(tf.cast(self.weigh(stacked), tf.float32), axis=1)
        return tf.reduce_sum(weights * tf.cast(stacked, tf.float32), axis=1)


class PictureEncoder(keras.Layer):
    """Convolutions that halve a picture each, then a dense layer: one vector a frame.

    Args:
        settings: sizes.
        rng: source of seeds.
    """

    def __init__(self, settings: CnnTcnSettings, rng: np.random.Generator):
        super().__init__()
        self.convolutions = [
            keras.layers.Conv2D(
                width,
                3 if number else 5,
                strides=1 if number else 2,
                padding="same",
                use_bias=False,
                kernel_initializer=glorot_uniform(rng),
            )
            for number, width in enumerate(settings.widths)
        ]
        self.norms = [BatchNorm(settings.batch_norm_momentum) for _ in settings.widths]
        self.drop = dropout(settings.dropout, rng)
        self.dense = dense(settings.features, rng)

    def build(self, shape: tuple[Any, ...]) -> None:
        """Creates the variables for `(B, F, S, S, channels)`."""
        self.inputs = shape[2:]
        size, channels = shape[2], shape[4]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            convolution.build((None, size, size, channels))
            channels = convolution.filters
            norm.build((None, size, size, channels))
            size = -(-size // 2)
        self.inner = (size, size, channels)
        self.dense.build((None, math.prod(self.inner)))

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Turns pictures `(B, F, S, S, channels)` into `(B, F, features)`."""
        frames = x.shape[1]
        x = tf.reshape(x, (-1, *self.inputs))
        for number, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = tf.nn.relu(norm(convolution(x), training=training))
            if number:  # the first has a stride instead
                x = tf.nn.max_pool2d(x, 2, 2, "SAME")
        x = tf.reshape(x, (-1, math.prod(self.inner)))
        return tf.reshape(self.dense(self.drop(x, training=training)), (-1, frames, self.dense.units))
