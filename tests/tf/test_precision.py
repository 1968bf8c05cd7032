"""Half precision: near float32; loss scale part of the state, steps that overflow skipped. About a minute in all."""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from made_up_arrays import settings_of, write_arrays
from test_models_zoo import ZOO, batch_of
from test_training import Chain, make_records

from gesture.base.errors import FailedForGoodError, StoppedEarlyError
from gesture.base.files import read_lines
from gesture.config.digests import stage_digest
from gesture.config.members import member
from gesture.config.settings import Stage, Training, parse
from gesture.networks.layers.build import build
from gesture.networks.layers.network import GestureNetwork
from gesture.networks.smnet import SMnetSettings
from gesture.train import loss_scale
from gesture.train.optimiser import TwoRateAdam

KINDS = ("joints", "graph", "transformer", "attention", "smnet")
STEPS = 3
# Of the largest logit after some steps, and of the loss: float16 keeps 11 bits, bfloat16 8.
TOLERANCE = {"float16": 0.03, "bfloat16": 0.2}
SMNET = {
    "widths": (3, 4),
    "head_units": (4, 3, 3),
    "recurrent_units": 4,
    "attention_length": 2,
    "recurrent_dropout": 0.0,
}


def network_of(kind: str, precision: str) -> GestureNetwork:
    if kind == "smnet":
        return build(SMnetSettings(**SMNET, dropout=0.0), ["rgb", "depth"], 3, 16, seed=1, precision=precision)
    settings, modalities = ZOO[kind]
    return build(settings.model_copy(update={"dropout": 0.0}), modalities, 3, 80, seed=1, precision=precision)


def inputs_of(kind: str) -> dict[str, tf.Tensor]:
    if kind != "smnet":
        return batch_of(6)
    rng = np.random.default_rng(0)
    pictures = {"rgb": rng.normal(size=(8, 16, 16, 16, 3)), "depth": rng.normal(size=(8, 16, 16, 16, 1))}
    clips = tf.constant([2, 1, 1, 1, 2, 1])
    return {**{name: tf.constant(value, tf.float32) for name, value in pictures.items()}, "clips": clips}


def optimiser_of(network: GestureNetwork, precision: str) -> TwoRateAdam:
    return TwoRateAdam(network, Training(stages=[Stage(steps=1, learning_rate=1e-3)], precision=precision))


@pytest.mark.parametrize("kind", KINDS)
def test_some_steps_in_half_precision_stay_near_float32(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_scale, "FIRST_SCALE", 2.0**10)  # no gradient overflows: skipped steps are tested below
    batch, labels, rate = inputs_of(kind), tf.constant([0, 1, 2, 0, 1, 2]), tf.constant(1e-3)
    losses, evaluated = {}, {}
    for precision in ("float32", *TOLERANCE):
        network = network_of(kind, precision)
        optimiser, losses[precision] = optimiser_of(network, precision), []
        for _ in range(STEPS):
            with tf.GradientTape() as tape:
                logits, steps = network(batch, training=True)
                loss = network.loss(logits, steps, labels)
                scaled = optimiser.scaled(loss)
            gradients = tape.gradient(scaled, [one.value for one in optimiser.variables])
            assert {one.dtype for one in (logits, loss, *gradients)} == {tf.float32}
            optimiser.apply(gradients, rate, rate)
            losses[precision].append(float(loss))
        evaluated[precision] = network(batch, training=False)[0].numpy()
        assert {one.dtype for one in [*optimiser.variables, *network.non_trainable_variables]} == {"float32"}
    exact = evaluated["float32"]
    for precision, tolerance in TOLERANCE.items():
        assert losses[precision] != losses["float32"], "nothing was rounded"
        np.testing.assert_allclose(losses[precision], losses["float32"], rtol=tolerance)
        np.testing.assert_allclose(evaluated[precision], exact, rtol=0, atol=tolerance * np.abs(exact).max())


def test_a_step_that_overflows_changes_nothing_but_the_scale() -> None:
    network = SimpleNamespace(main_variables=[keras.Variable([[1.0, 2.0]])], pretrained_variables=[])
    optimiser, rate = optimiser_of(network, "float16"), tf.constant(0.1)
    optimiser.apply([tf.constant([[1.0, -1.0]])], rate, rate)
    before = [one.numpy() for one in (*network.main_variables, *optimiser.state)]
    for bad in (np.inf, np.nan):
        optimiser.apply([tf.constant([[1.0, bad]])], rate, rate)
    after = [one.numpy() for one in (*network.main_variables, *optimiser.state)]
    assert all(np.array_equal(one, other) for one, other in zip(before[:-3], after[:-3], strict=True))
    assert (before[-3:], after[-3:]) == ([2.0**15, 1, 0], [2.0**13, 0, 2])


