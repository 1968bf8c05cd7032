"""The GPU environment itself, with a stub driver: what it says of a node, and what it does about a bad one.

`check.py` beside it proves that each kind of card is found; these tests are about the commands. No kernel runs here.
"""

import json
import re
from pathlib import Path

import pytest
import stub_driver

from gpu_env.conftest import GpuEnvironment

OTHER = "long cudnnGetVersion(void) { return 92800; }"
# `gesture` as it would be without opening the libraries before TensorFlow is imported.
BARE = (
    "import sys; from gesture.base import cuda_libraries; cuda_libraries.open_installed = lambda: None; "
    "from gesture.cli import main; sys.exit(main(sys.argv[1:]))"
)


@pytest.fixture(scope="session")
def other_cudnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `module load cudnn` puts it first on `LD_LIBRARY_PATH`: another version, in name only."""
    folder = tmp_path_factory.mktemp("other")
    (folder / "other.c").write_text(OTHER)
    for name in ("libcudnn.so.9", "libcudnn_graph.so.9", "libcudnn_ops.so.9", "libcublasLt.so.12"):
        stub_driver.library(folder / "other.c", folder / name)
    return folder


def doctor(gpu_environment: GpuEnvironment, folder: Path, **how: str) -> dict[str, dict[str, str]]:
    """Check -> finding, of `gesture doctor --node` for a job that wants a GPU and trains what the demo trains."""
    settings = str(gpu_environment.repository / "config/demo.yaml")
    options = ["--profile", "slurm", "--settings", settings, "--directory", str(folder)]
    done = gpu_environment.run("gesture", "doctor", "--node", "--json", *options, **how)
    assert "Traceback" not in done.stderr
    return {one["check"]: one for one in json.loads(done.stdout)}


@pytest.mark.parametrize(
    ("card", "line"),
    [
        ("7.0", "1 x Tesla V100-SXM2-32GB (sm_70, 32 GB), driver 535.104.05, CUDA 12.5.1, cuDNN 9.10.2, TF32 off"),
        ("9.0", "1 x NVIDIA H100 80GB HBM3 (sm_90, 80 GB), driver 535.104.05, CUDA 12.5.1, cuDNN 9.10.2, TF32 off"),
        ("12.0", "1 x NVIDIA GeForce RTX 5090 (sm_120, 32 GB), driver 535.104.05, CUDA 12.5.1, cuDNN 9.10.2, TF32 off"),
    ],
)
def test_devices_names_the_card_and_the_software(gpu_environment: GpuEnvironment, card: str, line: str) -> None:
    done = gpu_environment.run("gesture", "devices", card=card, STUB_CUDA_DRIVER="535.104.05")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{line}\n", "")


def test_devices_are_those_that_the_job_may_see(gpu_environment: GpuEnvironment) -> None:
    done = gpu_environment.run("gesture", "devices", "--json", STUB_CUDA_DEVICES="4", CUDA_VISIBLE_DEVICES="2,3")
    assert len(json.loads(done.stdout)["gpus"]) == 2


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES is ''"),
        ({"STUB_CUDA_DEVICES": "0"}, "sees no device"),
        ({"STUB_CUDA_INIT": "803"}, "does not start: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
        ({"STUB_CUDA_VERSION": "11.4", "STUB_CUDA_DRIVER": "470.82"}, "driver 470.82 is too old"),
        ({"LD_LIBRARY_PATH": ""}, "no NVIDIA driver: libcuda.so.1"),
    ],
)
def test_without_a_gpu_the_reason_is_said(
    gpu_environment: GpuEnvironment, variables: dict[str, str], reason: str
) -> None:
    done = gpu_environment.run("gesture", "devices", **variables)
    assert done.returncode == 1
    assert reason in done.stderr
    assert done.stdout.startswith("CPU: ")


def test_a_library_that_tensorflow_misses_is_named(gpu_environment: GpuEnvironment) -> None:
    done = gpu_environment.run("python", "-c", BARE, "devices", PYTHONPATH=str(gpu_environment.repository))
    assert done.returncode == 1
    assert "libcusolver.so.11" in done.stderr


def test_another_cudnn_first_on_the_path_is_told_and_not_taken(
    gpu_environment: GpuEnvironment, other_cudnn: Path, tmp_path: Path
) -> None:
    found = doctor(gpu_environment, tmp_path, first=str(other_cudnn))
    assert "cuDNN 9.10.2," in found["gpu"]["what"]
    assert found["cuDNN"]["level"] == "ok"
    assert found["LD_LIBRARY_PATH"]["level"] == "warning"
    assert str(other_cudnn / "libcudnn.so.9") in found["LD_LIBRARY_PATH"]["what"]


def test_another_cudnn_that_is_taken_is_a_problem(
    gpu_environment: GpuEnvironment, other_cudnn: Path, tmp_path: Path
) -> None:
    """What would happen without opening ours before: so the test above can fail."""
    cusolver = gpu_environment.packages / "nvidia/cusolver/lib"
    (tmp_path / "sitecustomize.py").write_text(BARE.split("from gesture.cli")[0])
    path = f"{tmp_path}:{gpu_environment.repository}"
    found = doctor(gpu_environment, tmp_path, first=f"{other_cudnn}:{cusolver}", PYTHONPATH=path)
    assert "cuDNN 9.28.0," in found["gpu"]["what"]
    assert found["cuDNN"]["level"] == "problem"
    assert str(other_cudnn / "libcudnn.so.9") in found["cuDNN"]["what"]


def test_a_step_that_fails_is_a_problem_of_one_line(gpu_environment: GpuEnvironment, tmp_path: Path) -> None:
    found = doctor(gpu_environment, tmp_path, card="8.0")
    assert found["training step"]["level"] == "problem"
    assert re.fullmatch(r"InternalError: .+", found["training step"]["what"])
    assert {found[one]["level"] for one in ("gpu", "driver", "cuDNN", "memory", "compute mode")} == {"ok"}
    assert "kernel cache" not in found, "nothing is compiled for this card"


def test_an_h100_needs_a_newer_driver_and_a_place_for_kernels(gpu_environment: GpuEnvironment, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    old = {"STUB_CUDA_VERSION": "12.2", "STUB_CUDA_DRIVER": "535.104.05", "CUDA_CACHE_PATH": str(tmp_path / "file/x")}
    found = doctor(gpu_environment, tmp_path, **old)
    assert (found["driver"]["level"], found["kernel cache"]["level"]) == ("problem", "warning")
    assert "R555" in found["driver"]["todo"]
    assert doctor(gpu_environment, tmp_path, card="7.0", **old)["driver"]["level"] == "ok"


def test_the_container_tests_itself(gpu_environment: GpuEnvironment) -> None:
    """Its `%test`, in the same packages, where no GPU is: the image cannot be built here."""
    script = (gpu_environment.repository / "envs/gesture.def").read_text().split("\n%test\n")[1]
    executor = str(gpu_environment.repository / "executor")  # the image installs it
    done = gpu_environment.run("sh", "-e", "-c", script, LD_LIBRARY_PATH="", PYTHONPATH=executor)
    assert done.returncode == 0, done.stderr
    assert "CPU: " in done.stdout
