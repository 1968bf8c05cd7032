"""What every network promises, whatever its kind; and that its cost is counted right."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from gesture.base.errors import GestureError
from gesture.networks.base import NetworkSettings
from gesture.networks.cnn_tcn import CnnTcnSettings
from gesture.networks.layers.build import build
from gesture.networks.layers.graph import fixed_graphs
from gesture.networks.layers.network import GestureNetwork
from gesture.networks.smnet import SMnetSettings
from gesture.networks.stgcn import StgcnSettings
from gesture.networks.tcn import TcnSettings
from gesture.networks.transformer import TransformerSettings

FRAMES, SIDE, CLASSES = 12, 20, 3
SKELETON, DEPTH, BOTH = ["skeleton"], ["depth", "mask"], ["depth", "mask", "skeleton"]
SIZES = {"frames": FRAMES, "width": 8, "blocks": 2}
PICTURES = {**SIZES, "person": SIDE, "widths": (3, 4), "features": 5}

ZOO: dict[str, tuple[NetworkSettings, list[str]]] = {
    "joints": (TcnSettings(**SIZES, kernel=3), SKELETON),
    "graph": (StgcnSettings(frames=FRAMES, widths=(4, 6), kernel=3), SKELETON),
    "transformer": (TransformerSettings(**SIZES, heads=2), SKELETON),
    "depth": (CnnTcnSettings(**PICTURES), DEPTH),
    **{kind: (CnnTcnSettings(**PICTURES, fusion=kind), BOTH) for kind in ("early", "late", "attention")},
}


@pytest.fixture(params=ZOO)
def kind(request) -> str:
    return request.param


def network_of(kind: str, seed: int = 1, **changes) -> GestureNetwork:
    settings, modalities = ZOO[kind]
    return build(settings.model_copy(update=changes), modalities, CLASSES, image_size=80, seed=seed)


def batch_of(count: int, seed: int = 0) -> dict[str, tf.Tensor]:
    """Random movements of people of ordinary size, and random pictures of them."""
    rng = np.random.default_rng(seed)
    skeleton = np.zeros((count, 30, 20, 9), np.float32)
    skeleton[..., :3] = np.linspace([0.1, 0.2, 2], [0.4, 1.5, 2.2], 20) + rng.normal(0, 0.1, (count, 30, 20, 3))
    batch = {
        "length": rng.integers(10, 31, count).astype(np.int32),
        "skeleton": skeleton,
        "person": rng.normal(0, 0.5, (count, FRAMES, SIDE, SIDE, 2)).astype(np.float32),
    }
    return {key: tf.constant(value) for key, value in batch.items()}


def test_one_row_of_logits_per_sequence_whatever_the_others_in_the_batch(kind):
    network, batch = network_of(kind), batch_of(3)
    logits, steps = network(batch)
    assert logits.shape == (3, 1, CLASSES)
    assert steps.numpy().tolist() == [1, 1, 1]
    alone = network({key: value[1:2] for key, value in batch.items()})[0]
    np.testing.assert_allclose(alone, logits[1:2], rtol=1e-3, atol=1e-5)


def test_every_trained_weight_gets_a_gradient_and_the_loss_falls(kind):
    network, batch, labels = network_of(kind), batch_of(3), tf.constant([0, 1, 2])
    losses = []
    for _ in range(8):
        with tf.GradientTape() as tape:
            logits, steps = network(batch, training=True)
            loss = network.loss(logits, steps, labels)
        gradients = tape.gradient(loss, [one.value for one in network.main_variables])
        for variable, gradient in zip(network.main_variables, gradients, strict=True):
            assert gradient is not None, variable.path
            variable.assign_sub(0.03 * gradient)
        losses.append(float(loss))
    assert np.isfinite(losses).all()
    assert min(losses[-3:]) < losses[0]


def test_mixup_blends_what_is_seen_and_the_labels_with_the_partners(kind):
    network, batch, labels = network_of(kind), batch_of(3), tf.constant([0, 1, 2])
    plain = network(batch)[0]
    partner = tf.constant([1, 2, 0])
    own, others, half = (network({**batch, "partner": partner, "share": tf.fill([3], x)})[0] for x in (1.0, 0.0, 0.5))
    np.testing.assert_allclose(own, plain, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(others, tf.gather(plain, partner), rtol=1e-3, atol=1e-5)
    assert not np.allclose(half, (own + others) / 2, atol=1e-4), "blended inside the network, not behind it"
    share, steps = tf.constant([1.0, 0.75, 0.0]), tf.ones(3, tf.int32)
    each = [
        [float(network.loss(half[row : row + 1], steps[:1], one[row : row + 1], 0.1)) for row in range(3)]
        for one in (labels, tf.gather(labels, partner))
    ]
    found = float(network.loss(half, steps, labels, 0.1, {"partner": partner, "share": share}))
    assert found == pytest.approx(np.mean(share * each[0] + (1 - share) * each[1]), rel=1e-5)


def test_initial_weights_depend_on_the_seed_alone(kind):
    one, same, other = (network_of(kind, seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_dropout_follows_the_seed_generators_alone(kind):
    network, batch = network_of(kind), batch_of(2)
    results = []
    for state in (1, 2, 1):
        for number, generator in enumerate(network.seed_generators):
            generator.state.assign([state, number])
        results.append(network(batch, training=True)[0].numpy())
    assert np.array_equal(results[0], results[2])
    assert not np.allclose(results[0], results[1])


def test_weights_survive_a_file(kind, tmp_path):
    network, other, batch = network_of(kind), network_of(kind, seed=5), batch_of(2)
    network(batch, training=True)
    network.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    assert np.array_equal(network(batch)[0], other(batch)[0])


@pytest.mark.parametrize("kind", ["depth", "early", "late", "attention"])
def test_a_network_sees_what_it_was_given_and_nothing_else(kind):
    network, batch = network_of(kind), batch_of(2)
    before = network(batch)[0].numpy()
    for key, seen in (("person", True), ("skeleton", kind != "depth")):
        after = network({**batch, key: batch_of(2, seed=7)[key]})[0].numpy()
        assert np.allclose(before, after) is not seen, key


def test_late_fusion_is_the_mean_of_the_logits_of_two_networks():
    network, batch = network_of("late"), batch_of(2)
    whole = network(batch)[0].numpy()
    halves = []
    for kept in (0, 1):
        silent = network_of("late")
        other = silent.logits[1 - kept]
        other.kernel.assign(tf.zeros_like(other.kernel))
        halves.append(silent(batch)[0].numpy())
    np.testing.assert_allclose(whole, sum(halves), rtol=1e-4, atol=1e-5)


def test_attention_goes_to_the_summary_with_the_higher_score():
    network = network_of("attention")
    network.weigh.kernel.assign(np.eye(8, 1) * 1000)
    summaries = [tf.constant([[1.0, *range(7)]]), tf.constant([[2.0, *range(7, 0, -1)]])]
    np.testing.assert_allclose(network._weighted(summaries), summaries[1], rtol=1e-5)


def test_a_mirrored_order_of_frames_is_another_movement(kind):
    network, batch = network_of(kind), batch_of(1)
    batch["length"] = tf.constant([30])
    turned = {**batch, **{key: tf.reverse(batch[key], [1]) for key in ("skeleton", "person")}}
    assert not np.allclose(network(batch)[0], network(turned)[0], atol=1e-4)


def test_each_joint_sees_itself_its_parent_and_the_mean_of_its_children():
    itself, parent, children = fixed_graphs()
    assert np.array_equal(itself, np.eye(20))
    assert np.flatnonzero(parent[7]).tolist() == [6], "a left hand hangs on its wrist"
    assert not parent[0].any(), "nothing is inside of the hip"
    assert np.flatnonzero(children[2]).tolist() == [3, 4, 8], "head and shoulders hang on the middle of the shoulders"
    np.testing.assert_allclose(children.sum(axis=1)[[0, 2, 3]], [1, 1, 0], rtol=1e-6)


@pytest.mark.parametrize("modalities", [["depth"], ["mask"], ["skeleton"], ["rgb", "depth", "mask"]])
def test_modalities_that_the_frames_network_cannot_use_are_refused(modalities):
    with pytest.raises(GestureError, match="expected depth and mask"):
        build(CnnTcnSettings(), modalities, CLASSES, 80, seed=1)


# ---- cost -------------------------------------------------------------------------------------------------------


def counted(function: Callable[..., object], *inputs: object) -> int:
    """Multiply-adds of all convolutions and products in the graph that TensorFlow makes of a function."""
    total = 0
    for op in tf.function(function).get_concrete_function(*inputs).graph.get_operations():
        if op.type in ("Conv2D", "Conv3D"):
            total += math.prod(op.outputs[0].shape) * math.prod(op.inputs[1].shape[:-1])
        elif op.type in ("MatMul", "BatchMatMulV2"):
            total += math.prod(op.outputs[0].shape) * op.inputs[0].shape[-1]
        elif op.type == "Einsum":
            terms = op.get_attr("equation").decode().split("->")[0].split(",")
            extents = {
                index: extent
                for term, one in zip(terms, op.inputs, strict=True)
                for index, extent in zip(term, one.shape, strict=True)
            }
            total += math.prod(extents.values())
        else:
            assert "Conv" not in op.type
    return total


def test_the_multiply_adds_of_a_sequence_are_those_of_the_network_built(kind):
    settings, modalities = ZOO[kind]
    network, batch = network_of(kind), batch_of(1)
    heads = len(network.logits) if isinstance(network.logits, list) else 1
    logits = heads * CLASSES * settings.width
    found = counted(lambda batch: network(batch)[0], batch)
    assert found - logits == network.describe()["multiply_adds"] == settings.multiply_adds(modalities, 80)
    kernels = [one for one in network.trainable_variables if one.path.split("/")[-1] in ("kernel", "learned")]
    weights = sum(math.prod(one.shape) for one in kernels) - heads * CLASSES * settings.width
    assert weights == settings.kernel_weights(modalities, 80)


@pytest.mark.parametrize("encoder", ["c3d", "r2plus1d"])
@pytest.mark.parametrize("modalities", [["rgb"], ["depth", "mask", "skeleton"]])
def test_the_multiply_adds_of_a_clip_are_those_of_the_encoders_and_one_recurrent_step(encoder, modalities):
    settings = SMnetSettings(encoder=encoder, widths=(2, 3, 4, 4, 5, 5, 6), head_units=(4, 3, 3), recurrent_units=5)
    network = build(settings, modalities, CLASSES, image_size=20, seed=1)
    clip = tf.zeros((1, 16, 20, 20, 3))
    found = sum(counted(one, clip) for one in network.encoders) + network.recurrent.multiply_adds
    assert found == network.describe()["multiply_adds"]


def test_factorised_convolutions_keep_the_number_of_weights_and_learn():
    whole, halves = (
        build(SMnetSettings(encoder=encoder, widths=(8, 16, 16)), ["depth"], CLASSES, image_size=16, seed=1)
        for encoder in ("c3d", "r2plus1d")
    )
    kernels = [
        sum(math.prod(layer.kernel.shape) for layer in network.encoders[0].stack.convolutions)
        for network in (whole, halves)
    ]
    assert len(halves.encoders[0].stack.convolutions) == 6
    assert kernels[1] == pytest.approx(kernels[0], rel=0.05)
    batch = {"depth": tf.random.stateless_normal((2, 16, 16, 16, 1), (1, 2)), "clips": tf.constant([1, 1])}
    assert halves(batch)[0].shape == (2, 1, CLASSES)