def test_good_steps_are_those_of_float32_and_double_the_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_scale, "STEPS_TO_DOUBLE", 2)
    weights = {}
    for precision in ("float32", "float16"):
        variable = keras.Variable([[1.0, 2.0]])
        optimiser = optimiser_of(SimpleNamespace(main_variables=[variable], pretrained_variables=[]), precision)
        for gradient in ([[1.0, -1.0]], [[0.25, 3.0]], [[0.5, 0.5]]):
            # Scales are powers of two: dividing by them loses nothing.
            optimiser.apply([optimiser.scaled(tf.constant(gradient))], tf.constant(0.1), tf.constant(0.1))
        weights[precision] = variable.numpy()
    assert np.array_equal(weights["float16"], weights["float32"])
    assert [one.numpy() for one in optimiser.loss_scale.variables] == [2.0**16, 1, 0]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict:
    settings = settings_of(write_arrays(tmp_path_factory.mktemp("arrays")))
    settings["variants"]["clips"]["modalities"] = ["depth"]
    stages = [{"steps": 8, "learning_rate": 1e-3}, {"steps": 1, "learning_rate": 1e-3}]
    return {
        **settings,
        "training": {"batch_size": 4, "stages": stages, "precision": "float16", "gradient_checkpointing": True},
    }


@pytest.fixture(scope="module")
def records(small: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_records(small, tmp_path_factory.mktemp("records"))


def noted(chain: Chain, stage: int) -> list[tuple[int, float, int]]:
    """Step, scale and steps skipped, as the history says at the end of a stage."""
    lines = [one for one in read_lines(chain.result(stage) / "history.jsonl") if one["kind"] == "train"]
    return [(one["step"], one["loss_scale"], one["skipped"]) for one in lines if one["stage"] == stage][-1:]


def test_a_run_that_is_interrupted_among_skipped_steps_ends_in_the_same_bytes(
    small: dict, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_scale, "FIRST_SCALE", 2.0**20)  # overflows at first
    whole, chain = (Chain(small, records, tmp_path / folder, "joints-s1") for folder in ("whole", "chain"))
    with pytest.raises(StoppedEarlyError):
        chain.run(1, stop_after=2)
    for stage in (1, 2):
        for one in (chain, whole):
            one.run(stage)
        assert chain.bytes(stage) == whole.bytes(stage)
        assert noted(chain, stage) == noted(whole, stage)
    _, scale, skipped = noted(whole, 1)[0]
    assert 2 <= skipped < 8  # the session ended among them, and they ended
    assert scale == 2.0**20 / 2**skipped


def test_devices_skip_a_step_together(
    small: dict, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_scale, "FIRST_SCALE", 2.0**20)
    training = {**small["training"], "devices": 2, "stages": [{"steps": 8, "learning_rate": 1e-3}]}
    chain = Chain({**small, "training": training}, records, tmp_path, "joints-s1")
    chain.run(1)
    _, scale, skipped = noted(chain, 1)[0]
    assert 2 <= skipped < 8
    assert scale == 2.0**20 / 2**skipped


def test_gradients_that_overflow_at_any_scale_end_the_training_for_good(
    small: dict, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_scale, "FIRST_SCALE", 0.5)
    chain = Chain(small, records, tmp_path, "joints-s1")
    for _ in range(2):  # the second attempt refuses at once
        with pytest.raises(FailedForGoodError, match=r"overflow float16 at step 0.*Set training.precision to bfloat16"):
            chain.run(1)


@pytest.mark.parametrize(("key", "value"), [("precision", "bfloat16"), ("gradient_checkpointing", True)])
def test_what_may_change_the_result_is_in_the_digest_of_a_stage(small: dict, key: str, value: object) -> None:
    off = {"batch_size": 4, "stages": [{"epochs": 1, "learning_rate": 1e-3}]}
    digests = set()
    for training in (off, {**off, key: value}):
        experiment = parse({**small, "training": training}, "test")
        digests.add(stage_digest(experiment, member(experiment, "clips-s1"), 1))
    assert len(digests) == 2
