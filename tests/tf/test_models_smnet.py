"""What SMnet promises to training and evaluation, on networks of a few hundred weights."""

import numpy as np
import pytest
import tensorflow as tf

from gesture.base.errors import GestureError
from gesture.networks.layers.build import build
from gesture.networks.smnet import SMnetSettings

ALL = ["rgb", "depth", "mask", "skeleton"]
SIZE = 16
TINY = {"widths": (2, 3, 4), "head_units": (4, 3, 3), "recurrent_units": 5, "attention_length": 3}


def tiny(modalities=ALL, seed=1, size=SIZE, **changes):
    return build(SMnetSettings(**{**TINY, **changes}), modalities, classes=3, image_size=size, seed=seed)


def sequence(length: int, seed: int, size: int = SIZE) -> dict[str, np.ndarray]:
    """One sequence as its own clips `(c, 16, size, size, channels)`, zero past the end."""
    rng = np.random.default_rng(seed)
    frames = (length // 16 + 1) * 16

    def clips(images):
        images[length:] = 0
        return images.reshape(-1, 16, *images.shape[1:])

    return {
        "rgb": clips(rng.normal(size=(frames, size, size, 3)).astype(np.float32)),
        "skeleton_image": clips(rng.normal(size=(frames, size, size, 3)).astype(np.float32)),
        "depth": clips(rng.random((frames, size, size, 1), dtype=np.float32)),
    }


def batch_of(lengths, layout="flat", seeds=None, size=SIZE) -> dict[str, tf.Tensor]:
    """Sequences of these lengths, each drawn from its own seed."""
    sequences = [sequence(n, s, size) for n, s in zip(lengths, seeds or range(len(lengths)), strict=True)]
    clips = np.array([len(s["rgb"]) for s in sequences], np.int32)
    batch = {"length": np.array(lengths, np.int32), "clips": clips}
    for key in sequences[0]:
        if layout == "padded":
            for s in sequences:
                s[key] = np.pad(s[key], [(0, clips.max() - len(s[key])), (0, 0), (0, 0), (0, 0), (0, 0)])
        batch[key] = np.concatenate([s[key] for s in sequences])
    return {key: tf.constant(value) for key, value in batch.items()}


def logits_of(network, batch, training=False):
    """Valid logits of each sequence."""
    logits, steps = network(batch, training=training)
    return [rows[:n] for rows, n in zip(logits.numpy(), steps.numpy(), strict=True)]


def set_dropout_seed(network, seed: int, step: int) -> None:
    for index, generator in enumerate(network.seed_generators):
        generator.state.assign([seed + index, step])


@pytest.mark.parametrize(("length", "clips"), [(1, 1), (15, 1), (16, 2), (17, 2), (32, 3)])
def test_a_whole_extra_clip_follows_a_multiple_of_16_frames(length, clips):
    logits, steps = tiny()(batch_of([length]))
    assert steps.numpy().tolist() == [clips]
    assert logits.shape == (1, clips, 3)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("layout", ["flat", "padded"])
def test_a_sequence_does_not_see_its_batch_neighbours_at_evaluation(layout):
    network = tiny(layout=layout)
    alone = logits_of(network, batch_of([20], layout, seeds=[7]))[0]
    among = logits_of(network, batch_of([50, 20, 3], layout, seeds=[8, 7, 9]))[1]
    np.testing.assert_allclose(alone, among, rtol=1e-4, atol=1e-6)


def test_permuting_a_batch_permutes_its_logits():
    network = tiny()
    one = logits_of(network, batch_of([20, 40, 5], seeds=[1, 2, 3]))
    other = logits_of(network, batch_of([5, 20, 40], seeds=[3, 1, 2]))
    for a, b in zip(one, [other[1], other[2], other[0]], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_flat_and_padded_clips_give_the_same_logits_at_evaluation():
    flat = logits_of(tiny(layout="flat"), batch_of([20, 40]))
    padded = logits_of(tiny(layout="padded"), batch_of([20, 40], "padded"))
    for a, b in zip(flat, padded, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_both_directions_of_time_reach_every_clip():
    network, batch = tiny(modalities=["rgb"]), batch_of([40])
    before = logits_of(network, batch)[0]
    for changed in (0, 2):
        rgb = batch["rgb"].numpy()
        rgb[changed] += 1
        after = logits_of(network, {**batch, "rgb": tf.constant(rgb)})[0]
        assert (np.abs(after - before).max(axis=1) > 1e-6).all()


@pytest.mark.parametrize(
    ("modalities", "used"),
    [
        (["rgb"], {"rgb"}),
        (["depth"], {"depth"}),
        (["skeleton"], {"skeleton_image"}),
        (["mask", "depth"], {"depth"}),
        (["skeleton", "rgb"], {"rgb", "skeleton_image"}),
    ],
)
def test_only_the_variants_modalities_are_read(modalities, used):
    network, batch = tiny(modalities), batch_of([20])
    needed = {key: batch[key] for key in {"length", "clips"} | used}
    before = logits_of(network, needed)[0]
    for key in used:
        other = {**needed, key: tf.zeros_like(batch[key])}
        assert not np.allclose(logits_of(network, other)[0], before)


@pytest.mark.parametrize(
    ("modalities", "message"), [(["mask"], "one of rgb, depth"), (["rgb", "mask"], "without depth")]
)
def test_modalities_that_give_no_network_are_refused(modalities, message):
    with pytest.raises(GestureError, match=message):
        tiny(modalities)


@pytest.mark.parametrize("training", [False, True])
def test_blank_pictures_give_finite_numbers_and_gradients(training):
    network = tiny()
    batch = {key: value if key in {"length", "clips"} else tf.zeros_like(value) for key, value in batch_of([1]).items()}
    with tf.GradientTape() as tape:
        logits, steps = network(batch, training=training)
        loss = network.loss(logits, steps, tf.constant([0]))
    gradients = tape.gradient(loss, [v.value for v in network.trainable_variables])
    assert np.isfinite(loss)
    assert all(np.isfinite(g).all() for g in gradients)


def test_initial_weights_depend_on_the_seed_alone():
    one, same, other = tiny(seed=1), tiny(seed=1), tiny(seed=2)
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), same.get_weights(), strict=True))
    kernels = [(a, b) for a, b in zip(one.weights, other.weights, strict=True) if "kernel" in a.path]
    assert not any(np.array_equal(a, b) for a, b in kernels)
    shapes = [a.numpy().tobytes() for a, _ in kernels]
    assert len(set(shapes)) == len(shapes)


