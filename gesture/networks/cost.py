"""Size and multiply-adds of the networks from the settings alone; free of TensorFlow, for `gesture plan`.

Counted are convolutions and matrix products, without the logits: their share is small and depends on the classes.
A multiply-add is two FLOPs.
"""

from collections.abc import Sequence
from math import ceil, prod
from typing import NamedTuple

from gesture.networks.settings import (
    FramesSettings,
    GraphSettings,
    JointsSettings,
    ModelSettings,
    SMnetSettings,
    TemporalSettings,
    TransformerSettings,
)

JOINTS = 20
CHANNELS = {"joints": 60, "bones": 57, "velocity": 60, "path": 3}

# Clip encoders (C3D, Tran et al. 2015).
FRAMES = 16  # of a clip
CONVOLUTIONS = ("1", "2", "3a", "3b", "4a", "4b", "5a", "5b")
POOL_AFTER = {"1": (1, 2, 2), "2": (2, 2, 2), "3b": (2, 2, 2), "4b": (2, 2, 2)}
LAST_POOL = (2, 2, 2)
CONVOLUTIONS_OF = {"rgb": 8, "depth": 6, "skeleton": 6}
STREAMS = ("rgb", "depth", "skeleton")

Kernel = tuple[int, int, int]


def unit(network: ModelSettings) -> str:
    """What the multiply-adds are for."""
    return "clip" if network.model == "smnet" else "sequence"


class Product(NamedTuple):
    """A convolution or matrix product: `times` an input of so many numbers becomes an output of so many."""

    times: int
    inputs: int
    outputs: int
    trained: bool = True


def multiply_adds(network: ModelSettings, modalities: Sequence[str], size: int) -> int:
    """Multiply-adds of a clip of 16 frames (SMnet) or of a whole sequence (the others).

    Args:
        network: kind and sizes.
        modalities: what it sees.
        size: height and width of the stored images [px].
    """
    return sum(one.times * one.inputs * one.outputs for one in products(network, modalities, size))


def kernel_weights(network: ModelSettings, modalities: Sequence[str], size: int) -> int:
    """Trained numbers in all products: nearly all of the network, without biases, norms and logits."""
    return sum(one.inputs * one.outputs for one in products(network, modalities, size) if one.trained)


def products(network: ModelSettings, modalities: Sequence[str], size: int) -> list[Product]:
    """All that is counted, in the order of the forward pass."""
    if isinstance(network, SMnetSettings):
        return _smnet(network, modalities, size)
    if isinstance(network, JointsSettings):
        return _temporal(network, network.frames, sum(CHANNELS[name] for name in network.streams))
    if isinstance(network, GraphSettings):
        return _graph(network)
    if isinstance(network, TransformerSettings):
        return _transformer(network)
    return _frames(network, modalities)


def layers_of(encoder: str, widths: Sequence[int], channels: int = 3) -> list[tuple[str, Kernel, int]]:
    """Convolutions of a clip encoder: name (empty for the first half of a factorised one), kernel, width.

    A factorised one has as many channels between its halves as keep the number of weights (Tran et al. 2018).
    """
    layers: list[tuple[str, Kernel, int]] = []
    for name, width in zip(CONVOLUTIONS, widths, strict=False):
        if encoder == "r2plus1d":
            layers.append(("", (1, 3, 3), 27 * channels * width // (9 * channels + 3 * width)))
            layers.append((name, (3, 1, 1), width))
        else:
            layers.append((name, (3, 3, 3), width))
        channels = width
    return layers


def pooled(size: Sequence[int], pool: Sequence[int]) -> list[int]:
    """Size after a pool with padding, rounded up."""
    return [ceil(extent / step) for extent, step in zip(size, pool, strict=True)]


def _smnet(network: SMnetSettings, modalities: Sequence[str], image: int) -> list[Product]:
    found, features = [], 0
    for stream, units in zip(STREAMS, network.head_units, strict=True):
        if stream not in modalities:
            continue
        size, channels = [FRAMES, image, image], 3
        for name, kernel, width in layers_of(network.encoder, network.widths[: CONVOLUTIONS_OF[stream]]):
            found.append(Product(prod(size), prod(kernel) * channels, width))
            size, channels = pooled(size, POOL_AFTER.get(name, (1, 1, 1))), width
        found.append(Product(1, prod(pooled(size, LAST_POOL)) * channels, units))
        features += units
    u = network.recurrent_units
    cell = [
        Product(1, features + u, 2 * u),  # mixes input and attention
        Product(1, 3 * u, 4 * u),  # gates
        Product(1, 2 * u, u),  # query
        Product(1, 2 * u, u),  # output
        Product(network.memory, u, u),  # keys of the memory
    ]
    return found + 2 * cell


def _temporal(network: TemporalSettings, frames: int, channels: int) -> list[Product]:
    found = [Product(frames, channels, network.width)]
    for _ in range(network.blocks):
        found += 2 * [Product(frames, network.kernel * network.width, network.width)]
        frames = ceil(frames / 2)
    return found


def _graph(network: GraphSettings) -> list[Product]:
    found, frames, channels = [], network.frames, 3 * len(network.streams)
    for width, stride in zip(network.widths, network.strides, strict=True):
        found.append(Product(frames * channels, JOINTS, 3 * JOINTS))
        found.append(Product(frames * JOINTS, 3 * channels, width))
        frames = ceil(frames / stride)
        found.append(Product(frames * JOINTS, network.kernel * width, width))
        found.append(Product(frames * JOINTS, channels, width))
        channels = width
    return found


def _transformer(network: TransformerSettings) -> list[Product]:
    frames, width = network.frames, network.width
    block = [
        Product(frames, width, 3 * width),
        Product(frames, width, frames, trained=False),  # queries times keys
        Product(frames, frames, width, trained=False),  # weights times values
        Product(frames, width, width),
        Product(frames, width, 2 * width),
        Product(frames, 2 * width, width),
    ]
    return [Product(frames, sum(CHANNELS[name] for name in network.streams), width), *network.blocks * block]


def _frames(network: FramesSettings, modalities: Sequence[str]) -> list[Product]:
    found, size, channels = [], network.person, 3
    for number, width in enumerate(network.widths):
        half = ceil(size / 2)
        out, kernel = (size, 3) if number else (half, 5)
        found.append(Product(network.frames * out**2, kernel**2 * channels, width))
        size, channels = half, width
    found.append(Product(network.frames, size**2 * channels, network.features))
    inputs = [2 * network.features]
    if "skeleton" in modalities:
        found.append(Product(network.frames, sum(CHANNELS[name] for name in network.streams), network.features))
        inputs.append(network.features)
    if network.fusion == "early":
        inputs = [sum(inputs)]
    for width in inputs:
        found += _temporal(network, network.frames, width)
    if len(inputs) > 1 and network.fusion == "attention":
        found.append(Product(len(inputs), network.width, 1))
    return found
