"""Memory of a training step from the settings alone, free of TensorFlow; for `gesture plan` and `gesture doctor`.

Counted are the tensors that the backward pass needs, layer by layer, and what is alive for a moment while it is in a
layer. `benchmarks/gpu_memory.py` compares the sums with what TensorFlow allocates in a step on the CPU.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gesture.networks.base import FLOAT, Layer, NetworkSettings

# float32 weights and two moments of Adam [bytes a trained number].
STATE = 12


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


def state_bytes(network: NetworkSettings, modalities: Sequence[str], size: int, averaged: bool = False) -> float:
    """Weights, both moments of Adam and, if ``averaged``, the averaged weights [bytes]."""
    return network.kernel_weights(modalities, size) * (STATE + (FLOAT if averaged else 0))


def step_memory(
    network: NetworkSettings,
    modalities: Sequence[str],
    size: int,
    precision: str = "float32",
    gradient_checkpointing: bool = False,
    gradients_together: bool = False,
    on_gpu: bool = True,
) -> StepMemory:
    """What a training step needs.

    Args:
        network: kind and sizes.
        modalities: what it sees.
        size: height and width of the stored images [px].
        precision: what convolutions and products compute in.
        gradient_checkpointing: clip encoders compute their activations again.
        gradients_together: all gradients are there before the first weight changes: a norm is clipped, a loss is
            scaled, or devices share a batch.
        on_gpu: kernels of parallel encoders follow one another in turns, and convolutions in float32 want the
            channels in front; on a CPU one encoder's backward pass ends before the next begins.

    With ``gradient_checkpointing``, encoders in turns hold what each computes again at the same time: a GPU saves less
    than a CPU.
    """
    half = precision in ("float16", "bfloat16")
    width = FLOAT // 2 if half else FLOAT
    chains, inputs = network.chains(modalities, size, width, gradient_checkpointing)
    weights = network.kernel_weights(modalities, size)
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


def evaluation_bytes(
    network: NetworkSettings, modalities: Sequence[str], size: int, precision: str = "float32"
) -> float:
    """What a clip or sequence takes where nothing is kept for a backward pass [bytes]."""
    width = FLOAT // 2 if precision in ("float16", "bfloat16") else FLOAT
    chains, inputs = network.chains(modalities, size, width, gradient_checkpointing=False)
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
