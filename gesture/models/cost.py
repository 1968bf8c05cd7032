"""Multiply-adds of the networks' forward pass, from the settings alone; free of TensorFlow, for `gesture plan`.

Counted are convolutions and matrix products, without the logits: their share is small and depends on the classes.
A multiply-add is two FLOPs.
"""

from collections.abc import Sequence
from math import ceil, prod

from gesture.models.settings import (
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


def multiply_adds(network: ModelSettings, modalities: Sequence[str], size: int) -> int:
    """Multiply-adds of a clip of 16 frames (SMnet) or of a whole sequence (the others).

    Args:
        network: kind and sizes.
        modalities: what it sees.
        size: height and width of the stored images [px].
    """
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


def _smnet(network: SMnetSettings, modalities: Sequence[str], image: int) -> int:
    total = features = 0
    for stream, units in zip(STREAMS, network.head_units, strict=True):
        if stream not in modalities:
            continue
        size, channels = [FRAMES, image, image], 3
        for name, kernel, width in layers_of(network.encoder, network.widths[: CONVOLUTIONS_OF[stream]]):
            total += prod(size) * prod(kernel) * channels * width
            size, channels = pooled(size, POOL_AFTER.get(name, (1, 1, 1))), width
        total += prod(pooled(size, LAST_POOL)) * channels * units
        features += units
    u = network.recurrent_units
    # Per direction: mixing input and attention, gates, query, output, and the keys of the memory.
    cell = (features + u) * 2 * u + 3 * u * 4 * u + 2 * u * u + 2 * u * u + network.memory * u * u
    return total + 2 * cell


def _temporal(network: TemporalSettings, frames: int, channels: int) -> int:
    total = frames * channels * network.width
    for _ in range(network.blocks):
        total += 2 * frames * network.kernel * network.width**2
        frames = ceil(frames / 2)
    return total


def _graph(network: GraphSettings) -> int:
    total, frames, channels = 0, network.frames, 3 * len(network.streams)
    for width, stride in zip(network.widths, network.strides, strict=True):
        total += frames * JOINTS * 3 * channels * (JOINTS + width)
        frames = ceil(frames / stride)
        total += frames * JOINTS * width * (network.kernel * width + channels)
        channels = width
    return total


def _transformer(network: TransformerSettings) -> int:
    frames, width = network.frames, network.width
    channels = sum(CHANNELS[name] for name in network.streams)
    block = frames * width * width * (3 + 1 + 2 + 2) + 2 * frames * frames * width
    return frames * channels * width + network.blocks * block


def _frames(network: FramesSettings, modalities: Sequence[str]) -> int:
    picture, size, channels = 0, network.person, 3
    for number, width in enumerate(network.widths):
        half = ceil(size / 2)
        out, kernel = (size, 3) if number else (half, 5)
        picture += out**2 * kernel**2 * channels * width
        size, channels = half, width
    picture += size**2 * channels * network.features
    total, inputs = network.frames * picture, [2 * network.features]
    if "skeleton" in modalities:
        total += network.frames * sum(CHANNELS[name] for name in network.streams) * network.features
        inputs.append(network.features)
    if network.fusion == "early":
        inputs = [sum(inputs)]
    total += sum(_temporal(network, network.frames, width) for width in inputs)
    weighing = len(inputs) * network.width if len(inputs) > 1 and network.fusion == "attention" else 0
    return total + weighing
