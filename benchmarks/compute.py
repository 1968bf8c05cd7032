"""How much of the processor the networks use, on one thread; every figure beside a limit of the same run.

    python benchmarks/compute.py            # about a minute
    python benchmarks/compute.py --clips 8 --repeats 9

* the rgb encoder's training step (forward and backward) against a plain matrix product of the same run, and against
  the same network in torch, channels last, where torch is installed;
* the whole SMnet's step against the sum of its parts: three encoders and the recurrent part, each on its own;
* clips per second when evaluating against training.

Sides alternate; each figure is the median of its repeats.
"""

# ruff: noqa: E402  (TensorFlow is imported quietly first)
import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gesture.base.tensorflow import import_tensorflow

import_tensorflow()

import tensorflow as tf

from gesture.networks.layers.build import build
from gesture.networks.layers.runtime import pin
from gesture.networks.layers.smnet import SMnet
from gesture.networks.smnet import SMnetSettings

SIZE = 80
CLASSES = 20
MATRIX = 2048
# Backward needs the gradient of inputs and of weights: each as many multiply-adds as forward.
TRAINING_COST = 3
Side = Callable[[], Any]


def medians(sides: dict[str, Side], repeats: int) -> dict[str, float]:
    """Median wall time of each side [s], the sides taking turns; the first round compiles and does not count."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(repeats + 1):
        for name, side in sides.items():
            began = time.perf_counter()
            side()
            if number:
                found[name].append(time.perf_counter() - began)
    return {name: statistics.median(runs) for name, runs in found.items()}


def product() -> Side:
    """A matrix product, the fastest that this library does on one thread."""
    a, b = tf.random.normal((MATRIX, MATRIX)), tf.random.normal((MATRIX, MATRIX))
    function = tf.function(lambda: tf.reduce_sum(tf.matmul(a, b)))
    return lambda: function().numpy()


def training_step(call: Callable[[], tf.Tensor], variables: list[Any]) -> Side:
    """Forward, backward, and all gradients waited for."""
    values = [one.value for one in variables]

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(call())
        return tf.add_n([tf.reduce_sum(one) for one in tape.gradient(loss, values) if one is not None])

    return lambda: step().numpy()


def made_up_batch(clips: int) -> dict[str, tf.Tensor]:
    """Sequences of four clips, as the pipeline lays them out."""
    rng = np.random.default_rng(0)
    counts = [4] * (clips // 4) + ([clips % 4] if clips % 4 else [])

    def pictures(channels: int) -> tf.Tensor:
        return tf.constant(rng.normal(size=(clips, 16, SIZE, SIZE, channels)).astype(np.float32))

    return {
        "rgb": pictures(3),
        "depth": pictures(1),
        "skeleton_image": pictures(3),
        "clips": tf.constant(counts, tf.int32),
        "label": tf.constant(rng.integers(0, CLASSES, len(counts)), tf.int32),
        "length": tf.constant([16 * one - 1 for one in counts], tf.int32),
    }


def steps_of_smnet(network: SMnet, batch: dict[str, tf.Tensor]) -> dict[str, Side]:
    """Training steps of the whole network and of its parts, and its evaluation."""

    def loss() -> tf.Tensor:
        logits, steps = network(batch, training=True)
        return network.loss(logits, steps, batch["label"])

    sides = {"whole step": training_step(loss, network.trainable_variables)}
    for name, encoder in zip(network.streams, network.encoders, strict=True):
        pictures = network._pictures(name, batch)
        sides[f"{name} encoder"] = training_step(
            lambda encoder=encoder, pictures=pictures: encoder(pictures, training=True), encoder.trainable_variables
        )
    features = tf.random.normal((len(batch["clips"]), 4, sum(one.dense.units for one in network.encoders)))

    def recurrent() -> tf.Tensor:
        return network.logits(network.recurrent(features, batch["clips"], training=True))

    variables = network.recurrent.trainable_variables + network.logits.trainable_variables
    sides["recurrent part"] = training_step(recurrent, variables)
    evaluate = tf.function(lambda: network.scores(*network(batch, training=False)))
    sides["evaluation"] = lambda: evaluate().numpy()
    return sides


def torch_encoder(
    clips: int, widths: Sequence[int] = SMnetSettings().widths, size: int = SIZE, cuda: bool = False, tf32: bool = False
) -> Side | None:
    """The rgb convolutions in torch, channels last, on one thread or a GPU; None where torch has no such device."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    if cuda and not torch.cuda.is_available():
        return None
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = tf32
    device = "cuda" if cuda else "cpu"
    layers: list[Any] = []
    channels = 3
    pools = {0: (1, 2, 2), 1: (2, 2, 2), 3: (2, 2, 2), 5: (2, 2, 2), 7: (2, 2, 2)}
    for number, width in enumerate(widths):
        layers += [torch.nn.Conv3d(channels, width, 3, padding=1), torch.nn.BatchNorm3d(width), torch.nn.ReLU()]
        if number in pools:
            layers.append(torch.nn.MaxPool3d(pools[number], pools[number], ceil_mode=True))
        channels = width
    network = torch.nn.Sequential(*layers).to(device, memory_format=torch.channels_last_3d)
    x = torch.randn(clips, 3, 16, size, size).to(device, memory_format=torch.channels_last_3d)

    def step() -> float:
        network.zero_grad()
        value = network(x).sum()
        value.backward()
        if cuda:
            torch.cuda.synchronize()
        return float(value)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=4, help="clips in a step (default 4)")
    parser.add_argument("--repeats", type=int, default=3, help="default 3")
    options = parser.parse_args()
    pin(1)
    tf.random.set_seed(1)
    network = build(SMnetSettings(), ("rgb", "depth", "mask", "skeleton"), CLASSES, SIZE, seed=1)
    assert isinstance(network, SMnet)
    batch = made_up_batch(options.clips)
    sides = {"matrix product": product(), **steps_of_smnet(network, batch)}
    other = torch_encoder(options.clips)
    if other is not None:
        sides["rgb encoder in torch"] = other
    found = medians(sides, options.repeats)
    for name, seconds in found.items():
        print(f"{name:22}{seconds:8.3f} s")

    limit = 2 * MATRIX**3 / found["matrix product"]
    encoder = SMnetSettings().products(["rgb"], SIZE)[: len(SMnetSettings().widths) + 1]  # and its dense layer
    multiply_adds = sum(one.times * one.inputs * one.outputs for one in encoder)
    rate = 2 * TRAINING_COST * options.clips * multiply_adds / found["rgb encoder"]
    print(f"\nrgb encoder's step / matrix product, operations a second: {rate / limit:.2f} (to reach: at least 0.80)")
    if other is None:
        print("torch is not installed: the comparison with it is left out")
    else:
        print(f"torch / ours, rgb encoder's step: {found['rgb encoder in torch'] / found['rgb encoder']:.2f} "
              "(to reach: at least 0.95)")  # fmt: skip
    parts = sum(seconds for name, seconds in found.items() if name.endswith(("encoder", "part")))
    print(f"whole step / sum of its parts: {found['whole step'] / parts:.2f} (to reach: at most 1.1)")
    faster = found["whole step"] / found["evaluation"]
    print(f"clips a second, evaluation / training: {faster:.2f} (to reach: at least 2.5)")


if __name__ == "__main__":
    main()
