"""Weights and optimiser slots as the result of a stage: HDF5 files that Keras and others read."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gesture.base.disk import is_refusal
from gesture.base.errors import FailedForGoodError
from gesture.base.files import read_manifest, require_digest, write_synced
from gesture.config.layout import MANIFEST, OPTIMISER, WEIGHTS
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
    """Reads what `write_state` wrote, compared with the digests in the manifest beside it.

    Raises:
        FailedForGoodError: weights or slots are not those that the manifest was written for; that of 0.1.0 has no
            digest of the slots. Or they are damaged.
    """
    manifest = read_manifest(folder / MANIFEST, "train", weights_sha256=str)
    require_digest(folder / WEIGHTS, manifest["weights_sha256"], "train")
    if "optimiser_sha256" in manifest:
        require_digest(folder / OPTIMISER, manifest["optimiser_sha256"], "train")
    with _named(folder / WEIGHTS):
        network.load_weights(folder / WEIGHTS)
    with _named(folder / OPTIMISER):
        optimiser.load(folder / OPTIMISER)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Names the file that HDF5 or Keras cannot read: one without a digest, of 0.1.0, may be damaged."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, OSError) and is_refusal(error):
            raise
        raise FailedForGoodError(
            f"{path}: is damaged, or of another network ({str(error).strip().partition(chr(10))[0]}); "
            "remove the folder and run gesture train again"
        ) from error
