"""The optimiser's options: what they do to the weights, and what is saved."""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from gesture.config.settings import Stage, Training
from gesture.train.optimiser import TwoRateAdam


def network_of(values: list[float]) -> SimpleNamespace:
    """Stands for a network of one matrix."""
    return SimpleNamespace(main_variables=[keras.Variable([values])], pretrained_variables=[])


def optimiser_of(network: SimpleNamespace, **options: float) -> TwoRateAdam:
    return TwoRateAdam(network, Training(stages=[Stage(steps=1, learning_rate=0.1)], **options))


def step(optimiser: TwoRateAdam, gradient: list[float], rate: float = 0.1) -> None:
    optimiser.apply([tf.constant([gradient])], tf.constant(rate), tf.constant(rate))


def test_the_average_weighs_steps_as_said_and_forgets_the_initial_weights() -> None:
    network = network_of([5.0, -5.0])
    optimiser = optimiser_of(network, ema_decay=0.5)
    expected = None
    for number in range(12):
        step(optimiser, [1.0, -1.0])
        survives = min(0.5, number / (number + 9))
        trained = network.main_variables[0].numpy()
        expected = trained if expected is None else survives * expected + (1 - survives) * trained
    with optimiser.averaged_weights():
        np.testing.assert_allclose(network.main_variables[0].numpy(), expected, rtol=1e-6)
    assert np.array_equal(network.main_variables[0].numpy(), trained)


@pytest.mark.parametrize("steps", [0, 3])
def test_trained_and_averaged_weights_survive_a_file(tmp_path: Path, steps: int) -> None:
    network, other = network_of([1.0, 2.0]), network_of([0.0, 0.0])
    optimiser, reader = (optimiser_of(one, ema_decay=0.9) for one in (network, other))
    for _ in range(steps):
        step(optimiser, [1.0, 0.5])
    optimiser.save(tmp_path / "optimiser.h5")
    with optimiser.averaged_weights():
        other.main_variables[0].assign(network.main_variables[0])  # as model.weights.h5 brings them
    reader.load(tmp_path / "optimiser.h5")
    for one, two in ((optimiser, reader),):
        step(one, [1.0, -1.0])
        step(two, [1.0, -1.0])
    assert np.array_equal(network.main_variables[0], other.main_variables[0])
    with optimiser.averaged_weights(), reader.averaged_weights():
        assert np.array_equal(network.main_variables[0], other.main_variables[0])


def test_without_an_average_nothing_is_swapped_and_nothing_more_is_saved(tmp_path: Path) -> None:
    network = network_of([1.0, 2.0])
    optimiser = optimiser_of(network)
    step(optimiser, [1.0, 1.0])
    before = network.main_variables[0].numpy()
    with optimiser.averaged_weights():
        assert np.array_equal(network.main_variables[0], before)
    optimiser.save(tmp_path / "plain.h5")
    averaging = optimiser_of(network, ema_decay=0.9)
    averaging.load(tmp_path / "plain.h5")  # made without averages: both are the weights at hand
    with averaging.averaged_weights():
        assert np.array_equal(network.main_variables[0], before)


def test_weight_decay_shrinks_kernels_and_leaves_biases() -> None:
    network = SimpleNamespace(main_variables=[keras.Variable([[1.0]]), keras.Variable([1.0])], pretrained_variables=[])
    optimiser = optimiser_of(network, weight_decay=0.5)
    optimiser.apply([tf.zeros((1, 1)), tf.zeros(1)], tf.constant(0.1), tf.constant(0.1))
    kernel, bias = network.main_variables
    assert float(kernel[0, 0]) == pytest.approx(1 - 0.1 * 0.5)
    assert float(bias[0]) == 1.0


def test_clipping_bounds_the_step_of_all_gradients_together() -> None:
    plain, clipped = network_of([0.0, 0.0]), network_of([0.0, 0.0])
    for network, options in ((plain, {}), (clipped, {"gradient_clip_norm": 1.0})):
        optimiser = optimiser_of(network, **options)
        step(optimiser, [3.0, 4.0])
        step(optimiser, [0.6, 0.8])  # Adam's size of a step shows the ratio of gradients, not their length
    assert not np.allclose(plain.main_variables[0], clipped.main_variables[0], rtol=1e-3)
