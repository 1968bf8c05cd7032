"""What TensorFlow computes on in this process: its GPUs with everything that shapes their bytes, or the CPU and why."""

import os
import platform
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gesture.base import cuda_libraries
from gesture.base.cards import DRIVERS
from gesture.base.driver import Driver, driver
from gesture.base.tensorflow import import_tensorflow

MEND = "run `make env GPU=1` in the clone, and use that environment"
# TF32 exists from this compute capability on.
TF32_SINCE = (8, 0)
# What every CUDA library of version 12 works with.
LEAST_CUDA = min(DRIVERS)


@dataclass(frozen=True)
class Device:
    """One GPU.

    Attributes:
        name: as its driver calls it.
        compute_capability: such as `9.0`; None if unknown.
        memory_mb: of the whole card [MiB]; None if unknown.
    """

    name: str
    compute_capability: str | None
    memory_mb: int | None

    def __str__(self) -> str:
        facts = [f"sm_{self.compute_capability.replace('.', '')}"] if self.compute_capability else []
        facts += [f"{self.memory_mb / 1024:.0f} GB"] if self.memory_mb else []
        return f"{self.name} ({', '.join(facts)})" if facts else self.name


@dataclass(frozen=True)
class Hardware:
    """The devices of this process and the software between them and TensorFlow.

    Attributes:
        gpus: in TensorFlow's order; empty if it computes on the CPU.
        cpu: model of the CPU.
        driver: version of the NVIDIA driver, None without one.
        cuda: version that TensorFlow was built with, None if without CUDA.
        cudnn: version of the library that was really opened, None if none was.
        tf32: whether float32 is rounded to TF32 in products and convolutions.
        reason: why there is no GPU, and what to do; empty if there is one.
    """

    gpus: tuple[Device, ...]
    cpu: str
    driver: str | None
    cuda: str | None
    cudnn: str | None
    tf32: bool
    reason: str

    def line(self) -> str:
        """One line for logs."""
        if not self.gpus:
            return f"CPU: {self.cpu}"
        devices = ", ".join(f"{count} x {one}" for one, count in Counter(self.gpus).items())
        software = f"driver {self.driver}, CUDA {self.cuda}, cuDNN {self.cudnn}"
        return f"{devices}, {software}, TF32 {'on' if self.tf32 else 'off'}"

    def as_json(self) -> dict[str, Any]:
        """The same as numbers, texts, lists and mappings."""
        return {**asdict(self), "gpus": [asdict(one) for one in self.gpus]}


def hardware() -> Hardware:
    """Imports TensorFlow and looks. Computes nothing; `TF32` is as it is set at this moment."""
    try:
        import_tensorflow()
    except ModuleNotFoundError as error:
        reason = f"no TensorFlow in this environment ({error}): {MEND}"
        return Hardware((), cpu_model(), driver().version, None, None, False, reason)
    import tensorflow as tf

    build = tf.sysconfig.get_build_info()
    seen = driver()
    # TensorFlow lists the GPU of a driver that is too old, and cannot compute on it.
    found = [] if seen.cuda and seen.cuda < LEAST_CUDA else tf.config.list_physical_devices("GPU")
    memory = seen.memory_mb if len(seen.memory_mb) == len(found) else (None,) * len(found)
    gpus = tuple(
        _device(tf.config.experimental.get_device_details(one), mb) for one, mb in zip(found, memory, strict=True)
    )
    tf32 = tf.config.experimental.tensor_float_32_execution_enabled() and any(map(_has_tf32, gpus))
    return Hardware(
        gpus=gpus,
        cpu=cpu_model(),
        driver=seen.version,
        cuda=build.get("cuda_version"),
        cudnn=cuda_libraries.cudnn_version(),
        tf32=tf32,
        reason="" if gpus else why_no_gpu(build.get("cuda_version"), seen),
    )


def _device(details: dict[str, Any], memory_mb: int | None) -> Device:
    capability = details.get("compute_capability")
    return Device(details.get("device_name", "GPU"), ".".join(map(str, capability)) if capability else None, memory_mb)


def _has_tf32(gpu: Device) -> bool:
    return bool(gpu.compute_capability) and tuple(map(int, str(gpu.compute_capability).split("."))) >= TF32_SINCE


def why_no_gpu(cuda: str | None, seen: Driver) -> str:
    """What keeps TensorFlow from a GPU: the first thing on the way that is not there.

    Args:
        cuda: version that TensorFlow was built with.
        seen: what the driver says.
    """
    if cuda is None:
        return f"this TensorFlow is built without CUDA: {MEND}"
    if not seen.memory_mb:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        if seen.cuda is not None and hidden is not None:
            return f"CUDA_VISIBLE_DEVICES is {hidden!r}, which leaves no device ({seen.reason})"
        return seen.reason
    if seen.cuda is not None and seen.cuda < LEAST_CUDA:
        known = ".".join(map(str, seen.cuda))
        return f"driver {seen.version} is too old: it knows CUDA {known}, and R{DRIVERS[LEAST_CUDA]} or newer is needed"
    if not cuda_libraries.installed() and not cuda_libraries.mapped():
        return f"the driver shows a GPU, and this environment has no CUDA libraries: {MEND}"
    closed = [name for name in cuda_libraries.LOADER if name not in cuda_libraries.mapped()]
    for name in closed:
        said = cuda_libraries.failure(name)
        if said:
            return f"{name} cannot be opened: {said}"
    if closed:
        return f"TensorFlow does not find {', '.join(closed)}, although it can be opened"
    return f"TensorFlow has opened all its libraries and refuses the GPU; driver {seen.version}"


def cpu_model() -> str:
    """Model of the CPU, as the kernel calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
