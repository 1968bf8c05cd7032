"""Mixup: what a network sees, and what it should say, blended with another sequence of the batch."""

from collections.abc import Mapping

import tensorflow as tf


def mixed(x: tf.Tensor, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Blends each row of `(B, ...)` float32 with its partner's (Zhang et al. 2018), if the batch names partners.

    Args:
        x: inputs of one length for all sequences, or the labels as probabilities.
        batch: may hold `partner` `(B,)` int32 and `share` `(B,)` float32, how much is left of the own.
    """
    if "partner" not in batch:
        return x
    share = tf.cast(tf.reshape(batch["share"], (-1, *[1] * (len(x.shape) - 1))), x.dtype)
    return share * x + (1 - share) * tf.gather(x, batch["partner"])
