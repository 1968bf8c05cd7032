"""Which steps of a padded batch are real."""

import tensorflow as tf


def valid_steps(steps: tf.Tensor, longest: tf.Tensor | int) -> tf.Tensor:
    """True for the steps that a sequence has, as `tf.sequence_mask` says it.

    That compares int32, which TensorFlow does on the host: a GPU would be waited for. As float32 (exact below 2**24)
    nothing is.

    Args:
        steps: `(B,)` int32, steps of each sequence.
        longest: scalar int32, steps of the padded batch.

    Returns:
        `(B, longest)` bool.
    """
    times = tf.cast(tf.range(longest), tf.float32)
    # Not `[:, None]`: TensorFlow's optimiser must see the same shapes as in `tf.sequence_mask` to add in its order.
    return times < tf.expand_dims(tf.cast(steps, tf.float32), -1)
