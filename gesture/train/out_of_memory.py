"""A GPU that is full is full at every attempt: the stage fails for good, and says what would need less.

Free of TensorFlow: its error is known by name. Memory of the node that runs out is another matter: the next attempt may
be granted more.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gesture.base.errors import FailedForGoodError
from gesture.base.text import size
from gesture.config.gpu_memory import cards, lengths_of, need, remedies
from gesture.config.settings import Variant

ERROR = "ResourceExhaustedError"
# It says `... on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc`. The last is what a CPU has if it
# is given the allocator of GPUs, with a limit, as tests do; memory of the host has other names.
ON_GPU = re.compile(r"device:GPU:\d|GPU_\d+_bfc|bfc_cpu_allocator_for_gpu")
# Libraries that ask the driver themselves.
OF_A_LIBRARY = re.compile(r"CUDA_ERROR_OUT_OF_MEMORY|(CUDNN|CUBLAS)_STATUS_ALLOC_FAILED")


@contextmanager
def out_of_memory_said(variant: Variant, image: int, records: Path) -> Iterator[None]:
    """Turns TensorFlow's error into advice.

    Args:
        variant: that is trained.
        image: height and width of the stored images [px].
        records: manifest of the records, whose lengths say how large a batch may be.

    Raises:
        FailedForGoodError: the GPU's memory ran out inside the block.
    """
    try:
        yield
    except Exception as error:
        said = str(error)
        if not OF_A_LIBRARY.search(said) and not (type(error).__name__ == ERROR and ON_GPU.search(said)):
            raise
        raise FailedForGoodError(advice(variant, image, lengths_of(records), said)) from error


def advice(variant: Variant, image: int, lengths: list[int], error: str) -> str:
    """One line: what ran out, what was predicted, what to change.

    Args:
        variant: that is trained.
        image: height and width of the stored images [px].
        lengths: of the recordings that train [frames].
        error: what TensorFlow said.
    """
    found, training = need(variant, image, lengths), variant.training
    asked = re.search(r"allocating tensor with shape\[[\d,]*\] and type \w+", error)
    wanted = f", {asked[0]}" if asked else ""
    less = "; ".join(
        [*remedies(variant, image, lengths), "a card with more memory, with `gesture train --retry-failed`"]
    )
    return (
        f"the GPU's memory ran out{wanted}. About {size(found.least)} are needed: "
        f"{size(found.state + found.fixed)} of weights, Adam and gradients, and {found.units} {found.kind}s of "
        f"{size(found.unit)} (batch {training.batch_size}, {training.precision}, "
        f"gradient_checkpointing {'on' if training.gradient_checkpointing else 'off'}); fits {cards(found)}. "
        f"Change one of: {less}. If another process shares the card, ask the scheduler for one of your own"
    )
