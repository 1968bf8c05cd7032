"""Memory that runs out in a step, for real: the CPU is given the allocator of GPUs, with a limit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml
from made_up_arrays import settings_of, write_arrays
from test_training import make_records

from gesture.base.errors import FailedForGoodError
from gesture.train.ledger import sessions

# Some of oneDNN's kernels die without asking whether they got their memory.
LIMIT = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPU_ALLOCATOR_USE_BFC": "true", "TF_CPU_BFC_MEM_LIMIT_IN_MB": "64"}


def test_a_step_that_finds_no_memory_is_tried_once_and_says_what_needs_less(tmp_path: Path) -> None:
    settings = settings_of(write_arrays(tmp_path / "arrays"))
    settings["variants"]["clips"]["network"]["widths"] = [256]
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    records, live = make_records(settings, tmp_path), tmp_path / "live"
    command = [
        *(sys.executable, "-m", "gesture.cli", "train", "--settings", tmp_path / "settings.yaml"),
        *("--records", records, "--member", "clips-s1", "--stage", "1"),
        *("--checkpoints", live, "--output", tmp_path / "result"),
    ]
    for environment in (LIMIT, {}):  # the second attempt does not even begin
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, check=False, env={**os.environ, **environment}
        )
        assert done.returncode == FailedForGoodError.exit_code, done.stderr
        told = done.stderr.strip().splitlines()[-1]
        assert "the GPU's memory ran out" in told
        assert "training.batch_size: 2" in told
    assert json.loads((live / "outcome.json").read_text())["exit_code"] == FailedForGoodError.exit_code
    assert [one["reason"] for one in sessions(live / "sessions.jsonl")] == ["memory"]
