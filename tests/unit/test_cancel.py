"""`gesture cancel` finds the jobs of one experiment and ends them; schedulers are small scripts here."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gesture.cli import main
from gesture.config import digests, layout, settings
from gesture.operate import cancel as jobs

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in which the experiment `tiny` was started; PATH has the commands that a test writes."""
    experiment = settings.load(ROOT / "tests/config/tiny.yaml")
    path = tmp_path / layout.settings_file(experiment)
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(digests.resolved(experiment)))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def script(folder: Path, name: str, body: str) -> None:
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def lsf_record(folder: Path, number: str | None, output: str, name: str = "unique") -> None:
    place = folder / ".snakemake/lsf-steady/jobs"
    place.mkdir(parents=True, exist_ok=True)
    record = {"rule": "train", "wildcards": {"member": "fusion-s1", "stage": "2"}, "outputs": [output], "name": name}
    (place / f"{len(list(place.iterdir()))}.json").write_text(json.dumps({**record, "outcome": None, "job_id": number}))


def ended(folder: Path) -> list[str]:
    path = folder / "ended"
    return path.read_text().splitlines() if path.exists() else []


def test_lsf_jobs_are_those_of_the_executors_records(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lsf_record(folder, "17", "results/tiny/train/fusion-s1/stage2/model.weights.h5")
    lsf_record(folder, "18", "results/other/train/fusion-s1/stage2/model.weights.h5")
    lsf_record(folder, None, "results/tiny/train/fusion-s2/stage1/model.weights.h5", name="gesture.abc")
    lsf_record(folder, None, "results/tiny/train/fusion-s3/stage1/model.weights.h5", name="")
    script(folder, "bkill", f'echo "$@" >> {folder}/ended')
    assert main(["cancel", "tiny"]) == 0
    assert ended(folder) == ["17", "-J gesture.abc 0"]
    assert "ended LSF job 17: train fusion-s1 2" in capsys.readouterr().out


def test_a_dry_run_ends_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lsf_record(folder, "17", "results/tiny/submission.csv")
    script(folder, "bkill", f'echo "$@" >> {folder}/ended')
    assert main(["cancel", "tiny", "-n"]) == 0
    assert ended(folder) == []
    assert "would end LSF job 17" in capsys.readouterr().out


def test_slurm_jobs_are_those_whose_script_names_the_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(folder, "squeue", "echo '3|rule_train_wildcards_fusion-s1_2'; echo '4|rule_train_wildcards_a_1'; echo '5|'")
    script(folder, "scontrol", f'[ "$3" = 3 ] && echo "--configfiles {folder}/results/tiny/settings/0.yaml"; exit 0')
    script(folder, "scancel", f'echo "$@" >> {folder}/ended')
    assert main(["cancel", "tiny"]) == 0
    assert ended(folder) == ["3"]
    assert "ended Slurm job 3: train fusion-s1_2" in capsys.readouterr().out


def test_a_job_that_has_just_finished_is_no_error_but_a_refusal_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lsf_record(folder, "17", "results/tiny/submission.csv")
    script(folder, "bkill", "echo 'Job <17>: Job has already finished'; exit 255")
    assert main(["cancel", "tiny"]) == 0
    assert capsys.readouterr().out == "tiny: nothing is left to end\n"
    script(folder, "bkill", "echo 'LSF is down. Please wait ...' >&2; exit 255")
    assert main(["cancel", "tiny"]) == 2
    assert "LSF is down" in capsys.readouterr().err


def test_the_second_of_two_says_that_nothing_was_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The executor's record is there until its head has taken the result, which may be never."""
    lsf_record(folder, "17", "results/tiny/submission.csv")
    script(
        folder, "bkill", f"[ -e {folder}/gone ] && echo 'Job <17>: Job has already finished' && exit 255\ntouch gone"
    )
    assert main(["cancel", "tiny"]) == 0
    assert capsys.readouterr().out == "ended LSF job 17: train fusion-s1 2\n"
    assert main(["cancel", "tiny"]) == 0
    assert capsys.readouterr().out == "tiny: nothing is left to end\n"


@pytest.mark.parametrize(
    "damaged", ["", "{", "[]", "null", '{"rule": "train"}', '{"rule": 1, "outputs": {}}', "\x00" * 40]
)
def test_a_damaged_record_of_a_job_is_named_and_passed_over(
    folder: Path, capsys: pytest.CaptureFixture[str], damaged: str
) -> None:
    lsf_record(folder, "17", "results/tiny/submission.csv")
    record = folder / ".snakemake/lsf-steady/jobs/0-damaged.json"
    record.write_text(damaged)
    script(folder, "bkill", f'echo "$@" >> {folder}/ended')
    assert main(["cancel", "tiny"]) == 0
    assert ended(folder) == ["17"]
    assert f"{record.relative_to(folder)}: empty or damaged, and passed over" in capsys.readouterr().out


def test_a_scheduler_whose_commands_are_not_here_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lsf_record(folder, "17", "results/tiny/submission.csv")
    assert main(["cancel", "tiny"]) == 2
    assert "not ended: LSF job 17 (bkill: No such file or directory)" in capsys.readouterr().err


@pytest.fixture
def trainer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that looks like a trainer: it says when it is ready, and ends at SIGTERM."""
    code = (
        "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(75)); print('ready', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code, "train", ""], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def lease(folder: Path, **content: object) -> None:
    path = folder / "checkpoints/tiny/fusion-s1/stage2/lease-000001.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"host": socket.gethostname(), "job": None, "beat": 0, "released": False, **content}))


def test_a_trainer_of_this_machine_is_asked_to_save_and_end(
    folder: Path, trainer: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    lease(folder, pid=trainer.pid)
    assert main(["cancel", "tiny", "-n"]) == 0
    assert trainer.poll() is None
    assert main(["cancel", "tiny"]) == 0
    assert trainer.wait() == 75
    assert f"ended process {trainer.pid}: fusion-s1 stage2" in capsys.readouterr().out


def test_only_trainers_are_ended(folder: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as other:
        lease(folder, pid=other.pid)
        assert main(["cancel", "tiny"]) == 0
        assert other.poll() is None, "its number was reused for something else"
        other.send_signal(signal.SIGKILL)


def test_a_trainer_of_another_container_is_not_ended_by_its_number(
    folder: Path, trainer: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    lease(folder, pid=trainer.pid, namespace="pid:[1]")
    assert main(["cancel", "tiny"]) == 0
    assert trainer.poll() is None
    assert f"not ended: process {trainer.pid} on {socket.gethostname()}" in capsys.readouterr().out


def test_a_trainer_on_another_host_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lease(folder, pid=1, host="node17")
    assert main(["cancel", "tiny"]) == 0
    assert "not ended: process 1 on node17: fusion-s1 stage2; run this command there" in capsys.readouterr().out


def test_a_running_head_is_pointed_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(folder, "snakemake", "echo ready; read word")
    head = [str(folder / "bin/snakemake"), "--profile", "lsf"]
    with subprocess.Popen(head, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert jobs.heads(folder) == [process.pid]
        assert main(["cancel", "tiny"]) == 0
        process.kill()
    assert f"Snakemake (process {process.pid}) is at work in this folder" in capsys.readouterr().out
    assert jobs.heads(folder) == []


def test_an_experiment_that_was_never_started_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cancel", "tinny"]) == 2
    assert "tinny" in capsys.readouterr().err
