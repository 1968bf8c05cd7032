"""TensorFlow set up so that the same inputs give the same bytes."""

import tensorflow as tf


def pin(threads: int) -> None:
    """Fixes the number of threads and switches deterministic operations on; before anything else is computed.

    Args:
        threads: threads within an operation; operations run one after the other.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_op_determinism()
