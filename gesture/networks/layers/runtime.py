"""TensorFlow set up so that the same inputs give the same bytes."""

import tensorflow as tf

# Steps that a GPU may be behind. One would do if all took as long; each more holds a batch in its memory.
LAG_OF_A_GPU = 2


def pin(threads: int, devices: int = 1, precision: str = "float32") -> None:
    """Fixes the number of threads and switches deterministic operations on; before anything else is computed.

    Args:
        threads: threads within an operation, of all devices together; operations run one after the other.
        devices: GPUs that are needed; where there is none, as many logical CPU devices are made.
        precision: as in `training.precision`; only `tf32` lets GPUs round float32 to TF32 in products, which TensorFlow
            does by default from A100 on.
    """
    gpus = tf.config.list_physical_devices("GPU")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if devices > 1 and not gpus:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    tf.config.experimental.enable_tensor_float_32_execution(precision == "tf32")
    tf.config.experimental.enable_op_determinism()


def lag() -> int:
    """Steps whose result need not be read at once: none on a CPU, which computes them as they are called."""
    return LAG_OF_A_GPU if tf.config.list_physical_devices("GPU") else 0


def ahead_on(devices: int = 1) -> str | None:
    """Where batches are copied ahead: the GPU, if it is one alone; None = they stay where they are made."""
    return "GPU:0" if devices == 1 and tf.config.list_physical_devices("GPU") else None


def device_names(count: int) -> list[str]:
    """The first devices, as TensorFlow calls them: GPUs, or after `pin` logical CPUs where there is none."""
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    return [f"{kind}:{number}" for number in range(count)]
