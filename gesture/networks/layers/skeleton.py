"""Networks on the joints of the skeleton, without images: temporal convolutions, joint graph, attention over frames."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gesture.base.errors import GestureError
from gesture.networks.layers.attention import AttentionBlock
from gesture.networks.layers.blocks import dense, dropout, logits
from gesture.networks.layers.graph import GraphBlock
from gesture.networks.layers.mixup import mixed
from gesture.networks.layers.motion import by_joint, resampled_joints, stream
from gesture.networks.layers.network import GestureNetwork
from gesture.networks.layers.temporal import TemporalConvolutions
from gesture.networks.parts import JOINTS, channels_of
from gesture.networks.stgcn import StgcnSettings
from gesture.networks.tcn import TcnSettings
from gesture.networks.transformer import TransformerSettings

SkeletonSettings = TcnSettings | StgcnSettings | TransformerSettings


class SkeletonNetwork(GestureNetwork):
    """One row of logits per sequence, from the world coordinates of its joints.

    Args:
        settings: sizes.
        modalities: must be `skeleton` alone.
        classes: number of classes K.
        rng: source of all seeds.

    Raises:
        GestureError: the modalities are not the skeleton alone.
    """

    def __init__(self, settings: SkeletonSettings, modalities: Sequence[str], classes: int, rng: np.random.Generator):
        super().__init__()
        if list(modalities) != ["skeleton"]:
            raise GestureError(
                f"{settings.model}: modalities are {', '.join(modalities)}; this network uses skeleton alone"
            )
        self.settings: Any = settings
        self._make(rng)
        self.drop = dropout(settings.dropout, rng)
        self.logits = logits(classes, rng)
        self.logits.build((None, settings.width))
        self.built = True

    @abstractmethod
    def _make(self, rng: np.random.Generator) -> None:
        """Creates the layers of `_summary`."""

    @abstractmethod
    def _summary(self, joints: tf.Tensor, training: bool) -> tf.Tensor:
        """Turns joints `(B, F, 20, 3)` into `(B, width)`."""

    def call(self, batch: Mapping[str, tf.Tensor], training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns logits `(B, 1, K)` and ones `(B,)`."""
        joints = mixed(resampled_joints(batch["skeleton"], batch["length"], self.settings.frames), batch)
        x = self.drop(self._summary(joints, training), training=training)
        return self.logits(x)[:, None], tf.ones_like(batch["length"])


class JointsNetwork(SkeletonNetwork):
    """Residual temporal convolutions over all joints' coordinates (Bai et al. 2018, here with both directions of time).

    The best single member on clean skeletons, and the cheapest.
    """

    settings: TcnSettings

    def _make(self, rng: np.random.Generator) -> None:
        self.body = TemporalConvolutions(self.settings, rng)
        self.body.build((None, self.settings.frames, channels_of(self.settings.streams)))

    def _summary(self, joints: tf.Tensor, training: bool) -> tf.Tensor:
        streams = [stream(name, joints) for name in self.settings.streams]
        return self.body(tf.concat(streams, axis=-1), training=training)


class GraphNetwork(SkeletonNetwork):
    """Graph convolutions along the bones and temporal ones along each joint (Yan et al. 2018, Shi et al. 2019).

    Shares its weights between the joints, so it errs elsewhere than the networks that see them all at once.
    """

    settings: StgcnSettings

    def _make(self, rng: np.random.Generator) -> None:
        settings = self.settings
        self.body = []
        frames, channels = settings.frames, 3 * len(settings.streams)
        for width, stride in zip(settings.widths, settings.strides, strict=True):
            block = GraphBlock(width, stride, settings, rng)
            block.build((None, frames, JOINTS, channels))
            frames, channels = -(-frames // stride), width
            self.body.append(block)

    def _summary(self, joints: tf.Tensor, training: bool) -> tf.Tensor:
        x = tf.concat([by_joint(name, joints) for name in self.settings.streams], axis=-1)
        for block in self.body:
            x = block(x, training=training)
        return tf.reduce_mean(tf.cast(x, tf.float32), axis=(1, 2))


class TransformerNetwork(SkeletonNetwork):
    """Self-attention over the frames (Vaswani et al. 2017, normalised before each part as in Xiong et al. 2020).

    Every frame sees every other at once: a third way to err.
    """

    settings: TransformerSettings

    def _make(self, rng: np.random.Generator) -> None:
        settings = self.settings
        channels = channels_of(settings.streams)
        self.entry = dense(settings.width, rng)
        self.entry.build((None, settings.frames, channels))
        self.places = self.add_weight(
            name="places", shape=(settings.frames, settings.width), initializer="zeros", trainable=True
        )
        self.body = [AttentionBlock(settings, rng) for _ in range(settings.blocks)]
        for block in self.body:
            block.build((None, settings.frames, settings.width))

    def _summary(self, joints: tf.Tensor, training: bool) -> tf.Tensor:
        streams = [stream(name, joints) for name in self.settings.streams]
        x = self.entry(tf.concat(streams, axis=-1))
        x = x + tf.cast(self.places, x.dtype)
        for block in self.body:
            x = block(x, training=training)
        return tf.reduce_mean(tf.cast(x, tf.float32), axis=1)
