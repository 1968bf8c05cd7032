"""What would fail in the same way again, told apart from accidents: exit 76 instead of a traceback."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from gesture.base.errors import FailedForGoodError
from gesture.networks.layers.network import GestureNetwork


@contextmanager
def failures_said(step: int) -> Iterator[None]:
    """Names the reason of a step that cannot succeed: a damaged record, shapes that do not fit.

    Raises:
        FailedForGoodError: instead of TensorFlow's error.
    """
    try:
        yield
    except (tf.errors.OpError, ValueError) as error:
        # tf.data passes an exception of the reader on as text: type, message, traceback.
        ours = re.search(r"FailedForGoodError: (.*)", str(error))
        if ours:
            raise FailedForGoodError(ours[1]) from error
        if isinstance(error, ValueError | tf.errors.InvalidArgumentError):
            what = str(error).strip().partition("\n")[0]
            raise FailedForGoodError(f"step {step} cannot be computed, shapes or values do not fit: {what}") from error
        raise


def check_weights(network: GestureNetwork, step: int) -> None:
    """Refuses weights that the last update made infinite or no number: no loss has seen them yet.

    Raises:
        FailedForGoodError: names the first of them.
    """
    for variable in network.weights:
        if not np.isfinite(variable.numpy()).all():
            raise FailedForGoodError(f"step {step} made {variable.path} infinite or no number; lower the learning rate")
