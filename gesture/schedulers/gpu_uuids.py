"""Prints the UUID of every GPU that the driver shows, one a line, in CUDA's order; a program of its own.

CUDA reads `CUDA_VISIBLE_DEVICES` once in a process, at its first call: whoever wants to choose among GPUs must not be
the one that lists them. So this needs nothing but the standard library, and `gesture.schedulers.gpu_locks` starts it.
"""

import ctypes

LIBRARY = "libcuda.so.1"


def uuids() -> list[str]:
    """UUIDs as 32 hexadecimal digits; none where there is no driver, or where it does not start."""
    try:
        cuda = ctypes.CDLL(LIBRARY)
    except OSError:
        return []
    count = ctypes.c_int()
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)):
        return []
    # The newer function knows the parts of a card that is shared out (MIG).
    ask = getattr(cuda, "cuDeviceGetUuid_v2", cuda.cuDeviceGetUuid)
    return [_uuid(cuda, ask, number) for number in range(count.value)]


def _uuid(cuda: ctypes.CDLL, ask: "ctypes._FuncPointer", number: int) -> str:
    device, uuid = ctypes.c_int(), (ctypes.c_ubyte * 16)()
    if cuda.cuDeviceGet(ctypes.byref(device), number) or ask(uuid, device):
        return f"number-{number}"
    return bytes(uuid).hex()


if __name__ == "__main__":
    print("\n".join(uuids()))
