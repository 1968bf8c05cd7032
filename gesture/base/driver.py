"""What the NVIDIA driver of this machine says, asked through its own library; TensorFlow is not needed."""

import ctypes
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIBRARY, MANAGEMENT = "libcuda.so.1", "libnvidia-ml.so.1"
KERNEL_MODULE = Path("/proc/driver/nvidia/version")
NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE, also where CUDA_VISIBLE_DEVICES hides all
COMPUTE_MODE = 20  # CU_DEVICE_ATTRIBUTE_COMPUTE_MODE
MODES = {0: "default", 2: "prohibited", 3: "exclusive process"}


@dataclass(frozen=True)
class Driver:
    """The driver, and the devices that it shows to this process.

    Attributes:
        version: such as `550.54.15`; None if there is no driver or it does not say.
        cuda: newest CUDA it works with, as (major, minor); None if there is no driver.
        memory_mb: of each visible device [MiB].
        modes: compute mode of each: `default`, `exclusive process` or `prohibited`.
        reason: why it shows no device; empty if it shows some.
    """

    version: str | None
    cuda: tuple[int, int] | None
    memory_mb: tuple[int, ...]
    modes: tuple[str, ...]
    reason: str


def driver() -> Driver:
    """Asks it. Devices that `CUDA_VISIBLE_DEVICES` hides are not shown."""
    try:
        cuda = ctypes.CDLL(LIBRARY)
    except OSError as error:
        return Driver(None, None, (), (), f"no NVIDIA driver: {error}")
    version = _version()
    newest = ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(newest))
    supported = (newest.value // 1000, newest.value % 1000 // 10)
    status = cuda.cuInit(0)
    if status and status != NO_DEVICE:
        return Driver(version, supported, (), (), f"the NVIDIA driver does not start: {_error(cuda, status)}")
    count = ctypes.c_int()
    if status or cuda.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return Driver(version, supported, (), (), f"the NVIDIA driver {version} sees no device")
    devices = range(count.value)
    return Driver(
        version, supported, tuple(_memory(cuda, n) for n in devices), tuple(_mode(cuda, n) for n in devices), ""
    )


def _memory(cuda: ctypes.CDLL, device: int) -> int:
    size = ctypes.c_size_t()
    cuda.cuDeviceTotalMem_v2(ctypes.byref(size), device)
    return size.value >> 20


def _mode(cuda: ctypes.CDLL, device: int) -> str:
    mode = ctypes.c_int()
    cuda.cuDeviceGetAttribute(ctypes.byref(mode), COMPUTE_MODE, device)
    return MODES.get(mode.value, str(mode.value))


def _error(cuda: ctypes.CDLL, status: int) -> str:
    name = ctypes.c_char_p()
    with suppress(AttributeError):
        cuda.cuGetErrorName(status, ctypes.byref(name))
    return f"{(name.value or b'error').decode()} ({status})"


def _version() -> str | None:
    """Of the management library, or of the kernel module where that library is missing, as in some containers."""
    with suppress(OSError, AttributeError):
        management = ctypes.CDLL(MANAGEMENT)
        text = ctypes.create_string_buffer(96)
        if not management.nvmlInit_v2() and not management.nvmlSystemGetDriverVersion(text, len(text)):
            return text.value.decode()
    with suppress(OSError):
        found = re.search(r"Kernel Module.*?(\d+\.\d+(?:\.\d+)?)", KERNEL_MODULE.read_text(encoding="utf-8"))
        return found[1] if found else None
    return None
