"""The graphs of all networks as a GPU would meet them; what runs on a card itself is in tests/gpu."""

from functools import partial

import pytest
import tensorflow as tf
from gpu_kernels import (
    MESSAGES,
    copied_to_the_host,
    messages_of_determinism,
    not_deterministic,
    operations,
    waiting_for_the_gpu,
    without_gpu_kernel,
)
from test_models_zoo import ZOO

from gesture.config.settings import Augmentation, Stage, Training, Variant
from gesture.evaluate.predict import softmax_of
from gesture.inputs.batch import Inputs
from gesture.inputs.pipeline import signature
from gesture.networks.layers.build import build
from gesture.networks.smnet import SMnetSettings
from gesture.train.devices import Devices
from gesture.train.loop import _compile
from gesture.train.optimiser import TwoRateAdam

SIZE = 32
SMALL = {"widths": (2, 3), "head_units": (3, 3, 3), "recurrent_units": 4, "attention_length": 2}
PICTURES = ["rgb", "depth", "mask", "skeleton"]
NETWORKS = {
    **{name: ZOO[name] for name in ("joints", "graph", "transformer", "attention")},
    "smnet": (SMnetSettings(**SMALL), PICTURES),
}
OTHER_FORMS = {
    **{name: ZOO[name] for name in ("depth", "late", "early")},
    "smnet, recomputed": (SMnetSettings(**SMALL), PICTURES),
    "smnet of 2019": (SMnetSettings(**SMALL, legacy=True), PICTURES),
    "smnet, R(2+1)D": (SMnetSettings(**SMALL, encoder="r2plus1d"), ["rgb"]),
}

# Copies to the host that stay: each waits for the GPU. They are Keras' and TensorFlow's own.
STAY = {
    ("Cast", "StatelessRandomGetKeyCounter"): "the seed of each dropout",
    ("Prod", "Pack"): "the shape that a dense layer of three dimensions gives back",
    ("GatherV2", "ConcatV2"): "the shape that a dense layer of three dimensions gives back",
    ("DynamicStitch", "Reshape"): "the gradient of a mean",
    ("ReadVariableOp", "AddV2"): "the counters of float16's loss scale",
}


def stays(edge: tuple[str, str], names: list[str]) -> bool:
    """Is it listed, or a shape of a recurrent loop's round, which TensorFlow keeps for the way back?"""
    return edge in STAY or (edge[0] == "TensorListPopBack" and all("/rnn" in one for one in names))


def graphs(kind: str, precision: str) -> dict[str, tf.Graph]:
    """The training step, with everything on that adds operations, and the evaluation."""
    settings, modalities = (NETWORKS | OTHER_FORMS)[kind]
    network = build(settings, modalities, 5, SIZE, 1, precision, gradient_checkpointing="recomputed" in kind)
    mixed = settings.model != "smnet"
    training = Training(
        stages=[Stage(epochs=1, learning_rate=1e-3)],
        precision=precision,
        gradient_clip_norm=1.0,
        ema_decay=0.9,
        weight_decay=0.01,
        label_smoothing=0.1,
        augmentation=Augmentation(mixup=0.2 if mixed else 0),
    )
    inputs = Inputs.of(Variant(network=settings, modalities=modalities, training=training))
    devices = Devices(1, inputs.padded)
    step = _compile(network, TwoRateAdam(network, training), training, devices, signature(SIZE, inputs, mixed))
    evaluation = tf.function(partial(softmax_of, network))
    return {
        "training": step.get_concrete_function().graph,
        "evaluation": evaluation.get_concrete_function(signature(SIZE, inputs)).graph,
    }


@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_every_operation_runs_on_a_gpu_deterministically_and_without_waiting_for_it(kind: str, precision: str) -> None:
    for name, graph in graphs(kind, precision).items():
        for look in (without_gpu_kernel, not_deterministic, waiting_for_the_gpu):
            assert [f"{name}: {one}" for one in look(graph)] == []
        assert {edge: names for edge, names in copied_to_the_host(graph).items() if not stays(edge, names)} == {}


@pytest.mark.parametrize("kind", OTHER_FORMS)
def test_so_does_every_operation_of_their_other_forms(kind: str) -> None:
    test_every_operation_runs_on_a_gpu_deterministically_and_without_waiting_for_it(kind, "float16")


def graph_of(function, *specs: tf.TensorSpec) -> tf.Graph:
    return tf.function(function).get_concrete_function(*specs).graph


INTEGERS, NUMBERS = tf.TensorSpec((3, 4), tf.int32), tf.TensorSpec((3, 4), tf.float32)


def test_an_operation_without_a_kernel_for_its_types_is_found_inside_a_loop() -> None:
    def smallest(x: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y + tf.argmin(x, axis=0)[0]), (0, tf.int64.min))

    assert [one.op for one in without_gpu_kernel(graph_of(smallest, INTEGERS))] == ["ArgMin"]
    assert without_gpu_kernel(graph_of(smallest, NUMBERS)) == []


def test_an_operation_that_is_not_deterministic_is_found() -> None:
    found = not_deterministic(graph_of(lambda x: tf.image.adjust_contrast(x[..., None], 2.0), NUMBERS))
    assert [one.op for one in found] == ["AdjustContrastv2"]


def test_the_gradient_of_a_batch_norm_outside_training_is_found() -> None:
    def gradient(x: tf.Tensor) -> tf.Tensor:
        one = tf.ones(4)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.compat.v1.nn.fused_batch_norm(x[None, None], one, one, one, one, is_training=False)[0]
        return tape.gradient(y, x)

    assert [one.op for one in not_deterministic(graph_of(gradient, NUMBERS))] == ["FusedBatchNormGradV3"]


def test_an_operation_that_waits_is_found() -> None:
    assert [one.op for one in waiting_for_the_gpu(graph_of(tf.where, NUMBERS))] == ["Where"]


def test_a_number_of_the_gpu_that_the_host_reads_is_found_also_between_functions() -> None:
    def later(x: tf.Tensor) -> tf.Tensor:
        many = tf.cast(tf.reduce_sum(x), tf.int32)
        return tf.cond(x[0, 0] > 0, lambda: tf.range(many), lambda: tf.range(3))

    # The branch takes it as int32, hence from the host.
    assert {reader for _, reader in copied_to_the_host(graph_of(later, NUMBERS))} == {"StatelessIf"}
    assert list(copied_to_the_host(graph_of(lambda x: tf.sequence_mask(x[0], 4), INTEGERS))) == [("Cast", "Less")]
    assert copied_to_the_host(graph_of(tf.sin, NUMBERS)) == {}


def test_operations_of_branches_and_of_what_is_called_are_looked_at() -> None:
    @tf.function
    def called(x: tf.Tensor) -> tf.Tensor:
        return tf.sin(x)

    graph = graph_of(lambda x: tf.cond(x[0, 0] > 0, lambda: tf.cos(x), lambda: called(x)), NUMBERS)
    assert {"Cos", "Sin"} <= {one.type for one in operations(graph)}


def test_the_list_of_what_is_not_deterministic_is_that_of_the_tensorflow_installed() -> None:
    assert messages_of_determinism() == set(MESSAGES)
