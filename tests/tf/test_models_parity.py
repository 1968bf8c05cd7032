"""SMnet against numbers recorded from the 2019 program; tests/data/smnet/README.md says what they are."""

import json
from pathlib import Path

import numpy as np
import pytest
import smnet_in_numpy
import tensorflow as tf

from gesture.base.errors import GestureError
from gesture.config.settings import Training
from gesture.legacy2019.weights import load_checkpoint, variables_by_name
from gesture.networks.layers.build import build
from gesture.networks.layers.smnet import SMnet
from gesture.networks.smnet import SMnetSettings
from gesture.train.optimiser import TwoRateAdam

DATA = Path(__file__).parents[1] / "data" / "smnet"
ALL = ["rgb", "depth", "mask", "skeleton"]
SIZES = {"widths": (4, 6, 10, 10, 12, 12, 12, 12), "head_units": (14, 8, 10), "recurrent_units": 16}
FLOAT16 = 0.002  # rounding of the recorded changes
SILENT = {"dropout": 0, "recurrent_dropout": 0}


def micro(modalities=ALL, **changes) -> SMnet:
    settings = SMnetSettings(**{**SIZES, **SILENT, "legacy": True, **changes})
    return build(settings, modalities, 20, 80, seed=0)


def restored(**changes) -> SMnet:
    network = micro(**changes)
    load_checkpoint(network, DATA / "ckpt/model-1")
    return network


