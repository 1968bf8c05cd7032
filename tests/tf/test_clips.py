"""Clips by sequence: what a scatter would give, forwards and backwards, to the byte."""

import numpy as np
import pytest
import tensorflow as tf

from gesture.networks.layers.clips import by_sequence


def scattered(features: tf.Tensor, clips: tf.Tensor) -> tf.Tensor:
    shape = (tf.shape(clips)[0], tf.reduce_max(clips), features.shape[-1])
    places = tf.where(tf.sequence_mask(clips))
    return tf.scatter_nd(tf.cast(places, tf.int32), features, shape)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float16])
@pytest.mark.parametrize("clips", [[3], [1, 4, 2], [2, 2], [5, 1, 1, 3]])
@pytest.mark.parametrize("compiled", [False, True])
def test_it_is_a_scatter_and_its_gradient(clips: list[int], dtype: tf.DType, compiled: bool) -> None:
    rng = np.random.default_rng(0)
    features = tf.cast(tf.constant(rng.normal(size=(sum(clips), 5)).astype(np.float32)), dtype)
    weights = tf.cast(tf.constant(rng.normal(size=(len(clips), max(clips), 5)).astype(np.float32)), dtype)
    counts = tf.constant(clips)
    found = []
    for move in (scattered, by_sequence):

        def both(x: tf.Tensor, move=move) -> tuple[tf.Tensor, tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = move(x, counts)
                total = tf.reduce_sum(y * weights)
            return y, tape.gradient(total, x)

        found.append([one.numpy().tobytes() for one in (tf.function(both) if compiled else both)(features)])
    assert found[0] == found[1]


def test_clips_past_the_last_sequence_count_nowhere() -> None:
    features = tf.constant(np.arange(12, dtype=np.float32).reshape(6, 2))
    with tf.GradientTape() as tape:
        tape.watch(features)
        y = by_sequence(features, tf.constant([1, 3]))
    np.testing.assert_array_equal(y, by_sequence(features[:4], tf.constant([1, 3])))
    np.testing.assert_array_equal(tape.gradient(y, features), [[1, 1]] * 4 + [[0, 0]] * 2)
