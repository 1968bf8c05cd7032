"""What `gesture doctor --node` makes of a trial on a compute node."""

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from gesture.base.hardware import Device, Hardware
from gesture.operate import node, trial
from gesture.operate.trial import Trial
from gesture.schedulers.finding import Finding

V100 = Device("Tesla V100-SXM2-32GB", "7.0", 32768)
H100 = Device("NVIDIA H100 80GB HBM3", "9.0", 81559)
SEEN = Hardware((V100,), "AMD EPYC", "535.104.05", "12.5.1", "9.10.2", False, "")
GOOD = Trial(SEEN, (12, 2), ("exclusive process",), {}, {}, "")


def judged(wants_gpu: bool = True, **changes: Any) -> dict[str, Finding]:
    of_hardware = {name: value for name, value in changes.items() if hasattr(SEEN, name)}
    of_trial = {name: value for name, value in changes.items() if name not in of_hardware}
    one = replace(GOOD, hardware=replace(SEEN, **of_hardware), **of_trial)
    return {found.check: found for found in node.findings(one, wants_gpu)}


def test_a_node_with_a_v100_is_good() -> None:
    found = judged()
    assert {one.level for one in found.values()} == {"ok"}
    assert set(found) == {"gpu", "driver", "cuDNN", "compute mode", "training step"}


@pytest.mark.parametrize(
    ("changes", "check", "level", "said"),
    [
        ({"gpus": (H100,)}, "driver", "problem", "needs 12.5"),
        ({"gpus": (V100, H100)}, "driver", "problem", "needs 12.5"),
        ({"gpus": (Device("Tesla P100", "6.0", 16384),)}, "driver", "warning", "nothing is known of Tesla P100"),
        ({"known": (11, 4)}, "driver", "problem", "knows CUDA 11.4"),
        ({"cudnn": "9.28.0"}, "cuDNN", "problem", "cuDNN 9.28.0 for Tesla V100"),
        ({"foreign": {"libcudnn.so.9": "/sw/libcudnn.so.9"}}, "cuDNN", "problem", "/sw/libcudnn.so.9"),
        ({"first": {"libcudnn.so.9": "/sw/libcudnn.so.9"}}, "LD_LIBRARY_PATH", "warning", "/sw/libcudnn.so.9"),
        ({"modes": ("prohibited",)}, "compute mode", "problem", "prohibited"),
        ({"error": "InternalError: no"}, "training step", "problem", "InternalError: no"),
        ({"gpus": (), "reason": "no driver"}, "gpu", "problem", "no driver"),
        ({"gpus": (), "reason": "no driver", "wants_gpu": False}, "gpu", "ok", "none asked for"),
    ],
)
def test_what_jobs_would_fail_of_is_found(changes: dict[str, Any], check: str, level: str, said: str) -> None:
    found = judged(**changes)[check]
    assert (found.level, said in found.what) == (level, True), found


def test_a_card_that_compiles_kernels_wants_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_CACHE_PATH", str(tmp_path / "new/folder"))
    monkeypatch.delenv("CUDA_CACHE_DISABLE", raising=False)
    assert judged(gpus=(H100,), known=(12, 5))["kernel cache"].level == "ok"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    monkeypatch.setenv("CUDA_CACHE_PATH", str(tmp_path / "file"))
    assert judged(gpus=(H100,), known=(12, 5))["kernel cache"].level == "warning"
    monkeypatch.setenv("CUDA_CACHE_DISABLE", "1")
    assert "CUDA_CACHE_DISABLE" in judged(gpus=(H100,), known=(12, 5))["kernel cache"].what


def test_a_trial_is_read_back_from_its_line() -> None:
    line = trial.json.dumps(asdict(GOOD))
    assert trial.read(line) == GOOD


def test_a_trial_that_dies_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.run

    def dies(command: list[str], **how: Any) -> Any:
        script = (
            "import os, sys; sys.stderr.write('some log\\nCheck failed: stream\\n'); sys.stderr.flush(); os.abort()"
        )
        return real([sys.executable, "-c", script], **how)

    monkeypatch.setattr(trial.subprocess, "run", dies)
    said = trial.try_out()
    assert said == "it ended with signal 6: Check failed: stream"
    (found,) = node.findings(said, True)
    assert (found.check, found.level, found.what) == ("training step", "problem", said)
