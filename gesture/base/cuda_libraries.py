"""The CUDA libraries of this environment: where pip put them, and which ones a process has really opened."""

import ctypes
import os
import re
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

# What TensorFlow's loader opens, in its order, before it registers a GPU: one that is missing, and it registers none.
LOADER = (
    "libcudart.so.12",
    "libcublas.so.12",
    "libcublasLt.so.12",
    "libcufft.so.11",
    "libcusolver.so.11",
    "libcusparse.so.12",
    "libcudnn.so.9",
)
CUDNN = "libcudnn.so.9"
# Names without the minor version. nvblas and the like stay out: they replace libraries of others.
_OURS = re.compile(r"lib(cudart|nvJitLink|nvrtc|cublasLt|cublas|cufft|cusparse|cusolver|cudnn(_\w+)?)\.so\.\d+")


@cache
def installed() -> dict[str, Path]:
    """File name -> path of the CUDA libraries in NVIDIA's Python packages; empty in an environment for CPUs."""
    packages = [one for one in metadata.distributions() if (one.name or "").lower().startswith("nvidia-")]
    files = [file for one in packages for file in one.files or () if _OURS.fullmatch(file.name)]
    return {file.name: Path(str(file.locate())).resolve() for file in files}


def mapped() -> dict[str, Path]:
    """Name as the loader asks for it -> path of the CUDA libraries that this process has opened."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as lines:
        paths = {line.split(maxsplit=5)[5].strip() for line in lines if ".so" in line}
    found = {}
    for path in map(Path, sorted(paths)):
        # A system's libcudnn.so.9 is a link to libcudnn.so.9.10.2, and the link's target is what is mapped.
        match = _OURS.match(path.name)
        if match:
            found[match[0]] = path
    return found


def cudnn_version() -> str | None:
    """Version of the cuDNN that this process has opened, asked of the library itself; None if there is none."""
    path = mapped().get(CUDNN)
    if path is None:
        return None
    try:
        ask = ctypes.CDLL(str(path)).cudnnGetVersion
    except (OSError, AttributeError):
        return None
    ask.restype = ctypes.c_size_t
    number = ask()
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def failure(name: str) -> str:
    """Why a library cannot be opened, as the dynamic linker says it; empty if it can."""
    try:
        ctypes.CDLL(str(installed().get(name, name)))
    except OSError as error:
        return str(error)
    return ""


def first_on_path(name: str, search: str | None = None) -> Path | None:
    """The file of this name that comes first on `LD_LIBRARY_PATH`; None if there is none.

    Args:
        name: such as `libcudnn.so.9`.
        search: folders, separated by colons; default is the environment's variable.
    """
    folders = os.environ.get("LD_LIBRARY_PATH", "") if search is None else search
    for folder in re.split("[:;]", folders):
        with suppress(OSError):
            if folder and (Path(folder) / name).is_file():
                return (Path(folder) / name).resolve()
    return None
