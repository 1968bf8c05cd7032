"""SMnet: clip encoders per modality, joined over time by a bidirectional attention LSTM."""

from collections.abc import Mapping, Sequence
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from gesture.base.errors import GestureError
from gesture.networks.layers.blocks import BatchNorm, dropout, logits
from gesture.networks.layers.clips import by_sequence
from gesture.networks.layers.encoders import ClipEncoder, ConvStack
from gesture.networks.layers.network import GestureNetwork
from gesture.networks.layers.recurrent import BidirectionalAttention
from gesture.networks.smnet import CONVOLUTIONS_OF, FRAMES, STREAMS, SMnetSettings


class SMnet(GestureNetwork):
    """Logits for every clip of a sequence, from its colour, depth and skeleton pictures.

    Args:
        settings: sizes and the 2019 quirks.
        modalities: `rgb`, `depth` (times `mask`, if given too), `skeleton`, in any combination.
        classes: number of classes K.
        image_size: height and width of the images [px].
        rng: source of all seeds.
        gradient_checkpointing: the encoders compute their activations again instead of keeping them.

    Raises:
        GestureError: the modalities give no stream, or a mask without depth.
    """

    def __init__(
        self,
        settings: SMnetSettings,
        modalities: Sequence[str],
        classes: int,
        image_size: int,
        rng: np.random.Generator,
        gradient_checkpointing: bool = False,
    ):
        super().__init__()
        self.settings = settings
        self.gradient_checkpointing = gradient_checkpointing
        self.score_divisor = settings.score_divisor
        self.streams = tuple(name for name in STREAMS if name in modalities)
        if not self.streams:
            raise GestureError(f"smnet: modalities are {', '.join(modalities)}; expected one of {', '.join(STREAMS)}")
        if "mask" in modalities and "depth" not in modalities:
            raise GestureError("smnet: modality mask without depth, which it cuts out: add depth or remove mask")
        self.encoders = [self._encoder(name, image_size, rng) for name in self.streams]
        features = sum(encoder.dense.units for encoder in self.encoders)
        self.recurrent = BidirectionalAttention(
            settings.recurrent_units,
            settings.attention_length,
            settings.recurrent_dropout,
            settings.recurrent_dropout_always,
            rng,
        )
        self.recurrent.build((None, None, features))
        self.drop = dropout(settings.dropout, rng)
        self.logits = logits(classes, rng)
        self.logits.build((None, 2 * settings.recurrent_units))
        self.built = True

    def _encoder(self, name: str, image_size: int, rng: np.random.Generator) -> ClipEncoder:
        settings = self.settings
        widths = settings.widths[: CONVOLUTIONS_OF[name]]
        norm = partial(BatchNorm, settings.batch_norm_momentum, fused=not settings.legacy)
        stack_norm = partial(norm, train_affine=settings.train_stack_norm)
        stack = ConvStack(settings.encoder, widths, stack_norm, rng, self.gradient_checkpointing)
        encoder = ClipEncoder(stack, settings.head_units[STREAMS.index(name)], settings.dropout, norm(), rng)
        encoder.build((None, FRAMES, image_size, image_size, 3))
        return encoder

    def call(self, batch: Mapping[str, tf.Tensor], training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns logits `(B, C, K)` and the clips of each sequence `(B,)`."""
        clips = batch["clips"]
        features = [
            encoder(self._pictures(name, batch), training=training)
            for name, encoder in zip(self.streams, self.encoders, strict=True)
        ]
        steps = self._by_sequence(tf.concat(features, axis=-1), clips)
        steps = self.recurrent(steps, clips, training=training)
        return self.logits(self.drop(steps, training=training)), clips

    def _pictures(self, name: str, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """One stream's clips `(N, 16, h, w, 3)` float32."""
        if name == "rgb":
            return batch["rgb"]
        if name == "skeleton":
            return batch["skeleton_image"]
        depth = batch["depth"]  # the pretrained convolutions see three channels; 2019's masks differ between them
        return depth if depth.shape[-1] == 3 else tf.concat([depth, depth, depth], axis=-1)

    def _by_sequence(self, features: tf.Tensor, clips: tf.Tensor) -> tf.Tensor:
        """Clips' features `(N, F)` as `(B, C, F)`, C the most clips of a sequence."""
        if self.settings.layout == "padded":
            return tf.reshape(features, (tf.shape(clips)[0], tf.reduce_max(clips), features.shape[-1]))
        return by_sequence(features, clips)

    @property
    def pretrained_variables(self) -> list[keras.Variable]:
        """Kernels and biases of the convolutions."""
        convolutions = [layer for encoder in self.encoders for layer in encoder.stack.convolutions]
        return [variable for layer in convolutions for variable in (layer.kernel, layer.bias)]
