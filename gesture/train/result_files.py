"""Weights and optimiser slots as the result of a stage: HDF5 files that Keras and others read."""

import io
from collections.abc import Callable
from pathlib import Path

from gesture.base.files import write_synced
from gesture.config.layout import OPTIMISER, WEIGHTS
from gesture.networks.layers.network import GestureNetwork
from gesture.train.optimiser import TwoRateAdam


class _Memory(io.BytesIO):
    """An HDF5 file in memory: on a disk that is full, HDF5's own writing ends the whole process."""

    def __str__(self) -> str:
        return WEIGHTS  # Keras asks for the right ending


def write_state(folder: Path, network: GestureNetwork, optimiser: TwoRateAdam) -> None:
    """Writes weights (the averaged ones, if any) and the optimiser's state."""
    with optimiser.averaged_weights():
        write_synced(folder / WEIGHTS, _in_memory(network.save_weights))
    write_synced(folder / OPTIMISER, _in_memory(optimiser.save))


def _in_memory(save: Callable[[_Memory], None]) -> bytes:
    with _Memory() as memory:
        save(memory)
        return memory.getvalue()


def read_state(folder: Path, network: GestureNetwork, optimiser: TwoRateAdam) -> None:
    """Reads what `write_state` wrote."""
    network.load_weights(folder / WEIGHTS)
    optimiser.load(folder / OPTIMISER)
