"""TensorFlow without a GPU says so, on a machine without a driver and on one with the stub of a driver."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import stub_driver

from gesture.base import cuda_libraries
from gesture.operate import trial
from gesture.operate.trial import Trial

for_cpus = pytest.mark.skipif(bool(cuda_libraries.installed()), reason="this environment has the CUDA libraries")


def gesture(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    command = [sys.executable, "-m", "gesture.cli", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@for_cpus
@pytest.mark.needs("cc")
def test_a_tensorflow_for_cpus_on_a_node_with_a_gpu_is_refused(tmp_path: Path) -> None:
    stub = {"LD_LIBRARY_PATH": str(stub_driver.build(tmp_path / "stub")), **stub_driver.card("7.0")}
    done = gesture("devices", **stub)
    assert (done.returncode, done.stdout[:5]) == (1, "CPU: ")
    reason = "the driver shows a GPU, and this environment has no CUDA libraries: run `make env GPU=1`"
    assert reason in done.stderr
    done = gesture("doctor", "--node", "--json", "--profile", "slurm", "--directory", str(tmp_path), **stub)
    found = {one["check"]: one for one in json.loads(done.stdout)}
    assert done.returncode == 2
    assert (found["tensorflow"]["level"], found["gpu"]["level"]) == ("problem", "problem")
    assert reason in found["gpu"]["what"]


def test_the_step_of_the_trial_runs_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    found = trial.try_out()
    assert isinstance(found, Trial), found
    assert (found.error, found.hardware.gpus) == ("", ())
    assert found.hardware.reason


def test_float32_means_float32() -> None:
    script = (
        "from gesture.base.tensorflow import import_tensorflow; import_tensorflow(); import tensorflow as tf; "
        "print(tf.config.experimental.tensor_float_32_execution_enabled()); "
        "tf.config.experimental.enable_tensor_float_32_execution(True); import_tensorflow(); "
        "print(tf.config.experimental.tensor_float_32_execution_enabled())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"], "off, until somebody asks for TF32"
