"""Conversion and download have one writer, and when it ends, however it ends, so do its worker processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_up_arrays import settings_of, write_arrays

from gesture.base.pool import pool
from gesture.cli import main

# Shards of recordings whose reading never ends; each worker leaves its number.
CONVERT = """
import sys
from pathlib import Path
from gesture.convert.convert import write_shards
from gesture.convert.writer import Shard
from gesture.formats.options import ArraysOptions
from gesture.formats.source import Source
import endless
source = Source("one", Path(endless.__file__), "test", (1,), (0,))
options = ArraysOptions(classes=3)
write_shards([Shard(Path(f"{name}.tfrecord"), (source,), "endless", options, 16, "lean") for name in "abcd"], 2)
"""
GENERATE = """
import importlib
from pathlib import Path
import endless
generate = importlib.import_module("gesture.formats.synthetic.generate")
generate.write_sample = endless.read
generate.generate(Path("raw"), "default", 1, 2)
"""
ENDLESS = """
import os, time
from pathlib import Path
def read(*_):
    Path(f"worker-{os.getpid()}").touch()
    time.sleep(3600)
"""
PATIENCE = 60.0  # [s]; far more than is needed, on any machine


def until(condition: object) -> bool:
    ends = time.monotonic() + PATIENCE
    while not condition():  # type: ignore[operator]
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True


def workers(folder: Path) -> list[int]:
    return [int(path.name.removeprefix("worker-")) for path in folder.glob("worker-*")]


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "endless.py").write_text(ENDLESS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parent.parent.parent}")
    yield tmp_path
    for process in filter(lives, workers(tmp_path)):
        os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("code", [CONVERT, GENERATE], ids=["convert", "download"])
def test_no_worker_outlives_its_killed_parent(folder: Path, code: str, number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as parent:
        assert until(lambda: len(workers(folder)) == 2 or parent.poll() is not None)
        assert parent.poll() is None
        parent.send_signal(number)
        parent.wait(PATIENCE)
    assert until(lambda: not any(map(lives, workers(folder))))


def test_an_error_ends_workers_that_would_go_on_for_an_hour(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    import endless

    def work() -> None:
        with pool(2) as made:
            made.submit(endless.read)
            assert until(lambda: workers(folder))
            raise RuntimeError("the reason")

    with pytest.raises(RuntimeError, match="the reason"):
        work()
    assert not any(map(lives, workers(folder)))


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Of a conversion of 39 and more sequences."""
    write_arrays(tmp_path / "arrays", per_class=13)
    settings = tmp_path / "settings.yaml"
    settings.write_text(json.dumps(settings_of(tmp_path / "arrays")))
    assert main(["download", "--settings", str(settings), "--output", str(tmp_path / "raw.json")]) == 0
    return ["convert", "--settings", str(settings), "--raw", str(tmp_path / "raw.json"), "--processes", "2"]


def test_of_three_conversions_of_one_folder_one_writes_and_all_end_well(tmp_path: Path, arguments: list[str]) -> None:
    """Before there was one writer, each removed what the others were writing."""
    output = tmp_path / "records/manifest.json"
    command = [sys.executable, "-m", "gesture.cli", *arguments, "--verify", "--output", str(output)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    several = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    told = [one.communicate() for one in several]
    assert [one.returncode for one in several] == [0, 0, 0], told
    assert not any("Traceback" in error for _, error in told)
    leases = [json.loads(path.read_text()) for path in output.parent.glob("lease-*.json")]
    assert [one["released"] for one in leases] == [True]
    assert not list(output.parent.glob(".*"))


def test_a_conversion_that_changes_nothing_leaves_the_dates(tmp_path: Path, arguments: list[str]) -> None:
    """Others may train on these records: a newer manifest would train them again."""
    output = tmp_path / "records/manifest.json"
    assert main([*arguments, "--output", str(output)]) == 0
    dates = {path: path.stat().st_mtime_ns for path in output.parent.iterdir() if "lease" not in path.name}
    assert main([*arguments, "--output", str(output)]) == 0
    assert {path: path.stat().st_mtime_ns for path in dates} == dates
