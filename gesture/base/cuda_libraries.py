"""The CUDA libraries of this environment: where pip put them, and which ones a process has really opened."""

import ctypes
import os
import re
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

from gesture.base.driver import LIBRARY as DRIVER

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
# What belongs to CUDA here, each after those that it needs: cuDNN is a front that opens its parts by name when they are
# first used. Others of NVIDIA's libraries stay out; nvblas, for one, would take the place of NumPy's.
_ORDER = (
    "cudart", "nvJitLink", "nvrtc", "cublasLt", "cublas", "cusparse", "cusolver", "cufft",
    "cudnn_graph", "cudnn_ops", "cudnn_cnn", "cudnn_adv", "cudnn_engines_runtime_compiled",
    "cudnn_engines_precompiled", "cudnn_heuristic", "cudnn",
)  # fmt: skip
_NAME = re.compile(rf"lib({'|'.join(_ORDER)})\.so\.\d+")


@cache
def installed() -> dict[str, Path]:
    """File name -> path of the CUDA libraries in NVIDIA's Python packages; empty in an environment for CPUs."""
    packages = [one for one in metadata.distributions() if (one.name or "").lower().startswith("nvidia-")]
    files = [file for one in packages for file in one.files or () if _NAME.fullmatch(file.name)]
    return {file.name: Path(str(file.locate())).resolve() for file in files}


def open_installed() -> None:
    """Opens them where there is a driver, before TensorFlow looks for them; does nothing in an environment for CPUs.

    TensorFlow 2.21 finds pip's libraries by a search path inside its own, and that has no `nvidia/cusolver/lib`: it
    opens all but `libcusolver.so.11`, and registers no GPU. Even the right search path would come after
    `LD_LIBRARY_PATH`, which `module load` fills with another cuDNN. The dynamic linker gives a library that is open
    already to everyone who asks for its name, whatever the paths say, and so do cuDNN's own parts.
    """
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return
    paths = installed()
    for name in sorted(paths, key=lambda name: _ORDER.index(_short(name))):
        with suppress(OSError):  # `failure` says why, if TensorFlow then finds no GPU
            ctypes.CDLL(str(paths[name]))


def foreign() -> dict[str, Path]:
    """File name -> path of what this process has opened although this environment has its own."""
    paths = installed()
    return {name: path for name, path in mapped().items() if name in paths and path.resolve() != paths[name]}


def mapped() -> dict[str, Path]:
    """Name as the loader asks for it -> path of the CUDA libraries that this process has opened."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as lines:
        paths = {line.split(maxsplit=5)[5].strip() for line in lines if ".so" in line}
    found = {}
    for path in map(Path, sorted(paths)):
        # A system's libcudnn.so.9 is a link to libcudnn.so.9.10.2, and the link's target is what is mapped.
        match = _NAME.match(path.name)
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


def _short(name: str) -> str:
    match = _NAME.match(name)
    return match[1] if match else name


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
