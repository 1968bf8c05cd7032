"""What would fail in the same way again, told apart from accidents: exit 76 instead of a traceback."""

from contextlib import AbstractContextManager

import numpy as np

from gesture.base.errors import FailedForGoodError
from gesture.evaluate import failures as evaluation
from gesture.networks.layers.network import GestureNetwork


def failures_said(step: int) -> AbstractContextManager[None]:
    """Names the reason of a step that cannot succeed, as `gesture.evaluate.failures` does.

    Raises:
        FailedForGoodError: instead of TensorFlow's error.
    """
    return evaluation.failures_said(f"step {step}")


def check_weights(network: GestureNetwork, step: int) -> None:
    """Refuses weights that the last update made infinite or no number: no loss has seen them yet.

    Raises:
        FailedForGoodError: names the first of them.
    """
    for variable in network.weights:
        if not np.isfinite(variable.numpy()).all():
            raise FailedForGoodError(f"step {step} made {variable.path} infinite or no number; lower the learning rate")
