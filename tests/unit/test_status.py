"""What `gesture status` tells and what `gesture clean` removes, from files as trainers leave them."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from gesture.base.errors import HeldByAnotherError
from gesture.base.files import write_json, write_text
from gesture.cli import main
from gesture.config import digests, layout, members
from gesture.config.settings import Experiment, parse
from gesture.operate.clean import chosen_members, leftovers
from gesture.operate.status import StageStatus, status

START = {"event": "start", "time": "2026-01-01T00:00:00+00:00", "host": "node7", "job": "41"}
END = {"event": "end", "time": "2026-01-01T01:00:00+00:00", "seconds": 3600.0, "peak_mb": 900}


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """One variant, two seeds, two stages of 100 steps, and its settings where the workflow puts them."""
    stages = [{"steps": 100, "learning_rate": 1e-3}, {"steps": 100, "learning_rate": 1e-4}]
    variant = {"network": {"model": "tcn"}, "modalities": ["skeleton"], "seeds": [1, 2]}
    made = parse({"experiment": "trial", "training": {"stages": stages}, "variants": {"bones": variant}}, "trial.yaml")
    write_text(tmp_path / layout.settings_file(made), yaml.safe_dump(digests.resolved(made)))
    return made


def live(root: Path, member: str, stage: int) -> Path:
    return root / f"checkpoints/trial/{member}/stage{stage}"


def write_ledger(folder: Path, *lines: dict[str, Any]) -> None:
    write_text(folder / "sessions.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


def finish(root: Path, experiment: Experiment, member: str, stage: int) -> None:
    """A stage that ended well in one session of an hour."""
    digest = digests.stage_digest(experiment, members.members(experiment)[member], stage)
    write_json(root / f"results/trial/train/{member}/stage{stage}/manifest.json", {"settings_digest": digest})
    first = 100 * (stage - 1)
    start = {**START, "step": first, "first": first, "last": first + 100, "steps_replayed": 0}
    write_ledger(live(root, member, stage), start, {**END, "reason": "done", "step": first + 100, "steps": 100})


def only(experiment: Experiment, root: Path, member: str, stage: int) -> StageStatus:
    return next(one for one in status(experiment, root) if (one.member, one.stage) == (member, stage))


def test_a_stage_that_never_started_waits(experiment: Experiment, tmp_path: Path) -> None:
    assert {one.state for one in status(experiment, tmp_path)} == {"waiting"}


def test_a_finished_stage_is_done_until_its_settings_change(experiment: Experiment, tmp_path: Path) -> None:
    finish(tmp_path, experiment, "bones-s1", 1)
    assert only(experiment, tmp_path, "bones-s1", 1).state == "done"
    stages = [{"steps": 101, "learning_rate": 1e-3}, {"steps": 100, "learning_rate": 1e-4}]
    value = digests.resolved(experiment)
    value["variants"]["bones"]["training"]["stages"] = stages
    assert only(parse(value, "trial.yaml"), tmp_path, "bones-s1", 1).state == "outdated"


def test_a_stopped_stage_tells_how_far_it_is_and_how_long_it_will_take(experiment: Experiment, tmp_path: Path) -> None:
    start = {**START, "first": 0, "last": 100}
    write_ledger(
        live(tmp_path, "bones-s1", 1),
        {**start, "step": 0, "steps_replayed": 0},
        {**start, "step": 20, "steps_replayed": 5},
        {**END, "reason": "deadline", "step": 60, "steps": 40},
    )
    found = only(experiment, tmp_path, "bones-s1", 1)
    assert (found.state, found.fraction, found.sessions, found.hours, found.replayed) == ("stopped", 0.2, 2, 1.0, 5)
    write_text(live(tmp_path, "bones-s1", 1) / "history-000001.jsonl", '{"step": 60}\n')
    found = only(experiment, tmp_path, "bones-s1", 1)
    assert (found.fraction, found.seconds_left) == (0.6, 40 * 90.0)


def test_a_stage_whose_lease_is_held_runs(experiment: Experiment, tmp_path: Path) -> None:
    folder = live(tmp_path, "bones-s2", 1)
    write_ledger(folder, {**START, "step": 0, "first": 0, "last": 100, "steps_replayed": 0})
    lease = {"host": socket.gethostname(), "pid": os.getpid(), "job": "42", "beat": 3, "released": False}
    write_json(folder / "lease-000001.json", lease)
    found = only(experiment, tmp_path, "bones-s2", 1)
    assert found.state == "running"
    assert found.holder == f"process {os.getpid()} on {socket.gethostname()}, job 42"
    write_json(folder / "lease-000001.json", {**lease, "released": True})
    assert only(experiment, tmp_path, "bones-s2", 1).state == "stopped"


def test_a_failed_stage_shows_why_and_the_end_of_its_log(
    experiment: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = live(tmp_path, "bones-s1", 2)
    write_ledger(folder, {**START, "step": 100, "first": 100, "last": 200, "steps_replayed": 0})
    write_json(folder / "outcome.json", {"exit_code": 76, "message": "loss is nan at step 120"})
    write_text(tmp_path / "logs/trial/train/bones-s1/stage2.log", "one\ntwo\n")
    assert main(["status", "trial", "--directory", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "loss is nan at step 120 (will not be tried again)" in told
    assert "stage2.log: two" in told
    assert "0 of 4 stages done" in told


def test_a_stage_that_found_no_gpu_before_its_first_session_shows_why(experiment: Experiment, tmp_path: Path) -> None:
    outcome = {"exit_code": 71, "message": "1 GPU was asked for, and there is none: no NVIDIA driver"}
    write_json(live(tmp_path, "bones-s1", 1) / "outcome.json", outcome)
    found = only(experiment, tmp_path, "bones-s1", 1)
    assert (found.state, found.sessions, found.error[0]) == ("failed", 0, outcome["message"])


def test_the_device_of_the_last_session_is_shown_and_whether_the_result_is_still_exact(
    experiment: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    common = {**START, "first": 0, "last": 100, "steps_replayed": 0}
    lost = "not byte-exact, continued on CPU from step 20 (begun on A100 (sm_80))"
    write_ledger(
        live(tmp_path, "bones-s1", 1),
        {**common, "step": 0, "device_kind": {"name": "A100 (sm_80)"}, "exactness": None},
        {**common, "step": 20, "device_kind": {"name": "CPU"}, "exactness": lost},
    )
    write_ledger(live(tmp_path, "bones-s2", 1), {**common, "step": 0})  # of 0.1.0
    assert main(["status", "trial", "--directory", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    row = next(number for number, line in enumerate(lines) if line.startswith("bones-s1"))
    assert lines[row].endswith("  CPU")
    assert lines[row + 1].strip() == lost
    assert only(experiment, tmp_path, "bones-s2", 1).device == ""


def test_the_status_of_a_wrong_name_names_the_right_one(
    experiment: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["status", "trail", "--directory", str(tmp_path)]) == 2
    assert "did you mean 'trial'" in capsys.readouterr().err


@pytest.fixture
def trained(experiment: Experiment, tmp_path: Path) -> Path:
    for member in ("bones-s1", "bones-s2"):
        for stage in (1, 2):
            finish(tmp_path, experiment, member, stage)
        write_text(tmp_path / f"results/trial/predictions/test/{member}.csv", "Id,p_1\n")
    return tmp_path


def test_clean_starts_one_member_anew_from_a_stage_and_keeps_the_rest(
    experiment: Experiment, trained: Path, capsys: pytest.CaptureFixture
) -> None:
    arguments = ["clean", "trial", "--variant", "bones-s2", "--from-stage", "2", "--directory", str(trained)]
    assert main([*arguments, "--dry-run"]) == 0
    assert "3 files and folders" in capsys.readouterr().out
    assert {one.state for one in status(experiment, trained)} == {"done"}
    assert main(arguments) == 0
    states = {(one.member, one.stage): one.state for one in status(experiment, trained)}
    assert [key for key, state in states.items() if state != "done"] == [("bones-s2", 2)]
    assert not (trained / "results/trial/predictions/test/bones-s2.csv").exists()
    assert (trained / "results/trial/predictions/test/bones-s1.csv").exists()


def test_clean_of_a_variant_takes_all_its_seeds(experiment: Experiment, trained: Path) -> None:
    assert main(["clean", "trial", "--variant", "bones", "--directory", str(trained)]) == 0
    assert {one.state for one in status(experiment, trained)} == {"waiting"}


def test_clean_does_not_pull_the_ground_from_under_a_running_trainer(
    experiment: Experiment, trained: Path, capsys: pytest.CaptureFixture
) -> None:
    lease = {"host": socket.gethostname(), "pid": os.getpid(), "job": None, "beat": 1, "released": False}
    write_json(live(trained, "bones-s1", 2) / "lease-000002.json", lease)
    assert main(["clean", "trial", "--directory", str(trained)]) == 77
    assert "being trained by process" in capsys.readouterr().err
    assert (trained / "results/trial/train/bones-s1/stage1").exists()


def test_clean_watches_a_trainer_on_a_host_with_another_clock(experiment: Experiment, trained: Path) -> None:
    path = live(trained, "bones-s1", 2) / "lease-000002.json"
    now = 0.0

    def wait(seconds: float) -> None:
        nonlocal now
        now += seconds
        lease = {"host": "node7", "pid": 1, "job": "42", "beat": now // 10, "released": False}
        write_json(path, lease)
        os.utime(path, (path.stat().st_mtime - 150,) * 2)

    wait(0)
    chosen = chosen_members(experiment, [])
    with pytest.raises(HeldByAnotherError, match=r"being trained by process 1 on node7 \(job 42\); end it first"):
        leftovers(experiment, chosen, 1, trained, lambda: now, wait)
    assert now <= 11
    (found,) = (one for one in status(experiment, trained) if (one.member, one.stage) == ("bones-s1", 2))
    assert found.state == "running"
    assert found.holder == "process 1 on node7, job 42, silent for 2:30 by this host's clock"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--variant", "bone"], "did you mean 'bones'"),
        (["--from-stage", "3"], "has stages 1 to 2"),
    ],
)
def test_clean_of_what_does_not_exist_is_refused(
    experiment: Experiment, trained: Path, capsys: pytest.CaptureFixture, flags: list[str], message: str
) -> None:
    assert main(["clean", "trial", "--directory", str(trained), *flags]) == 2
    assert message in capsys.readouterr().err
