"""Memory of a training step from the settings alone, free of TensorFlow; for `gesture plan` and `gesture doctor`.

Counted are the tensors that the backward pass needs, layer by layer, and what is alive for a moment while it is in a
layer. `benchmarks/gpu_memory.py` compares the sums with what TensorFlow allocates in a step on the CPU.
"""

from collections.abc import Iterator, Sequence
from math import ceil, prod
from typing import NamedTuple

from gesture.networks.cost import (
    CHANNELS,
    CONVOLUTIONS_OF,
    FRAMES,
    JOINTS,
    LAST_POOL,
    POOL_AFTER,
    STREAMS,
    kernel_weights,
    layers_of,
    pooled,
)
from gesture.networks.settings import (
    FramesSettings,
    GraphSettings,
    ModelSettings,
    SMnetSettings,
    TemporalSettings,
    TransformerSettings,
)

FLOAT = 4  # bytes of float32
# float32 weights and two moments of Adam [bytes a trained number].
STATE = 12
PICTURE_CHANNELS = {"rgb": 3, "depth": 1, "skeleton": 3}  # as the pipeline delivers them; encoders see three
# A sequence where nothing is known of the recordings, as long as the mean of ChaLearn LAP 2014 [frames].
USUAL_LENGTH = 60


class Layer(NamedTuple):
    """What one layer takes of a clip or sequence [bytes].

    Attributes:
        kept: from the forward pass until the backward pass has been there.
        passing: while the backward pass is there: gradients, and what is computed again.
        unrolled: its input as a matrix, as large as the workspace of a convolution can become.
        swapped: its input and output once more, with the channels in front.
    """

    kept: float
    passing: float
    unrolled: float = 0.0
    swapped: float = 0.0


class StepMemory(NamedTuple):
    """What a training step allocates beside weights and moments [bytes].

    Attributes:
        unit: for each clip (SMnet) or sequence (the others).
        fixed: whatever the batch: gradients, copies of the weights in a half type.
        unrolled: largest convolution input as a matrix, for each clip or sequence.
    """

    unit: float
    fixed: float
    unrolled: float


def state_bytes(network: ModelSettings, modalities: Sequence[str], size: int, averaged: bool = False) -> float:
    """Weights, both moments of Adam and, if ``averaged``, the averaged weights [bytes]."""
    return kernel_weights(network, modalities, size) * (STATE + (FLOAT if averaged else 0))


def step_memory(
    network: ModelSettings,
    modalities: Sequence[str],
    size: int,
    precision: str = "float32",
    recompute: bool = False,
    gradients_together: bool = False,
    on_gpu: bool = True,
) -> StepMemory:
    """What a training step needs.

    Args:
        network: kind and sizes.
        modalities: what it sees.
        size: height and width of the stored images [px].
        precision: what convolutions and products compute in.
        recompute: clip encoders compute their activations again.
        gradients_together: all gradients are there before the first weight changes: a norm is clipped, a loss is
            scaled, or devices share a batch.
        on_gpu: kernels of parallel encoders follow one another in turns, and convolutions in float32 want the
            channels in front; on a CPU one encoder's backward pass ends before the next begins.

    With ``recompute``, encoders in turns hold what each computes again at the same time: a GPU saves less than a CPU.
    """
    half = precision in ("float16", "bfloat16")
    width = FLOAT // 2 if half else FLOAT
    chains, inputs = _chains(network, modalities, size, width, recompute)
    weights = kernel_weights(network, modalities, size)
    unit = _in_turns(chains) if on_gpu else _one_by_one(chains)
    everything = [layer for chain in chains for layer in chain]
    if on_gpu:
        unit += 2 * inputs  # the next batch is on its way; a CPU uses them where NumPy made them
        unit += 0.0 if half else max(layer.swapped for layer in everything)
    # Without that, a gradient is used up as soon as it is there; Adam takes three temporary copies of one kernel.
    largest = max(weights / max(1, len(everything)), 1.0)
    fixed = FLOAT * weights if gradients_together else FLOAT * 3 * largest
    if half:
        fixed += width * weights
    return StepMemory(unit, fixed, max(layer.unrolled for layer in everything))


