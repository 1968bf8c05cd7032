"""What would fail in the same way again, told apart from accidents: exit 76 instead of a traceback."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from gesture.base.errors import FailedForGoodError


@contextmanager
def failures_said(what: str) -> Iterator[None]:
    """Names the reason of something that cannot succeed: a damaged record, shapes that do not fit.

    Args:
        what: is computed, for people.

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
            reason = str(error).strip().partition("\n")[0]
            raise FailedForGoodError(f"{what} cannot be computed, shapes or values do not fit: {reason}") from error
        raise
