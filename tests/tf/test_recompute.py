"""Activations computed again in the backward pass: the same numbers, with less kept."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gesture.networks.layers.build import build
from gesture.networks.layers.encoders import ClipEncoder
from gesture.networks.smnet import SMnetSettings

TINY = {"widths": (3, 4, 5), "head_units": (4, 3, 3), "recurrent_units": 2, "attention_length": 2}
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "legacy": {"legacy": True},
    "factorised, trained norms": {"encoder": "r2plus1d", "train_stack_norm": True},
}


def encoder_of(kind: str, gradient_checkpointing: bool) -> ClipEncoder:
    settings = SMnetSettings(**TINY, **KINDS[kind])
    return build(
        settings, ["rgb"], classes=3, image_size=16, seed=1, gradient_checkpointing=gradient_checkpointing
    ).encoders[0]


def training_step(encoder: ClipEncoder) -> Any:
    """A step for any number of clips, as in training: (loss, gradients)."""

    @tf.function(input_signature=[tf.TensorSpec((None, 16, 16, 16, 3), tf.float32)])
    def step(clips: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            features = encoder(clips, training=True)
            loss = tf.reduce_sum(features * tf.linspace(1.0, 2.0, features.shape[-1]))
        return loss, tape.gradient(loss, [one.value for one in encoder.trainable_variables])

    return step


@pytest.mark.parametrize("kind", KINDS)
def test_recomputing_changes_neither_loss_nor_gradients_nor_moving_statistics(kind: str) -> None:
    plain, recomputing = (encoder_of(kind, gradient_checkpointing) for gradient_checkpointing in (False, True))
    before = [one.numpy() for one in plain.weights]
    clips = tf.constant(np.random.default_rng(0).normal(size=(3, 16, 16, 16, 3)), tf.float32)
    # Dropout is on: with another mask backwards the gradients would be others.
    (loss, gradients), (other_loss, other_gradients) = (training_step(one)(clips) for one in (plain, recomputing))
    np.testing.assert_allclose(loss, other_loss, rtol=1e-6)
    for variable, one, other in zip(plain.trainable_variables, gradients, other_gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6 * np.abs(one).max(), err_msg=variable.path)
    for variable, other, old in zip(plain.weights, recomputing.weights, before, strict=True):
        assert np.array_equal(variable, other), variable.path
        assert np.array_equal(variable, old) != ("moving" in variable.path), variable.path


def test_every_convolution_is_in_the_step_a_second_time() -> None:
    encoders = [encoder_of("plain", gradient_checkpointing) for gradient_checkpointing in (False, True)]
    counts = []
    for encoder in encoders:
        graph = training_step(encoder).get_concrete_function().graph.as_graph_def()
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        counts.append(sum(node.op == "Conv3D" for node in nodes))
    assert counts == [3, 6]
