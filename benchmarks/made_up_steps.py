"""Training steps of every kind of network on random inputs: what the GPU's benchmarks and tests are made of."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from gesture.config.settings import Stage, Training
from gesture.networks.base import NetworkSettings
from gesture.networks.cnn_tcn import CnnTcnSettings
from gesture.networks.layers.build import build
from gesture.networks.layers.network import GestureNetwork
from gesture.networks.smnet import FRAMES, SMnetSettings
from gesture.networks.stgcn import StgcnSettings
from gesture.networks.tcn import TcnSettings
from gesture.networks.transformer import TransformerSettings
from gesture.train.optimiser import TwoRateAdam

CLASSES = 20
CLIPS = 4  # of a made-up sequence
LENGTH = 60  # of a made-up sequence [frames]
SMALL_CLIPS = {"widths": (4, 6, 8), "head_units": (6, 4, 4), "recurrent_units": 8, "attention_length": 2}


class Kind(NamedTuple):
    """A network with its inputs."""

    settings: NetworkSettings
    modalities: Sequence[str]
    image: int = 80


def made_up(image: int = 80) -> dict[str, Kind]:
    """Every kind of network with the sizes of its settings, for clips of so many px; 0 = tiny ones, for a CPU."""
    small = image == 0
    sizes: dict[str, Any] = {"frames": 12, "width": 8, "blocks": 2} if small else {}
    pictures = {**sizes, "person": 20, "widths": (3, 4), "features": 5} if small else {}
    graph = {"frames": 12, "widths": (4, 6)} if small else {}
    clips: dict[str, Any]
    clips, image = (SMALL_CLIPS, 16) if small else ({}, image)
    streams = ("rgb", "depth", "mask", "skeleton")
    both = ("depth", "mask", "skeleton")
    return {
        "smnet": Kind(SMnetSettings(**clips), streams, image),
        "smnet r2plus1d": Kind(SMnetSettings(**clips, encoder="r2plus1d"), streams, image),
        "smnet legacy": Kind(SMnetSettings(**clips, legacy=True), streams, image),
        "joints": Kind(TcnSettings(**sizes), ("skeleton",)),
        "graph": Kind(StgcnSettings(**graph), ("skeleton",)),
        "transformer": Kind(TransformerSettings(**sizes), ("skeleton",)),
        "frames": Kind(CnnTcnSettings(**pictures), both),
        "frames late": Kind(CnnTcnSettings(**pictures, fusion="late"), both),
    }


def without_dropout(kind: Kind) -> Kind:
    """The same network dropping nothing: masks are drawn in the type that is computed in, and so differ."""
    names = [name for name in ("dropout", "recurrent_dropout") if hasattr(kind.settings, name)]
    return kind._replace(settings=kind.settings.model_copy(update=dict.fromkeys(names, 0.0)))


def batch_of(kind: Kind, units: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A random batch of so many clips (SMnet, four a sequence) or sequences (the others), as the pipeline makes it."""
    rng = np.random.default_rng(seed)
    settings = kind.settings
    if not isinstance(settings, SMnetSettings):
        skeleton = np.zeros((units, LENGTH, 20, 9), np.float32)
        skeleton[..., :3] = np.linspace([0.1, 0.2, 2], [0.4, 1.5, 2.2], 20) + rng.normal(0, 0.1, (units, LENGTH, 20, 3))
        batch = {"skeleton": skeleton} if "skeleton" in kind.modalities else {}
        if isinstance(settings, CnnTcnSettings):
            shape = (units, settings.frames, settings.person, settings.person, 2)
            batch["person"] = rng.normal(0, 0.5, shape).astype(np.float32)
        counts = [1] * units
    else:
        names = {"rgb": ("rgb", 3), "depth": ("depth", 1), "skeleton": ("skeleton_image", 3)}
        batch = {
            name: rng.normal(size=(units, FRAMES, kind.image, kind.image, channels)).astype(np.float32)
            for modality, (name, channels) in names.items()
            if modality in kind.modalities
        }
        whole = CLIPS if settings.layout == "flat" or units >= CLIPS else units
        counts = [whole] * (units // whole) + ([units % whole] if units % whole else [])
    labels = rng.integers(0, CLASSES, len(counts))
    lengths = [LENGTH if count == 1 else FRAMES * count - 1 for count in counts]
    return {
        **batch,
        "clips": np.array(counts, np.int32),
        "label": labels.astype(np.int32),
        "length": np.array(lengths, np.int32),
    }


def trainer(
    kind: Kind, precision: str = "float32", gradient_checkpointing: bool = False, seed: int = 1
) -> tuple[GestureNetwork, TwoRateAdam]:
    """A network and its optimiser, as `gesture train` makes them."""
    network = build(kind.settings, kind.modalities, CLASSES, kind.image, seed, precision, gradient_checkpointing)
    training = Training(
        stages=[Stage(steps=1, learning_rate=1e-4)], precision=precision, gradient_checkpointing=gradient_checkpointing
    )
    return network, TwoRateAdam(network, training)


def training_step(network: GestureNetwork, optimiser: TwoRateAdam, spec: Any) -> Callable[..., tf.Tensor]:
    """Forward, backward and update as one graph for batches of any size; returns the loss.

    Args:
        network: what is trained.
        optimiser: its optimiser.
        spec: a batch, or names -> specs.
    """
    signature = {name: tf.TensorSpec((None, *one.shape[1:]), tf.as_dtype(one.dtype)) for name, one in spec.items()}

    @tf.function(input_signature=[signature])
    def step(batch: dict[str, tf.Tensor]) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits, steps = network(batch, training=True)
            loss = network.loss(logits, steps, batch["label"])
            scaled = optimiser.scaled(loss)
        gradients = tape.gradient(scaled, [one.value for one in optimiser.variables])
        rate = tf.constant(1e-4)
        optimiser.apply(gradients, rate, rate)
        return loss

    return step
