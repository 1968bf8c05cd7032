"""`gesture doctor` and `gesture cancel` on the fake LSF."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from slurm.cluster import wait_for

from gesture.base.files import write_json, write_text
from gesture.cli import main
from gesture.config.digests import resolved
from gesture.config.layout import settings_file
from gesture.config.settings import load

LSF = Path(__file__).parent / "lsf"
sys.path.insert(0, str(LSF))
from fakelsf.cluster import Cluster  # noqa: E402


@pytest.fixture
def lsf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster whose commands come first on PATH; the working directory is `work` beside it."""
    cluster = Cluster.create(tmp_path / "cluster")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("FAKE_LSF", str(cluster.folder))
    monkeypatch.setenv("PATH", str(LSF / "bin"), prepend=":")
    return cluster


def doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, str]]:
    """Exit code of `gesture doctor --profile lsf`, and the level of each check."""
    code = main(["doctor", "--profile", "lsf", "--json", *arguments])
    return code, {one["check"]: one["level"] for one in json.loads(capsys.readouterr().out)}


def test_the_doctor_finds_the_request_of_2019_admitted_and_looks_at_a_node(
    lsf: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = doctor(capsys, "--probe")
    admitted = {"scheduler", "walltime", "memory unit", "gpu model", "gpu dialect", "probe"}
    assert {one: found[one] for one in admitted} == dict.fromkeys(admitted, "ok")
    assert (code, found["node: gpu"]) == (2, "problem"), "the GPUs of this cluster are only names"
    assert found["node: exclusive files"] == "ok"
    assert [path.name for path in Path().iterdir()] == ["logs"], "the probe leaves its log alone"


def test_the_doctor_finds_what_another_site_would_refuse(lsf: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    lsf.configure(
        gpu_new_syntax="extend",
        queues={"normal": 60},
        hosts=[{"name": "node1", "slots": 8, "mem_mb": 64000, "gpus": 2, "gpu_model": "NVIDIAA100"}],
    )
    _, found = doctor(capsys)
    assert {one for one in ("walltime", "gpu model", "gpu dialect") if found[one] == "problem"} == {
        "walltime", "gpu model", "gpu dialect",
    }  # fmt: skip


def test_an_lsf_that_is_down_is_said_so(lsf: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    lsf.break_command("bqueues")
    code, found = doctor(capsys, "--probe")
    assert (code, found["scheduler"], found["probe"]) == (2, "problem", "problem")


def test_cancel_ends_the_job_that_a_record_names(
    lsf: Cluster, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = load(repository / "tests/config/tiny.yaml")
    write_text(Path(settings_file(experiment)), yaml.safe_dump(resolved(experiment)))
    printed = subprocess.run(["bsub", "-J", "train.1", "sleep 600"], capture_output=True, text=True, check=True).stdout
    number = int(printed.split("<")[1].split(">")[0])
    record = {"rule": "train", "wildcards": {"member": "fusion-s1", "stage": "1"}, "name": "train.1",
              "outputs": ["results/tiny/train/fusion-s1/stage1/manifest.json"], "outcome": None}  # fmt: skip
    write_json(Path(".snakemake/lsf-steady/jobs/0.json"), {**record, "job_id": str(number)})
    assert main(["cancel", "tiny"]) == 0
    assert lsf.calls("bkill") == [[str(number)]]
    wait_for(lambda: lsf.jobs()[0]["stat"] == "EXIT", "the end of the job")
    assert f"ended LSF job {number}: train fusion-s1 1" in capsys.readouterr().out