def inputs(name: str, layout: str = "padded") -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """A recorded batch cut into clips."""
    arrays = np.load(DATA / f"inputs_{name}.npz")
    clips = (arrays["length"] // 16 + 1).astype(np.int32)
    own = np.arange(clips.max()) < clips[:, None]

    def cut(images):
        frames = images.shape[1]
        padded = np.pad(images, [(0, 0), (0, 16 - frames % 16), (0, 0), (0, 0), (0, 0)])
        cut = padded.reshape(len(images), -1, 16, *images.shape[2:])
        return cut[own] if layout == "flat" else cut.reshape(-1, *cut.shape[2:])

    batch = {
        "length": arrays["length"].astype(np.int32),
        "clips": clips,
        "rgb": cut(arrays["rgb"]),
        "skeleton_image": cut(arrays["skeleton_img"]),
        "depth": cut(arrays["depth"]) / 255 * (cut(arrays["segmentation"])[..., :1] > 0),
    }
    return {key: tf.constant(value) for key, value in batch.items()}, tf.constant(arrays["label"])


def distance(ours, theirs) -> float:
    """Largest difference relative to the largest value."""
    return float(np.max(np.abs(np.asarray(ours) - theirs)) / np.max(np.abs(theirs)))


@pytest.mark.parametrize("batch", ["batch0", "batch1"])
def test_evaluation_gives_the_recorded_logits_and_soft_labels(batch):
    theirs = np.load(DATA / f"test_forward_{batch}.npz")
    network = restored()
    logits, steps = network(inputs(f"test_{batch}")[0], training=False)
    assert distance(logits, theirs["logits"]) < 1e-5
    assert distance(tf.nn.softmax(network.scores(logits, steps)), theirs["softlabel"]) < 1e-5


def test_every_stage_of_the_forward_pass_is_the_recorded_one():
    theirs = np.load(DATA / "test_forward_batch0.npz")
    network, (batch, _) = restored(), inputs("test_batch0")
    for name, key, encoder in zip(network.streams, ("rgb", "depth", "sk"), network.encoders, strict=True):
        pictures = network._pictures(name, batch)
        assert distance(encoder.stack(pictures), theirs[f"{key}_conv"]) < 1e-5
        features = tf.reshape(encoder(pictures), (4, 4, -1))
        assert distance(features, theirs[f"{key}_feature"]) < 1e-5
    output = network.recurrent(tf.constant(theirs["feature"]), batch["clips"])
    assert distance(output, theirs["rnn_output"]) < 1e-5


def test_flat_clips_give_the_same_label_and_logits_at_evaluation():
    theirs = np.load(DATA / "test_forward_batch0.npz")
    network = restored(layout="flat")
    logits, steps = network(inputs("test_batch0", "flat")[0], training=False)
    valid = np.asarray(tf.sequence_mask(steps))
    assert distance(logits.numpy()[valid], theirs["logits"][valid]) < 1e-5
    assert np.array_equal(np.argmax(network.scores(logits, steps), axis=-1), theirs["predictions"])


@pytest.mark.parametrize(("legacy", "moving_tolerance"), [(True, 1e-6), (False, 1e-5)])
def test_training_gives_the_recorded_logits_loss_and_moving_statistics(legacy, moving_tolerance):
    theirs = np.load(DATA / "train_single_winner/train_forward.npz")
    moved = np.load(DATA / "train_single_winner/train_moving_after.npz")
    network = restored(legacy=legacy, layout="padded")
    batch, labels = inputs("training_batch0")
    logits, steps = network(batch, training=True)
    assert distance(logits, theirs["logits"]) < 1e-4
    assert distance(network.loss(logits, steps, labels), theirs["loss"]) < 1e-5
    named = variables_by_name(network)
    assert max(distance(named[name], moved[name]) for name in moved) < moving_tolerance


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_are_the_recorded_ones(compiled):
    network = restored()
    named = variables_by_name(network)
    theirs = np.load(DATA / fixture_of_this_max_pool(compiled) / "train_grads.npz")

    def gradients(batch, labels):
        with tf.GradientTape() as tape:
            logits, steps = network(batch, training=True)
            loss = network.loss(logits, steps, labels)
        return tape.gradient(loss, {name: named[name].value for name in theirs})

    ours = (tf.function(gradients) if compiled else gradients)(*inputs("training_batch0"))
    # The true gradient of a bias before a batch norm is zero: only rounding is left to compare.
    names = [name for name in theirs if "/bc" not in name and "encoder/dense/bias" not in name]
    off = {name: np.linalg.norm(ours[name] - theirs[name]) / np.linalg.norm(theirs[name]) for name in names}
    assert np.median(list(off.values())) < 2e-5
    assert max(off.values()) < 2e-2, max(off, key=off.get)


@pytest.mark.parametrize("compiled", [False, True])
def test_one_and_three_steps_of_the_two_rates_move_the_weights_as_recorded(compiled):
    """Changes are in units of the variable's rate; those of a bias before a batch norm are rounding, and left out."""
    network = restored()
    named = variables_by_name(network)
    start = {name: variable.numpy().astype(np.float64) for name, variable in named.items()}
    stage = {"steps": 3, "learning_rate": 5e-5, "pretrained_learning_rate": 1e-5}
    optimiser = TwoRateAdam(network, Training(stages=[stage]))
    theirs = np.load(DATA / fixture_of_this_max_pool(compiled) / "train_steps.npz")
    batch, labels = inputs("training_batch0")

    def step(batch, labels):
        with tf.GradientTape() as tape:
            logits, steps = network(batch, training=True)
            loss = network.loss(logits, steps, labels)
        gradients = tape.gradient(loss, [one.value for one in optimiser.variables])
        optimiser.apply(gradients, tf.constant(stage["learning_rate"]), tf.constant(stage["pretrained_learning_rate"]))

    def off(steps: int, group: str) -> np.ndarray:
        keys = [key for key in theirs if key.startswith(f"{steps}/") and ("/wc" in key) == (group == "pretrained")]
        keys = [key for key in keys if "/bc" not in key and "encoder/dense/bias" not in key]
        rate = stage["pretrained_learning_rate" if group == "pretrained" else "learning_rate"]
        names = [key.partition("/")[2] for key in keys]
        changes = [(named[name] - start[name]) / rate - theirs[key] for key, name in zip(keys, names, strict=True)]
        return np.concatenate([np.abs(change).ravel() for change in changes])

    step = tf.function(step) if compiled else step
    step(batch, labels)
    assert off(1, "main").max() < 0.005 + FLOAT16
    assert np.mean(off(1, "pretrained") > 0.05) < 2e-4
    step(batch, labels)
    step(batch, labels)
    assert off(3, "main").max() < 0.2
    assert np.mean(off(3, "pretrained") > 0.2) < 0.03


def fixture_of_this_max_pool(compiled: bool) -> str:
    """The recording made with the max-pool gradient that this machine uses."""

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.nn.max_pool3d(x, 2, 2, "SAME")
        return tape.gradient(y, x)

    x = tf.zeros((1, 2, 2, 2, 1))
    total = np.sum((tf.function(gradient) if compiled else gradient)(x))
    return "train_all_ties" if total == 8 else "train_single_winner"


def test_the_evaluation_in_numpy_also_gives_the_recorded_logits():
    reader = tf.train.load_checkpoint(str(DATA / "ckpt/model-1"))
    weights = {name: reader.get_tensor(name) for name in variables_by_name(micro())}
    theirs = np.load(DATA / "test_forward_batch1.npz")
    ours = smnet_in_numpy.forward(dict(np.load(DATA / "inputs_test_batch1.npz")), weights)
    assert distance(ours, theirs["logits"]) < 1e-5
    theirs = np.load(DATA / "test_forward_batch0.npz")
    clips = np.load(DATA / "inputs_test_batch0.npz")["length"] // 16 + 1
    ours = smnet_in_numpy.logits_of(theirs["feature"], clips, weights)
    assert distance(ours, theirs["logits"]) < 1e-5


def by_rule(shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
    """Weights that keep numbers of order 1 through all layers, different in every place."""
    rng = np.random.default_rng(2019)
    weights = {}
    for name, shape in sorted(shapes.items()):
        values = rng.standard_normal(shape, np.float32)
        if name.endswith(("moving_variance", "gamma")):
            values = 0.5 + np.abs(values)
        elif name.endswith(("beta", "moving_mean", "bias")) or "/bc" in name:
            values *= 0.3
        else:
            values *= np.sqrt(1 / np.prod(shape[:-1]))
        weights[name] = values
    return weights


@pytest.fixture(scope="module")
def full_width() -> tuple[SMnet, dict[str, np.ndarray]]:
    recorded = json.loads((DATA / "variables_full_width.json").read_text())
    shapes = {v["name"]: v["shape"] for v in recorded if "Training/" not in v["name"] and "/Adam" not in v["name"]}
    weights = by_rule(shapes)
    network = build(SMnetSettings(legacy=True, recurrent_dropout_always=False), ALL, 20, 80, seed=0)
    for name, variable in variables_by_name(network).items():
        variable.assign(weights[name])
    return network, weights


def test_a_full_width_forward_pass_equals_the_one_in_numpy(full_width):
    network, weights = full_width
    rng = np.random.default_rng(1)
    frames = (1, 13, 80, 80)
    arrays = {
        "rgb": rng.standard_normal((*frames, 3), np.float32),
        "skeleton_img": rng.standard_normal((*frames, 3), np.float32),
        "depth": rng.integers(0, 256, (*frames, 1)).astype(np.float32),
        "segmentation": 255 * rng.integers(0, 2, (*frames, 1)).repeat(3, -1).astype(np.float32),
        "length": np.array([13]),
    }
    theirs = smnet_in_numpy.forward(arrays, weights)
    batch = {
        "clips": tf.constant([1]),
        "rgb": smnet_in_numpy.clips_of(arrays["rgb"]),
        "skeleton_image": smnet_in_numpy.clips_of(arrays["skeleton_img"]),
        "depth": smnet_in_numpy.clips_of(arrays["depth"] / 255 * (arrays["segmentation"][..., :1] / 255)),
    }
    logits, _ = network(batch, training=False)
    assert 0.1 < np.abs(theirs).max() < 10, "neither dead nor saturated"
    assert distance(logits, theirs) < 2e-5


def test_the_full_width_recurrent_part_equals_the_one_in_numpy(full_width):
    network, weights = full_width
    features = np.random.default_rng(3).standard_normal((3, 8, 512), np.float32)
    clips = np.array([8, 1, 6], np.int32)
    logits = network.logits(network.recurrent(tf.constant(features), tf.constant(clips)))
    valid = np.arange(8) < clips[:, None]
    theirs = smnet_in_numpy.logits_of(features, clips, weights)
    assert distance(logits.numpy()[valid], theirs[valid]) < 2e-5


def test_full_width_has_the_names_shapes_and_groups_of_2019():
    recorded = json.loads((DATA / "variables_full_width.json").read_text())
    theirs = {v["name"]: v for v in recorded if "Training/" not in v["name"] and "/Adam" not in v["name"]}
    network = build(SMnetSettings(), ALL, 20, 80, seed=0)
    ours = variables_by_name(network)
    assert len(ours) == 160
    assert {name: list(v.shape) for name, v in ours.items()} == {name: v["shape"] for name, v in theirs.items()}
    assert network.describe()["parameters"] == 60_070_420
    groups = {"pretrain": network.pretrained_variables, "main": network.main_variables}
    for group, variables in groups.items():
        named = {name for name, v in ours.items() if any(v is variable for variable in variables)}
        assert named == {name for name, v in theirs.items() if v["group"] == group and v["trainable"]}


def test_a_network_of_fewer_streams_does_not_fit_a_whole_checkpoint():
    network = micro(modalities=["rgb"])
    with pytest.raises(GestureError, match=r"attention_cell_wrapper/kernel is \(48, 32\), expected \(30, 32\)"):
        load_checkpoint(network, DATA / "ckpt/model-1")


def test_a_checkpoint_that_does_not_fit_changes_nothing():
    network = micro(recurrent_units=17)
    before = network.get_weights()
    with pytest.raises(GestureError, match=r"model-1: does not fit this network: .*, and 18 more"):
        load_checkpoint(network, DATA / "ckpt/model-1")
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), before, strict=True))


def test_missing_tensors_are_named():
    with pytest.raises(
        GestureError, match=r"c3d_rgb.chkp: does not fit this network: .*no tensor C3D_model/c3d_var/batch"
    ):
        load_checkpoint(micro(), DATA / "pretrained/c3d_rgb.chkp")
