"""Builds the stub driver, and says with which environment variables it stands for a card."""

import subprocess
from pathlib import Path

HERE = Path(__file__).parent
LIBRARIES = ("libcuda", "libnvidia-ml")
# Compute capability -> name and memory [MiB] of a card that has it.
CARDS = {
    "7.0": ("Tesla V100-SXM2-32GB", 32768),
    "7.5": ("Tesla T4", 15360),
    "8.0": ("NVIDIA A100-SXM4-40GB", 40960),
    "8.6": ("NVIDIA GeForce RTX 3090", 24576),
    "8.9": ("NVIDIA L4", 23034),
    "9.0": ("NVIDIA H100 80GB HBM3", 81559),
    "10.0": ("NVIDIA B200", 183359),
    "12.0": ("NVIDIA GeForce RTX 5090", 32607),
}


def build(folder: Path) -> Path:
    """Compiles both libraries into a folder, which goes to `LD_LIBRARY_PATH`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in LIBRARIES:
        library(HERE / f"{name}.c", folder / f"{name}.so.1")
    return folder


def library(source: Path, target: Path, *options: str) -> None:
    """Compiles a C file to a shared library that is known by its file name."""
    line = ["cc", "-Wall", "-Werror", "-O1", "-shared", "-fPIC", f"-Wl,-soname,{target.name}", *options]
    subprocess.run([*line, "-o", str(target), str(source), "-ldl"], check=True)


def card(capability: str, **more: str) -> dict[str, str]:
    """The variables of a card, and others such as ``STUB_CUDA_DEVICES="4"``."""
    name, memory_mb = CARDS[capability]
    own = {"STUB_CUDA_CAPABILITY": capability, "STUB_CUDA_NAME": name, "STUB_CUDA_MEMORY_MB": str(memory_mb)}
    return {**own, **more}
