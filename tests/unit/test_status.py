"""What `gesture status` tells and what `gesture clean` removes, from files as trainers leave them."""

import io
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from gesture.base.errors import HeldByAnotherError
from gesture.base.files import write_json, write_text
from gesture.base.process import identity
from gesture.cli import main
from gesture.config import digests, layout, members
from gesture.config.settings import Experiment, parse
from gesture.operate import note
from gesture.operate.chain import chain
from gesture.operate.clean import chosen_members, leftovers
from gesture.operate.status import JobStatus, status
from gesture.operate.watch import watch
from gesture.steps import STEPS, recipe

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
    folder = root / f"results/trial/train/{member}/stage{stage}"
    for name in ("model.weights.h5", "optimiser.h5", "history.jsonl"):
        write_text(folder / name, "")
    write_json(folder / "manifest.json", {"settings_digest": digest})
    first = 100 * (stage - 1)
    start = {**START, "step": first, "first": first, "last": first + 100, "steps_replayed": 0}
    write_ledger(live(root, member, stage), start, {**END, "reason": "done", "step": first + 100, "steps": 100})


def nobody(*command: str) -> None:
    """No scheduler answers."""


def jobs(experiment: Experiment, root: Path) -> dict[str, JobStatus]:
    return {one.job.key: one for one in status(experiment, root, nobody).jobs}


def finish_all(root: Path, experiment: Experiment, *but: str) -> None:
    """Every job in run order, each with a note like its own; without those named."""
    for second, job in enumerate(chain(experiment, root)):
        if job.key in but:
            continue
        if job.step == "train":
            finish(root, experiment, job.wildcards[0], int(job.wildcards[1]))
        for path in job.files:
            if job.step != "train":
                write_text(path, "{}")
            os.utime(path, (1e9 + second,) * 2)
        settings = layout.settings_file(experiment)
        noted = {"step": job.step, "recipe": recipe(job.step), "settings": settings, "exit_code": 0, "message": ""}
        write_json(note.beside(job.log), {**noted, "host": "node7", "pid": 1, "job": None, "began": "2026"})


def fail(root: Path, experiment: Experiment, key: str, **noted: Any) -> None:
    """A job whose attempt failed: Snakemake has removed its files, its note and log are there."""
    (job,) = (one for one in chain(experiment, root) if one.key == key)
    for path in job.files:
        path.unlink(missing_ok=True)
    write_text(job.log, "one\ntwo\n")
    place = {"host": "node7", "pid": 1, "job": None, "began": "2026", "exit_code": 2, "message": "it went wrong"}
    write_json(note.beside(job.log), {"step": job.step, "recipe": recipe(job.step), **place, **noted})


def only(experiment: Experiment, root: Path, member: str, stage: int) -> JobStatus:
    return jobs(experiment, root)[f"train {member} {stage}"]


def test_a_stage_that_never_started_waits(experiment: Experiment, tmp_path: Path) -> None:
    assert {one.state for one in jobs(experiment, tmp_path).values()} == {"waiting"}


def test_a_finished_stage_is_done_until_its_settings_change(experiment: Experiment, tmp_path: Path) -> None:
    finish_all(tmp_path, experiment)
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
    assert found.state == "stopped"
    stage = found.stage
    assert stage is not None
    assert (stage.fraction, stage.sessions, stage.hours, stage.replayed) == (0.2, 2, 1.0, 5)
    write_text(live(tmp_path, "bones-s1", 1) / "history-000001.jsonl", '{"step": 60}\n')
    stage = only(experiment, tmp_path, "bones-s1", 1).stage
    assert stage is not None
    assert (stage.fraction, stage.seconds_left) == (0.6, 40 * 90.0)


def test_a_stage_whose_lease_is_held_runs(experiment: Experiment, tmp_path: Path) -> None:
    folder = live(tmp_path, "bones-s2", 1)
    write_ledger(folder, {**START, "step": 0, "first": 0, "last": 100, "steps_replayed": 0})
    lease = {"host": socket.gethostname(), "pid": os.getpid(), "job": "42", "beat": 3, "released": False}
    write_json(folder / "lease-000001.json", lease)
    found = only(experiment, tmp_path, "bones-s2", 1)
    assert found.state == "running"
    assert found.reason == f"process {os.getpid()} on {socket.gethostname()} (job 42)"
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
    assert f"log: {tmp_path / 'logs/trial/train/bones-s1/stage2.log'}\n      one\n      two\n" in told
    assert "0 of 13 jobs done, 12 waiting, 1 failed" in told


def test_a_stage_that_found_no_gpu_before_its_first_session_shows_why(experiment: Experiment, tmp_path: Path) -> None:
    outcome = {"exit_code": 71, "message": "1 GPU was asked for, and there is none: no NVIDIA driver"}
    write_json(live(tmp_path, "bones-s1", 1) / "outcome.json", outcome)
    found = only(experiment, tmp_path, "bones-s1", 1)
    assert (found.state, found.reason) == ("failed", outcome["message"])


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
    row = next(number for number, line in enumerate(lines) if line.startswith("train bones-s1"))
    assert lines[row].endswith("  CPU")
    assert lost in lines[row + 2]
    older = only(experiment, tmp_path, "bones-s2", 1).stage
    assert older is not None
    assert older.device == ""


