"""SMnet against numbers recorded from the 2019 program; tests/data/smnet/README.md says what they are."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gesture.errors import GestureError
from gesture.models.build import build
from gesture.models.settings import SMnetSettings
from gesture.models.smnet import SMnet
from gesture.models.weights2019 import load_checkpoint, variables_by_name

DATA = Path(__file__).parents[1] / "data" / "smnet"
ALL = ["rgb", "depth", "mask", "skeleton"]
SIZES = {"widths": (4, 6, 10, 10, 12, 12, 12, 12), "head_units": (14, 8, 10), "recurrent_units": 16}
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
