"""The network on joints: what it ignores, what it survives, that it learns."""

import numpy as np
import pytest
import tensorflow as tf

from gesture.base.errors import GestureError
from gesture.networks.layers.build import build
from gesture.networks.layers.motion import by_joint, resampled_joints, stream
from gesture.networks.parts import CHANNELS
from gesture.networks.tcn import TcnSettings

TINY = {"frames": 12, "width": 8, "blocks": 2, "kernel": 3}


def tiny(seed=1, **changes):
    return build(TcnSettings(**{**TINY, **changes}), ["skeleton"], classes=3, image_size=80, seed=seed)


def moving(length: int, seed: int) -> np.ndarray:
    """A smooth random motion `(length, 20, 9)` of a person of ordinary size, in metres."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, length)[:, None, None]
    skeleton = np.zeros((length, 20, 9), np.float32)
    pose = np.linspace([0.1, 0.2, 2], [0.4, 1.5, 2.2], 20)
    skeleton[..., :3] = pose + 0.3 * np.sin(6 * time * rng.uniform(0.5, 1.5, (20, 3)) + rng.uniform(0, 6, (20, 3)))
    return skeleton


def batch_of(skeletons) -> dict[str, tf.Tensor]:
    longest = max(map(len, skeletons))
    padded = [np.pad(s, [(0, longest - len(s)), (0, 0), (0, 0)]) for s in skeletons]
    length = np.array([len(s) for s in skeletons], np.int32)
    return {
        "length": tf.constant(length),
        "clips": tf.constant(length // 16 + 1),
        "skeleton": tf.constant(np.stack(padded)),
    }


def scores(network, *skeletons):
    return network.scores(*network(batch_of(skeletons))).numpy()


def test_one_step_of_logits_per_sequence():
    logits, steps = tiny()(batch_of([moving(30, 1), moving(7, 2)]))
    assert logits.shape == (2, 1, 3)
    assert steps.numpy().tolist() == [1, 1]


def test_padding_and_neighbours_do_not_change_a_sequence():
    network, one = tiny(), moving(30, 1)
    np.testing.assert_allclose(scores(network, one), scores(network, moving(70, 2), one)[1:], rtol=1e-5, atol=1e-6)


def test_place_and_body_size_do_not_matter():
    network, one = tiny(), moving(30, 1)
    other = one.copy()
    other[..., :3] = 1.3 * one[..., :3] + [1, -2, 0.5]
    np.testing.assert_allclose(scores(network, one), scores(network, other), rtol=1e-3, atol=1e-4)


def test_frames_without_a_reading_take_the_nearest_one():
    one = moving(30, 1)
    missing, held = one.copy(), one.copy()
    missing[:4], missing[20] = 0, np.nan
    held[:4], held[20] = one[4], one[19]
    assert np.array_equal(scores(tiny(), missing), scores(tiny(), held))


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 200])
def test_any_length_gives_finite_logits_and_gradients(length):
    network = tiny()
    with tf.GradientTape() as tape:
        logits, steps = network(batch_of([moving(length, 1), np.zeros((5, 20, 9), np.float32)]), training=True)
        loss = network.loss(logits, steps, tf.constant([0, 1]))
    gradients = tape.gradient(loss, [v.value for v in network.main_variables])
    assert np.isfinite(logits).all()
    assert all(np.isfinite(g).all() for g in gradients)


def test_resampling_follows_a_straight_motion_exactly():
    skeleton = np.zeros((9, 20, 9), np.float32)
    skeleton[:, 2, 1] = 1  # the torso is one metre long
    skeleton[:, 5, 0] = np.arange(9)
    joints = resampled_joints(skeleton[None], tf.constant([9]), 17).numpy()
    np.testing.assert_allclose(joints[0, 2:-2, 5, 0], np.arange(17)[2:-2] / 2, rtol=1e-5)
    np.testing.assert_allclose(joints[0, :, 2, 1], 1, rtol=1e-5)


def test_streams_are_what_their_names_say():
    joints = np.random.default_rng(0).normal(size=(2, 7, 20, 3)).astype(np.float32)
    streams = {name: stream(name, tf.constant(joints)).numpy() for name in CHANNELS}
    assert {name: values.shape[-1] for name, values in streams.items()} == CHANNELS
    elbow_left, shoulder_left = joints[:, :, 5], joints[:, :, 4]
    np.testing.assert_allclose(streams["bones"].reshape(2, 7, 19, 3)[:, :, 4], elbow_left - shoulder_left, rtol=1e-5)
    velocity = streams["velocity"].reshape(2, 7, 20, 3)
    np.testing.assert_allclose(velocity[:, 3], (joints[:, 4] - joints[:, 2]) / 2 * 6 / 5, rtol=1e-5, atol=1e-6)
    assert np.array_equal(streams["path"], joints[:, :, 0])


def test_chosen_streams_change_the_input_of_the_network():
    assert tiny(streams=("velocity",)).body.entry.kernel.shape[0] == 60
    assert tiny(streams=("path", "bones")).body.entry.kernel.shape[0] == 60
    assert tiny().body.entry.kernel.shape[0] == 180


def test_a_few_steps_of_gradient_descent_lower_the_loss():
    network = tiny(dropout=0)
    batch, labels = batch_of([moving(30, 1), moving(40, 2), moving(20, 3)]), tf.constant([0, 1, 2])
    losses = []
    for _ in range(10):
        with tf.GradientTape() as tape:
            logits, steps = network(batch, training=True)
            loss = network.loss(logits, steps, labels)
        for variable, gradient in zip(network.main_variables, tape.gradient(loss, network.main_variables), strict=True):
            variable.assign_sub(0.1 * gradient)
        losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0]
    assert network.pretrained_variables == []


def test_weights_depend_on_the_seed_alone():
    one, same, other = tiny(), tiny(), tiny(seed=2)
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), same.get_weights(), strict=True))
    assert not np.array_equal(one.body.entry.kernel, other.body.entry.kernel)


def test_other_modalities_are_refused():
    with pytest.raises(GestureError, match="uses skeleton alone"):
        build(TcnSettings(), ["rgb", "skeleton"], 3, 80, seed=0)


def test_a_stream_that_there_is_not_is_refused():
    joints = tf.zeros((1, 4, 20, 3))
    for function in (stream, by_joint):
        with pytest.raises(GestureError, match=r"'nonesuch' is not a stream \(joints, bones, velocity, path\)"):
            function("nonesuch", joints)