def test_the_status_of_a_wrong_name_names_the_right_one(
    experiment: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["status", "trail", "--directory", str(tmp_path)]) == 2
    assert "did you mean 'trial'" in capsys.readouterr().err


def states(experiment: Experiment, root: Path) -> set[str]:
    return {one.state for one in jobs(experiment, root).values()}


def test_every_step_is_told_and_a_finished_experiment_is_done(experiment: Experiment, tmp_path: Path) -> None:
    finish_all(tmp_path, experiment)
    found = jobs(experiment, tmp_path)
    assert {one.state for one in found.values()} == {"done"}, found
    assert [*dict.fromkeys(one.job.step for one in found.values())] == [*STEPS]


def test_a_failed_average_is_no_finished_experiment(
    experiment: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    finish_all(tmp_path, experiment, "report")
    fail(tmp_path, experiment, "average", message="b-s1.csv: NaN in row 3")
    found = jobs(experiment, tmp_path)
    assert (found["average"].state, found["average"].reason) == ("failed", "b-s1.csv: NaN in row 3")
    assert (found["report"].state, found["report"].reason) == ("waiting", "average failed")
    assert main(["status", "trial", "--directory", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "experiment trial: 11 of 13 jobs done, 1 waiting, 1 failed" in told
    assert f"    log: {tmp_path / 'logs/trial/average.log'}\n      one\n      two\n" in told


@pytest.mark.parametrize("key", ["download", "convert", "evaluate test bones-s1", "average_validation", "report"])
def test_every_step_can_fail_run_and_die(experiment: Experiment, tmp_path: Path, key: str) -> None:
    finish_all(tmp_path, experiment)
    fail(tmp_path, experiment, key)
    assert (jobs(experiment, tmp_path)[key].state, jobs(experiment, tmp_path)[key].reason) == (
        "failed",
        "it went wrong",
    )
    here = {"host": socket.gethostname(), "exit_code": None, "message": "", **identity(os.getpid())}
    fail(tmp_path, experiment, key, **here, pid=os.getpid())
    assert jobs(experiment, tmp_path)[key].state == "running"
    fail(tmp_path, experiment, key, **{**here, "started": 1}, pid=os.getpid())
    found = jobs(experiment, tmp_path)[key]
    assert found.state == "failed"
    assert found.reason.startswith("ended without a word")


def test_a_lease_tells_who_converts_for_another_experiment(experiment: Experiment, tmp_path: Path) -> None:
    lease = {"host": socket.gethostname(), "pid": os.getpid(), "job": None, "beat": 3, "released": False}
    write_json(layout.records_folder(experiment, tmp_path) / "lease-000001.json", lease)
    assert jobs(experiment, tmp_path)["convert"].state == "running"


def test_what_a_changed_setting_makes_run_again_is_outdated_and_all_below_it(
    experiment: Experiment, tmp_path: Path
) -> None:
    finish_all(tmp_path, experiment)
    value = digests.resolved(experiment)
    value["average"]["method"] = "geometric"
    found = jobs(parse(value, "trial.yaml"), tmp_path)
    again = {key: one.reason for key, one in found.items() if one.state == "outdated"}
    assert list(again) == ["average_validation", "average", "report"]
    assert again["average"] == "made with other settings, or by an older version"
    assert again["report"] == "average, average_validation are not done"


def test_a_table_that_is_newer_than_the_average_makes_it_outdated(experiment: Experiment, tmp_path: Path) -> None:
    finish_all(tmp_path, experiment)
    table = tmp_path / "results/trial/predictions/test/bones-s2.csv"
    os.utime(table, (2e9, 2e9))
    found = jobs(experiment, tmp_path)
    assert (found["average"].state, found["average"].reason) == ("outdated", f"{table} is newer")
    assert found["average_validation"].state == "done"


def test_a_job_in_slurms_queue_waits_by_its_number(experiment: Experiment, tmp_path: Path) -> None:
    settings = f"{tmp_path.resolve() / 'results/trial/settings'}/"

    def slurm(*command: str) -> str:
        return "17|rule_evaluate_wildcards_test_bones-s1\n" if command[0] == "squeue" else settings

    finish_all(tmp_path, experiment, "evaluate test bones-s1", "average", "report")
    (found,) = (one for one in status(experiment, tmp_path, slurm).jobs if one.job.key == "evaluate test bones-s1")
    assert (found.state, found.reason) == ("waiting", "Slurm job 17 is in the queue, or has just begun")


def test_a_damaged_manifest_is_told_and_hides_nothing_else(experiment: Experiment, tmp_path: Path) -> None:
    finish_all(tmp_path, experiment)
    write_text(tmp_path / "results/trial/train/bones-s1/stage1/manifest.json", "[]")
    found = jobs(experiment, tmp_path)
    assert found["train bones-s1 1"].state == "failed"
    assert "is not what gesture train writes" in found["train bones-s1 1"].reason
    assert found["train bones-s2 2"].state == "done"


def test_json_has_what_the_page_documents(
    experiment: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture, repository: Path
) -> None:
    finish_all(tmp_path, experiment, "report")
    assert main(["status", "--json", "--directory", str(tmp_path)]) == 0
    (value,) = json.loads(capsys.readouterr().out)
    assert value["counts"] == {"done": 12, "running": 0, "waiting": 1, "stopped": 0, "failed": 0, "outdated": 0}
    assert (value["schema"], value["state"]) == (1, "waiting")
    assert value["jobs"][-1] == {
        "step": "report",
        "job": "report",
        "state": "waiting",
        "reason": "can start",
        "log": str(tmp_path / "logs/trial/report.log"),
        "log_exists": False,
        "outputs": [str(tmp_path / "results/trial" / name) for name in ("report.html", "figures", "summary.txt")],
        "after": value["jobs"][-1]["after"],
        "training": None,
    }
    page = (repository / "docs/status.md").read_text()
    training = next(one["training"] for one in value["jobs"] if one["training"])
    for key in [*value, *value["jobs"][0], *training]:
        assert f"`{key}`" in page, key


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def seen(*looks: tuple[str, Any, bool]) -> Any:
    """Sees one after the other; then Ctrl-C is pressed."""
    left = list(looks)

    def look() -> tuple[str, Any, bool]:
        if not left:
            raise KeyboardInterrupt
        return left.pop(0)

    return look


def test_in_a_file_watching_tells_anew_only_what_changed() -> None:
    file = io.StringIO()
    watch(seen(("a 1 s", "a", False), ("a 2 s", "a", False), ("b", "b", False)), 1, file, lambda _: None)
    assert file.getvalue() == "a 1 s\nb\n"


def test_in_a_terminal_watching_redraws_and_ends_when_all_is_done() -> None:
    terminal = Terminal()
    watch(seen(("a 1 s", "a", False), ("a 2 s", "a", True), ("never", "", False)), 1, terminal, lambda _: None)
    drawn = terminal.getvalue()
    assert drawn.count("\033[H") == 2
    assert "a 2 s" in drawn
    assert "never" not in drawn


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_that_does_not_exist_or_has_no_experiment_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture, made: bool
) -> None:
    folder = tmp_path / "elsewhere"
    if made:
        (folder / "results/empty/settings").mkdir(parents=True)
    assert main(["status", "--directory", str(folder)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert ("no experiment in" if made else "no such folder") in line


def test_a_step_notes_how_it_went_beside_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "logs/trial/convert.log"
    monkeypatch.setenv("GESTURE_LOG", str(log))
    wrong = tmp_path / "no.yaml"
    assert main(["convert", "--settings", str(wrong), "--raw", "x", "--output", "y", "--processes", "1"]) == 2
    noted = note.read(log)
    assert (noted["step"], noted["exit_code"], noted["settings"]) == ("convert", 2, str(wrong))
    assert str(wrong) in noted["message"]
    assert "GESTURE_LOG" not in os.environ


@pytest.fixture
def trained(experiment: Experiment, tmp_path: Path) -> Path:
    finish_all(tmp_path, experiment)
    return tmp_path


def test_clean_starts_one_member_anew_from_a_stage_and_keeps_the_rest(
    experiment: Experiment, trained: Path, capsys: pytest.CaptureFixture
) -> None:
    arguments = ["clean", "trial", "--variant", "bones-s2", "--from-stage", "2", "--directory", str(trained)]
    assert main([*arguments, "--dry-run"]) == 0
    assert "6 files and folders" in capsys.readouterr().out
    assert states(experiment, trained) == {"done"}
    assert main(arguments) == 0
    again = [one.job.key for one in jobs(experiment, trained).values() if one.state == "waiting"]
    assert again == ["train bones-s2 2", "evaluate validation bones-s2", "evaluate test bones-s2"]
    assert not (trained / "results/trial/predictions/test/bones-s2.csv").exists()
    assert (trained / "results/trial/predictions/test/bones-s1.csv").exists()


def test_clean_of_a_variant_takes_all_its_seeds(experiment: Experiment, trained: Path) -> None:
    assert main(["clean", "trial", "--variant", "bones", "--directory", str(trained)]) == 0
    assert {one.state for one in jobs(experiment, trained).values() if one.stage} == {"waiting"}


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
    found = only(experiment, trained, "bones-s1", 2)
    assert found.state == "running"
    assert found.reason == "process 1 on node7 (job 42), silent for 2:30 by this host's clock"


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