def test_dropout_depends_on_the_state_of_the_seed_generators_alone():
    network, batch = tiny(), batch_of([20, 33])
    results = []
    for seed, step in [(1, 1), (1, 2), (2, 1), (1, 1)]:
        set_dropout_seed(network, seed, step)
        results.append(network(batch, training=True)[0].numpy())
    assert np.array_equal(results[0], results[3])
    assert not np.allclose(results[0], results[1])
    assert not np.allclose(results[0], results[2])


def test_compiled_steps_over_changing_batches_repeat_themselves_bit_for_bit():
    signature = {key: tf.TensorSpec((None,), tf.int32) for key in ("length", "clips")}
    signature["rgb"] = tf.TensorSpec((None, 16, SIZE, SIZE, 3))

    network = tiny(["rgb"])
    initial = network.get_weights()

    @tf.function(input_signature=[signature, tf.TensorSpec((None,), tf.int32)])
    def step(batch, labels):
        with tf.GradientTape() as tape:
            logits, steps = network(batch, training=True)
            loss = network.loss(logits, steps, labels)
        variables = network.pretrained_variables + network.main_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(0.1 * gradient)

    def trained() -> list[bytes]:
        network.set_weights(initial)
        for index, lengths in enumerate([[20, 33], [5], [50, 16, 1]]):
            set_dropout_seed(network, 1, index)
            batch = batch_of(lengths)
            step({key: batch[key] for key in signature}, tf.range(len(lengths)))
        return [weight.tobytes() for weight in network.get_weights()]

    first = trained()
    assert trained() == first
    assert step.experimental_get_tracing_count() == 1


def test_a_few_steps_of_gradient_descent_lower_the_loss():
    network, batch, labels = tiny(dropout=0, recurrent_dropout=0), batch_of([20, 33, 5]), tf.constant([0, 1, 2])
    losses = []
    for _ in range(12):
        with tf.GradientTape() as tape:
            logits, steps = network(batch, training=True)
            loss = network.loss(logits, steps, labels)
        variables = network.pretrained_variables + network.main_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(0.2 * gradient)
        losses.append(float(loss))
    assert losses[-1] < 0.7 * losses[0]


def test_scores_are_divided_by_the_own_or_the_batchs_clip_count():
    logits, steps = tf.ones((2, 4, 3)), tf.constant([1, 4])
    assert np.allclose(tiny().scores(logits, steps), [[1], [1]])
    assert np.allclose(tiny(score_divisor="batch").scores(logits, steps), [[0.25], [1]])


def test_clips_past_the_end_count_neither_in_the_loss_nor_in_the_scores():
    network, steps, labels = tiny(), tf.constant([1, 2]), tf.constant([0, 1])
    logits = np.random.default_rng(0).normal(size=(2, 2, 3)).astype(np.float32)
    changed = logits.copy()
    changed[0, 1] = 1e6
    assert np.array_equal(network.loss(logits, steps, labels), network.loss(changed, steps, labels))
    assert np.array_equal(network.scores(logits, steps), network.scores(changed, steps))


def test_the_loss_is_the_mean_cross_entropy_of_the_valid_clips():
    network = tiny()
    logits = tf.constant([[[2.0, 0, 0], [9, 9, 9]], [[0, 0, 0], [0, 1, 0]]])
    p = tf.nn.softmax(logits).numpy()
    expected = -np.log([p[0, 0, 0], p[1, 0, 1], p[1, 1, 1]])
    assert np.isclose(network.loss(logits, tf.constant([1, 2]), tf.constant([0, 1])), expected.mean())
    smooth = network.loss(logits[1:, :1], tf.constant([1]), tf.constant([1]), label_smoothing=0.3)
    assert np.isclose(smooth, np.log(3))


@pytest.mark.parametrize(("widths", "size"), [((2,), 32), ((2, 3, 4, 4), 40), ((2, 2, 2, 2, 2, 2, 2, 2), 112)])
def test_any_number_of_convolutions_fits_any_usual_image(widths, size):
    network = tiny(["rgb"], widths=widths, size=size)
    assert network(batch_of([3], size=size))[0].shape == (1, 1, 3)
    assert network.describe()["multiply_adds"] > 0


def test_weights_survive_a_file(tmp_path):
    network, batch = tiny(), batch_of([20])
    network(batch, training=True)
    network.save_weights(tmp_path / "a.weights.h5")
    other = tiny(seed=5)
    other.load_weights(tmp_path / "a.weights.h5")
    assert np.array_equal(network(batch)[0], other(batch)[0])
