"""Proves on a machine without GPU that the environment of `envs/gpu.lock` finds one: `make check-gpu-env`.

The stub driver claims to be one card after the other, and each time a fresh process looks for it as a job does, with no
library path but the stub's folder. The GPU must be registered and all libraries of TensorFlow's loader opened, those of
this environment. Without what `import_tensorflow` does before the import no GPU may be found: else the cure is not
needed any more, or this check cannot fail. The drivers that `gesture.base.cards` asks for must follow from the code in
the files; of PTX, TensorFlow's counts: what cuBLAS and cuSPARSE have of it is for a few of their operations.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE.parent)]

import stub_driver  # noqa: E402

from gesture.base.cards import CARDS, DRIVERS, Card  # noqa: E402
from gpu_env import environment, fatbin  # noqa: E402

LIBRARIES = {
    "TensorFlow": "tensorflow/libtensorflow_[cf]*.so.2",
    "cuDNN": "nvidia/cudnn/lib/libcudnn*.so.9",
    "cuBLAS": "nvidia/cublas/lib/libcublas*.so.12",
    "cuFFT": "nvidia/cufft/lib/libcufft.so.*",
    "cuSOLVER": "nvidia/cusolver/lib/libcusolver.so.*",
    "cuSPARSE": "nvidia/cusparse/lib/libcusparse.so.*",
    "NCCL": "nvidia/nccl/lib/libnccl.so.*",
}
# Version of PTX -> CUDA that brought it (the PTX manual's release notes).
CUDA_OF_PTX = {
    (8, 0): (12, 0), (8, 1): (12, 1), (8, 2): (12, 2), (8, 3): (12, 3), (8, 4): (12, 4),
    (8, 5): (12, 5), (8, 6): (12, 7), (8, 7): (12, 8), (8, 8): (12, 9),
}  # fmt: skip
# First CUDA that knows a generation; older ones than 12.0 do not matter.
CUDA_OF_GENERATION = {10: (12, 8), 12: (12, 8)}
LOOK = """
import json, sys
from gesture.base import cuda_libraries
if sys.argv[1] == "bare":
    cuda_libraries.open_installed = lambda: None
from gesture.base.hardware import hardware
found, opened, own = hardware(), cuda_libraries.mapped(), cuda_libraries.installed()
closed = [name for name in cuda_libraries.LOADER if opened.get(name) != own[name]]
print(json.dumps({**found.as_json(), "line": found.line(), "closed": closed, "opened": len(opened)}))
"""


def look(python: Path, stub: Path, capability: str, how: str) -> dict:
    """What a fresh process of the environment sees of the stub's card; ``bare`` leaves the cure out."""
    seen = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    variables = {**seen, **stub_driver.card(capability), "LD_LIBRARY_PATH": str(stub), "PYTHONPATH": str(ROOT)}
    variables["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(
        [str(python), "-P", "-c", LOOK, how], env=variables, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def least_cuda(card: Card, tensorflow: fatbin.Code) -> tuple[int, int]:
    """What the driver must know: the card, CUDA 12, and the PTX that it compiles for TensorFlow."""
    generation = CUDA_OF_GENERATION.get(card.capability[0], min(DRIVERS))
    return max(generation, CUDA_OF_PTX[tensorflow.isa] if tensorflow.isa else min(DRIVERS))


def cell(files: list[list[fatbin.Module]], card: Card) -> str:
    """A library's code for a card; of several files with code, the one that is worst off decides."""
    kinds = [str(fatbin.code(one, card.capability)) for one in files if any(module.native for module in one)]
    return next(
        (kind for kind in ("none", "PTX") if kind in kinds), next((one for one in kinds if "+" in one), "native")
    )


def main() -> int:
    place = environment.installed()
    packages = environment.packages(place)
    files = {name: [fatbin.modules(path) for path in sorted(packages.glob(one))] for name, one in LIBRARIES.items()}
    files["TensorFlow"] = [[module for one in files["TensorFlow"] for module in one]]
    problems, rows = [], [["card", "sm", "found", "opened", *LIBRARIES, "least driver"]]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as workers:
        stub = stub_driver.build(Path(folder))
        python, capabilities = environment.python(place), [".".join(map(str, card.capability)) for card in CARDS]
        looks = workers.map(lambda one: look(python, stub, one, "as a job"), capabilities)
        bare = workers.submit(look, python, stub, capabilities[0], "bare")
        for card, capability, seen in zip(CARDS, capabilities, looks, strict=True):
            code = fatbin.code(files["TensorFlow"][0], card.capability)
            cuda = least_cuda(card, code)
            cells = [cell(one, card) for one in files.values()]
            found = "yes" if [one["compute_capability"] for one in seen["gpus"]] == [capability] else "NO"
            least = f"R{DRIVERS[cuda]} (CUDA {cuda[0]}.{cuda[1]})"
            opened = "all" if not seen["closed"] else f"not {', '.join(seen['closed'])}"
            rows.append([card.names, f"sm_{capability.replace('.', '')}", found, opened, *cells, least])
            if found == "NO" or seen["closed"]:
                problems.append(f"{card.names}: {seen['line']}: {seen['reason']}; not opened: {seen['closed']}")
            if "none" in cells:
                problems.append(f"{card.names}: a library has no code for it")
            if (card.compiled, card.cuda) != (bool(code.compiled), cuda):
                problems.append(f"{card.names}: gesture/base/cards.py says {card}, the files say CUDA {cuda}, {code}")
    if bare.result()["gpus"]:
        problems.append("a GPU is found without opening the libraries before: is `open_installed` still needed?")
    print(table(rows))
    print(f"without opening them before: {bare.result()['reason']}")
    for one in problems:
        print(f"check-gpu-env: {one}", file=sys.stderr)
    return 1 if problems else 0


def table(rows: list[list[str]]) -> str:
    """Columns of equal width."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(one.ljust(width) for one, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
