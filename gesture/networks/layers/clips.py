"""Clips of a batch, one after another, and the same by sequence: rows moved, nothing computed."""

from collections.abc import Callable

import tensorflow as tf

from gesture.networks.layers.mask import valid_steps


def by_sequence(features: tf.Tensor, clips: tf.Tensor) -> tf.Tensor:
    """Clips' features as one row a sequence, zeros past its end.

    A scatter would do, but on a GPU a deterministic one waits for the host. Here forward and backward are a gather
    each, since every clip goes to one place. Places are int64: TensorFlow computes int32 on the host.

    Args:
        features: `(N, F)`, the clips of the sequences in order; rows past the last clip count nowhere.
        clips: `(B,)` int32, clips of each sequence.

    Returns:
        `(B, C, F)`, C the most clips of a sequence.
    """
    longest = tf.reduce_max(clips)
    count = tf.cast(clips, tf.int64)
    ends = tf.cumsum(count)
    starts = ends - count
    times = tf.cast(tf.range(longest), tf.int64)
    valid = valid_steps(clips, longest)
    sources = tf.where(valid, starts[:, None] + times, 0)

    @tf.custom_gradient
    def moved(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        def backward(gradient: tf.Tensor) -> tf.Tensor:
            numbers = tf.cast(tf.range(tf.shape(x)[0]), tf.int64)
            sequence = tf.reduce_sum(tf.cast(numbers[:, None] >= ends, tf.int64), axis=1)
            is_clip = sequence < tf.size(clips, tf.int64)
            sequence = tf.where(is_clip, sequence, 0)
            times_of = tf.where(is_clip, numbers - tf.gather(starts, sequence), 0)
            places = sequence * tf.size(times, tf.int64) + times_of
            rows = tf.gather(tf.reshape(gradient, (-1, x.shape[-1])), places)
            return tf.where(is_clip[:, None], rows, tf.zeros((), rows.dtype))

        return tf.where(valid[..., None], tf.gather(x, sources), tf.zeros((), x.dtype)), backward

    return moved(features)