def evaluation_bytes(network: ModelSettings, modalities: Sequence[str], size: int, precision: str = "float32") -> float:
    """What a clip or sequence takes where nothing is kept for a backward pass [bytes]."""
    width = FLOAT // 2 if precision in ("float16", "bfloat16") else FLOAT
    chains, inputs = _chains(network, modalities, size, width, recompute=False)
    # All chains are at their largest layer, one of them between what comes out of its convolution and its norm.
    largest = [max(layer.kept for layer in chain) / 2 for chain in chains]
    swapped = max(layer.swapped for chain in chains for layer in chain) if width == FLOAT else 0.0
    return 2 * inputs + sum(largest) + max(largest) + swapped


def _in_turns(chains: Sequence[Sequence[Layer]]) -> float:
    """Peak when the backward passes of all chains begin together and go on layer by layer."""
    longest = max(map(len, chains))
    return max(sum(_alive(chain, len(chain) - 1 - turn) for chain in chains) for turn in range(longest))


def _one_by_one(chains: Sequence[Sequence[Layer]]) -> float:
    """Peak when the backward pass of a chain ends before the next begins; the worst order."""
    whole = [sum(layer.kept for layer in chain) for chain in chains]
    return max(
        sum(whole) - own + max(_alive(chain, place) for place in range(len(chain)))
        for chain, own in zip(chains, whole, strict=True)
    )


def _alive(chain: Sequence[Layer], place: int) -> float:
    """While the backward pass is in a layer; nothing before the first."""
    return sum(layer.kept for layer in chain[: place + 1]) + chain[place].passing if place >= 0 else 0.0


def _chains(
    network: ModelSettings, modalities: Sequence[str], size: int, width: int, recompute: bool
) -> tuple[list[list[Layer]], float]:
    """Layers in the order of the forward pass, parallel ones as chains of their own; and the bytes of the inputs."""
    if isinstance(network, SMnetSettings):
        return _smnet(network, modalities, size, width, recompute)
    joints = USUAL_LENGTH * JOINTS * 9 * FLOAT if "skeleton" in modalities else 0
    if isinstance(network, FramesSettings):
        layers = list(_frames(network, modalities, width))
        return [layers], joints + network.frames * network.person**2 * 2 * FLOAT
    if isinstance(network, GraphSettings):
        return [list(_graph(network, width))], joints
    if isinstance(network, TransformerSettings):
        return [list(_transformer(network, width))], joints
    channels = sum(CHANNELS[name] for name in network.streams)
    return [list(_temporal(network, network.frames, channels, width))], joints


def _smnet(
    network: SMnetSettings, modalities: Sequence[str], image: int, width: int, recompute: bool
) -> tuple[list[list[Layer]], float]:
    chains, inputs, features = [], 0.0, 0
    for stream, units in zip(STREAMS, network.head_units, strict=True):
        if stream not in modalities:
            continue
        pixels = FRAMES * image**2
        inputs += pixels * PICTURE_CHANNELS[stream] * FLOAT
        # Depth three times; in a half type what the first convolution sees.
        entry = pixels * 3 * width if stream == "depth" or width < FLOAT else 0.0
        chains.append([Layer(entry, 0.0), *_encoder(network, stream, image, units, width, recompute)])
        features += units
    u = network.recurrent_units
    # Of one step and direction, all float32: gates and states, and the memory with its keys and scores.
    step = FLOAT * (2 * features + 40 * u + 5 * network.memory * u)
    chains[0].append(Layer(2 * step, step))
    return chains, inputs


