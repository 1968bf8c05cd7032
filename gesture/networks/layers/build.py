"""From settings to a network with all its variables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import numpy as np

from gesture.base.streams import Stream
from gesture.networks.base import Context, NetworkSettings
from gesture.networks.layers.network import GestureNetwork


def build(
    settings: NetworkSettings,
    modalities: Sequence[str],
    classes: int,
    image_size: int,
    seed: int,
    precision: str = "float32",
    gradient_checkpointing: bool = False,
) -> GestureNetwork:
    """Builds a network; its initial weights are a pure function of the arguments.

    Args:
        settings: kind and sizes.
        modalities: what the network may see, from `rgb`, `depth`, `mask`, `skeleton`.
        classes: number of classes K.
        image_size: height and width of the images [px].
        seed: of the initial weights.
        precision: what convolutions and matrix products compute in: `float32`, `tf32`, `float16` or `bfloat16`;
            variables, batch statistics, softmaxes and logits are float32 always (Micikevicius et al. 2018). `tf32` is a
            matter of the process, see `runtime.pin`: its layers are those of float32.
        gradient_checkpointing: clip encoders compute their activations again in the backward pass and keep none.

    Raises:
        GestureError: the network cannot use these modalities.
    """
    with _computing_in(precision):
        rng = np.random.default_rng(Stream.INITIAL_WEIGHTS.entropy(seed))
        network = settings.build(Context(modalities, classes, image_size, rng, gradient_checkpointing))
    network.multiply_adds = settings.multiply_adds(modalities, image_size)
    return network


@contextmanager
def _computing_in(precision: str) -> Iterator[None]:
    """Layers made inside the block compute in this type; Keras remembers it for each."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision in ("float32", "tf32") else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