def _encoder(
    network: SMnetSettings, stream: str, image: int, units: int, width: int, recompute: bool
) -> Iterator[Layer]:
    size, channels = [FRAMES, image, image], 3
    for name, kernel, filters in layers_of(network.encoder, network.widths[: CONVOLUTIONS_OF[stream]]):
        seen, made = prod(size) * channels * width, prod(size) * filters * width
        size, channels = pooled(size, POOL_AFTER.get(name, (1, 1, 1))), filters
        left = prod(size) * filters * width if name in POOL_AFTER else 0
        # Kept: what the convolution made, for batch norm; its ReLU; the pool.
        inside, gradients = 2 * made + left, 2 * made
        if recompute:
            outside = left or made
            yield Layer(outside, inside + gradients, prod(kernel) * seen, seen + made)
        else:
            yield Layer(inside, gradients, prod(kernel) * seen, seen + made)
    flat = prod(pooled(size, LAST_POOL)) * channels
    # The last pool, what dropout left of it and its mask; dense, its norm.
    yield Layer(flat * (2 * width + 1) + 3 * units * width, 2 * flat * width)


def _temporal(network: TemporalSettings, frames: int, channels: int, width: int) -> Iterator[Layer]:
    made = frames * network.width * width
    yield Layer(frames * channels * width + made, made)
    for _ in range(network.blocks):
        made, half = frames * network.width * width, ceil(frames / 2) * network.width * width
        # Two norms with ReLU, two convolutions, what dropout left and its mask; the pool.
        yield Layer(5 * made + made / width + half, 3 * made, network.kernel * made, 2 * made)
        frames = ceil(frames / 2)
    yield Layer(frames * network.width * (width + FLOAT), 2 * frames * network.width * FLOAT)


def _graph(network: GraphSettings, width: int) -> Iterator[Layer]:
    frames, channels = network.frames, 3 * len(network.streams)
    yield Layer(frames * JOINTS * channels * width, 0.0)
    for filters, stride in zip(network.widths, network.strides, strict=True):
        seen, made = frames * JOINTS * channels * width, frames * JOINTS * filters * width
        frames = ceil(frames / stride)
        left = frames * JOINTS * filters * width
        # Neighbours; products, their norm with ReLU, what dropout left and its mask; the same after time.
        kept = 3 * seen + 3 * made + made / width + 2 * left + (seen / stride if stride > 1 else 0)
        yield Layer(kept, max(2 * made, 3 * seen) + left, network.kernel * made, made + left)
        channels = filters


def _transformer(network: TransformerSettings, width: int) -> Iterator[Layer]:
    frames, made = network.frames, network.frames * network.width
    channels = sum(CHANNELS[name] for name in network.streams)
    yield Layer(frames * channels * width + made * width, made * width)
    scores = network.heads * frames**2
    for _ in range(network.blocks):
        # Norms in float32; queries, keys, values; attended and joined; a dense layer of twice the width and its GELU.
        norms = 4 * made * (FLOAT if width == FLOAT else FLOAT + width)
        kept = norms + 14 * made * width + 2 * made + scores * (FLOAT if width == FLOAT else FLOAT + width)
        yield Layer(kept, 4 * made * width)


def _frames(network: FramesSettings, modalities: Sequence[str], width: int) -> Iterator[Layer]:
    size, channels = network.person, 3
    yield Layer(network.frames * size**2 * channels * width, 0.0)
    for number, filters in enumerate(network.widths):
        half, kernel = ceil(size / 2), 3 if number else 5
        seen = network.frames * size**2 * channels * width
        made = network.frames * (size if number else half) ** 2 * filters * width
        left = network.frames * half**2 * filters * width if number else 0
        unrolled = network.frames * (size if number else half) ** 2 * kernel**2 * channels * width
        yield Layer(2 * made + left, 2 * made, unrolled, seen + made)
        size, channels = half, filters
    flat = network.frames * size**2 * channels
    yield Layer(flat * (width + 1) + 3 * network.frames * network.features * width, 2 * flat * width)
    features = [2 * network.features]
    if "skeleton" in modalities:
        seen = sum(CHANNELS[name] for name in network.streams)
        yield Layer(network.frames * (seen * FLOAT + network.features * width), network.frames * seen * width)
        features.append(network.features)
    if network.fusion == "early":
        features = [sum(features)]
    for one in features:
        yield from _temporal(network, network.frames, one, width)
