"""Stages and sessions: however they are interrupted, they end in the same bytes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from committed import committed
from made_up_arrays import settings_of, write_arrays
from tensorflow.core.util.event_pb2 import Event

from gesture.base.errors import FailedForGoodError, GestureError, HeldByAnotherError, StoppedEarlyError
from gesture.base.files import read_json, read_lines
from gesture.base.lease import Lease
from gesture.base.session import REMINDER, STOP, Session
from gesture.cli import main
from gesture.config.settings import Experiment, parse
from gesture.convert.convert import convert
from gesture.download.download import download
from gesture.evaluate.predict import evaluate
from gesture.faults.interrupt import at_step
from gesture.inputs import pipeline
from gesture.train import loop
from gesture.train.checkpoint import Checkpoints
from gesture.train.ledger import live_history, sessions
from gesture.train.loop import Cadence, train
from gesture.train.stage import StageJob

NEVER = Cadence(1e9)
WEIGHTS = ("model.weights.h5", "optimiser.h5")


class StopAt(Session):
    """A session that is told to stop after so many steps."""

    def __init__(self, steps: int | None) -> None:
        super().__init__(1e9)
        self._left = steps

    def reason_to_stop(self) -> str | None:
        if self._left is None:
            return None
        self._left -= 1
        return "deadline" if self._left <= 0 else None


class Chain:
    """Runs the stages of a member in one folder."""

    def __init__(self, settings: dict, records: Path, folder: Path, member: str) -> None:
        self.experiment: Experiment = parse(settings, "test")
        self.records, self.folder, self.member = records, folder, member

    def job(self, stage: int) -> StageJob:
        parent = self.result(stage - 1) if stage > 1 else None
        return StageJob.prepare(
            self.experiment, self.member, stage, self.records, parent, self.live(stage), self.result(stage), threads=1
        )

    def live(self, stage: int) -> Path:
        return self.folder / "live" / str(stage)

    def result(self, stage: int) -> Path:
        return self.folder / "result" / str(stage)

    def run(self, stage: int, stop_after: int | None = None, cadence: Cadence = NEVER) -> None:
        job = self.job(stage)
        job.refuse_if_failed_for_good()
        with Lease(job.checkpoints) as lease, job.outcome_of_attempt(lease):
            train(job, lease, StopAt(stop_after), cadence)

    def bytes(self, stage: int) -> list[bytes]:
        return [(self.result(stage) / name).read_bytes() for name in WEIGHTS]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return settings_of(write_arrays(tmp_path_factory.mktemp("arrays")))


@pytest.fixture(scope="module")
def records(settings: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_records(settings, tmp_path_factory.mktemp("records"))


def make_records(settings: dict, folder: Path) -> Path:
    experiment = parse(settings, "test")
    download(experiment, folder / "raw.json", 1)
    convert(experiment, folder / "raw.json", folder / "records" / "manifest.json", 1)
    return folder / "records" / "manifest.json"


@pytest.fixture(scope="module", params=["joints-s1", "clips-s1"])
def undisturbed(request, settings: dict, records: Path, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    chain = Chain(settings, records, tmp_path_factory.mktemp("undisturbed"), request.param)
    chain.run(1)
    chain.run(2)
    return chain


def test_an_interrupted_chain_ends_in_the_same_bytes(undisturbed: Chain, tmp_path: Path) -> None:
    chain = Chain(undisturbed.experiment.model_dump(mode="json"), undisturbed.records, tmp_path, undisturbed.member)
    for stop_after in (1, 2):  # stage 1 has six steps, stage 2 three
        with pytest.raises(StoppedEarlyError, match="run the same command again"):
            chain.run(1, stop_after)
    chain.run(1)
    with pytest.raises(StoppedEarlyError):
        chain.run(2, 1)
    chain.run(2)
    for stage in (1, 2):
        assert chain.bytes(stage) == undisturbed.bytes(stage)
    sessions = json.loads((chain.result(1) / "manifest.json").read_text())["sessions"]
    assert [(one["steps"], one["reason"]) for one in sessions] == [(1, "deadline"), (2, "deadline"), (3, "done")]


@pytest.mark.parametrize(("member", "last", "stops"), [("joints-s1", 2, (1, 1)), ("frames-s1", 1, (2,))])
def test_an_interrupted_chain_with_averaged_weights_falling_rates_and_mixup_ends_in_the_same_bytes(
    settings: dict, records: Path, tmp_path: Path, member: str, last: int, stops: tuple[int, ...]
) -> None:
    network = {"model": "cnn_tcn", "frames": 6, "person": 16, "widths": [2, 3], "features": 3, "width": 4, "blocks": 1}
    frames = {"network": network, "modalities": ["depth", "mask", "skeleton"]}
    variants = {"joints": settings["variants"]["joints"], "frames": frames}
    stages = [
        {"epochs": 1, "learning_rate": 1e-2, "final_learning_rate": 1e-3},
        {"epochs": 1, "learning_rate": 1e-3, "final_learning_rate": 1e-5},
    ]
    changes = {"mixup": 0.4, "time_warp": 0.5, "scale": 0.1}
    training = {"batch_size": 4, "stages": stages, "ema_decay": 0.9, "warmup_steps": 2, "augmentation": changes}
    changed = {**settings, "variants": variants, "training": training}
    whole, chain = (Chain(changed, records, tmp_path / name, member) for name in ("whole", "chain"))
    for stage in range(1, last + 1):  # of three steps each
        whole.run(stage)
        for stop in stops:
            with pytest.raises(StoppedEarlyError):
                chain.run(stage, stop)
        chain.run(stage)
        assert chain.bytes(stage) == whole.bytes(stage)


def test_the_history_of_an_interrupted_stage_has_no_gap_and_no_overlap(undisturbed: Chain, tmp_path: Path) -> None:
    chain = Chain(undisturbed.experiment.model_dump(mode="json"), undisturbed.records, tmp_path, undisturbed.member)
    with pytest.raises(StoppedEarlyError):
        chain.run(1, 2)
    chain.run(1)
    history, whole = (read_lines(one.result(1) / "history.jsonl") for one in (chain, undisturbed))
    assert sum(line["steps"] for line in history if line["kind"] == "train") == 6
    validations = [
        [{**line, "time": 0} for line in lines if line["kind"] == "validation"] for lines in (history, whole)
    ]
    assert validations[0] == validations[1]
    assert len(validations[0]) == 2


def test_the_stages_have_their_own_rates(undisturbed: Chain) -> None:
    rates = [
        {line["rate"] for line in read_lines(undisturbed.result(stage) / "history.jsonl") if line["kind"] == "train"}
        for stage in (1, 2)
    ]
    assert rates == [{1e-2}, {1e-3}]


def test_training_lowers_the_loss(undisturbed: Chain) -> None:
    losses = [
        line["loss"]
        for stage in (1, 2)
        for line in read_lines(undisturbed.result(stage) / "history.jsonl")
        if line["kind"] == "train"
    ]
    assert losses[-1] < losses[0]


def test_predictions_cover_every_test_id(undisturbed: Chain, tmp_path: Path) -> None:
    output = tmp_path / "test.csv"
    evaluate(
        undisturbed.experiment,
        undisturbed.records,
        undisturbed.member,
        undisturbed.result(2),
        "test",
        output,
        threads=1,
    )
    rows = np.loadtxt(output, delimiter=",", skiprows=1)
    assert rows[:, 0].tolist() == [1, 2, 3]
    np.testing.assert_allclose(rows[:, 1:4].sum(axis=1), 1, atol=1e-5)
    assert rows[:, 4].tolist() == [1, 2, 3]


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    settings: dict, records: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    whole = Chain(settings, records, tmp_path / "whole", "joints-s1")
    whole.run(1)
    chain = Chain(settings, records, tmp_path / "chain", "joints-s1")
    with pytest.raises(StoppedEarlyError):
        chain.run(1, 3, Cadence(0))
    newest = max(chain.live(1).glob("step-*")) / "state.bin"
    newest.write_bytes(newest.read_bytes()[:4096])
    chain.run(1)
    said = capsys.readouterr().out
    assert "checkpoint step-000000003-t000002 is damaged and not used" in said
    assert "going on from the checkpoint at step 2" in said
    assert chain.bytes(1) == whole.bytes(1)


def test_a_checkpoint_of_other_settings_is_moved_aside(
    settings: dict, records: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    chain = Chain(settings, records, tmp_path, "joints-s1")
    with pytest.raises(StoppedEarlyError):
        chain.run(1, 2)
    changed = {**settings, "training": {**settings["training"], "stages": [{"epochs": 2, "learning_rate": 5e-3}]}}
    Chain(changed, records, tmp_path, "joints-s1").run(1)
    said = capsys.readouterr().out
    assert "is moved aside to " in said
    assert "it was made with other settings" in said
    assert (tmp_path / "live" / "1" / "aside" / "001" / "step-000000002-t000002" / "state.bin").exists()


def test_a_finished_stage_keeps_its_ledger_and_no_checkpoint(undisturbed: Chain) -> None:
    kept = {path.name for path in undisturbed.live(1).iterdir()}
    assert kept == {
        "history-000001.jsonl",
        "events",
        "sessions.jsonl",
        "progress.json",
        "outcome.json",
        "lease-000001.json",
        "LAST-000001.json",
    }
    assert undisturbed.job(1).is_done()


def test_a_loss_that_is_no_number_fails_for_good_and_the_next_attempt_refuses(tmp_path: Path) -> None:
    folder = write_arrays(tmp_path / "arrays", per_class=2)
    for path in folder.glob("training-*.npz"):
        with np.load(path) as file:
            arrays = dict(file)
        np.savez(path, **{**arrays, "skeleton": arrays["skeleton"] * np.float32(1e38)})
    settings = settings_of(folder)
    chain = Chain(settings, make_records(settings, tmp_path), tmp_path / "chain", "joints-s1")
    with pytest.raises(FailedForGoodError, match="loss is nan at step 0"):
        chain.run(1)
    assert json.loads((chain.live(1) / "outcome.json").read_text())["exit_code"] == 76
    with pytest.raises(FailedForGoodError, match="loss is nan at step 0"):
        chain.job(1).refuse_if_failed_for_good()
    changed = {**settings, "training": {**settings["training"], "batch_size": 3}}
    Chain(changed, chain.records, chain.folder, "joints-s1").job(1).refuse_if_failed_for_good()


def test_what_failed_for_good_is_tried_again_only_when_asked(
    settings: dict, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    chain = Chain(settings, records, tmp_path, "joints-s1")
    job = chain.job(1)
    with pytest.raises(FailedForGoodError), Lease(job.checkpoints) as lease, job.outcome_of_attempt(lease):
        raise FailedForGoodError("the loss was nan")
    tried: list[StageJob] = []
    monkeypatch.setattr(loop, "train", lambda job, *arguments: tried.append(job))
    monkeypatch.setattr(Session, "catch_signals", lambda session: None)
    command = [
        *("train", "--settings", str(tmp_path / "settings.yaml"), "--records", str(records), "--stage", "1"),
        *("--member", "joints-s1", "--checkpoints", str(chain.live(1)), "--output", str(chain.result(1))),
    ]
    assert main(command) == 76
    assert "the loss was nan" in capsys.readouterr().err
    assert tried == []
    assert main([*command, "--retry-failed"]) == 0
    assert len(tried) == 1


def test_stage_1_starts_from_pretrained_convolutions_and_a_stage_of_no_steps_keeps_them(
    settings: dict, records: Path, tmp_path: Path
) -> None:
    weights = Path(__file__).parents[1] / "data" / "smnet" / "pretrained"
    network = {"model": "smnet", "widths": [4, 6, 10, 10, 12, 12], "head_units": [3, 3, 3], "recurrent_units": 4}
    variant = {"network": network, "modalities": ["skeleton"], "pretrained": str(weights)}
    stages = [
        {"epochs": 0, "learning_rate": 1e-3},
        {"epochs": 1, "learning_rate": 1e-2, "pretrained_learning_rate": 1e-9},
    ]
    changed = {**settings, "training": {"batch_size": 4, "stages": stages}, "variants": {"picture": variant}}
    chain = Chain(changed, records, tmp_path, "picture-s1")
    chain.run(1)
    chain.run(2)
    kernel = tf.train.load_checkpoint(str(weights / "c3d_sk.chkp")).get_tensor("C3D_sk_model/sk_var/wc1")
    for stage, distance in ((1, 0), (2, 1e-7)):  # stage 2 trains them at next to no rate
        with h5py.File(chain.result(stage) / "model.weights.h5") as file:
            found = []
            file.visititems(
                lambda name, one, found=found: (
                    found.append(one[()]) if getattr(one, "shape", None) == kernel.shape else None
                )
            )
            np.testing.assert_allclose(found[0], kernel, rtol=0, atol=distance)
    with pytest.raises(GestureError, match=r"variants.picture.pretrained: .*: no file c3d_sk"):
        Chain({**changed, "variants": {"picture": {**variant, "pretrained": str(tmp_path)}}}, records, tmp_path,
              "picture-s1").job(1)  # fmt: skip


@pytest.mark.parametrize(
    ("member", "stage", "message"),
    [
        ("joint-s1", 1, "'joint-s1' is not a member .*did you mean 'joints-s1'"),
        ("joints-s1", 3, "has stages 1 to 2"),
    ],
)
def test_a_wrong_request_is_refused(settings: dict, records: Path, tmp_path: Path, member, stage, message) -> None:
    with pytest.raises(GestureError, match=message):
        Chain(settings, records, tmp_path, member).job(stage)


def test_a_killed_process_is_continued_by_the_same_command(settings: dict, records: Path, tmp_path: Path) -> None:
    """Real processes, ended at exact points: a signal to the group between steps, a kill inside a save."""
    short = {**settings, "training": {**settings["training"], "stages": [{"steps": 5, "learning_rate": 1e-2}]}}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(short))
    chain = Chain(short, records, tmp_path, "joints-s1")
    command = [
        *("train", "--settings", str(tmp_path / "settings.yaml"), "--records", str(records), "--stage", "1"),
        *("--member", "joints-s1", "--checkpoints", str(chain.live(1)), "--output", str(chain.result(1))),
        *("--save-steps", "1"),
    ]

    def session(*program: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", *program, *command], capture_output=True, text=True, check=False)

    asked = session("gesture.faults.interrupt", "step:2", "SIGTERM")
    assert asked.returncode == 75, asked.stderr
    assert "signal SIGTERM: saved at step 2 of 5" in asked.stderr
    killed = session("gesture.faults.interrupt", "write:40", "SIGKILL")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = session("gesture.cli")
    assert again.returncode == 0, again.stderr
    assert "going on from the checkpoint at step" in again.stdout
    whole = Chain(short, records, tmp_path / "whole", "joints-s1")
    whole.run(1)
    assert chain.bytes(1) == whole.bytes(1)
    reasons = [one["reason"] for one in sessions(chain.live(1) / "sessions.jsonl")]
    assert reasons == ["signal SIGTERM", "killed", "done"]


def test_a_frozen_writer_is_overtaken_and_nothing_that_it_does_later_counts(
    settings: dict, records: Path, tmp_path: Path
) -> None:
    """Real processes: the first stops itself (SIGSTOP) before a save and goes on when the second is done."""
    short = {**settings, "training": {**settings["training"], "stages": [{"steps": 4, "learning_rate": 1e-2}]}}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(short))
    chain = Chain(short, records, tmp_path, "joints-s1")
    command = [
        *("train", "--settings", str(tmp_path / "settings.yaml"), "--records", str(records), "--stage", "1"),
        *("--member", "joints-s1", "--checkpoints", str(chain.live(1)), "--output", str(chain.result(1))),
        *("--save-steps", "1"),
    ]
    impatient = (
        "import runpy; from gesture.base import lease; lease.STALE = 2; "
        "runpy.run_module('gesture.cli', run_name='__main__')"
    )
    frozen = [sys.executable, "-m", "gesture.faults.interrupt", "step:2", "SIGSTOP", *command]
    with subprocess.Popen(frozen, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        try:
            _, status = os.waitpid(first.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)
            second = [sys.executable, "-c", impatient, *command]
            done = subprocess.run(second, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert "going on from the checkpoint at step 1" in done.stdout
            result = chain.bytes(1)
            os.kill(first.pid, signal.SIGCONT)
            _, said = first.communicate()
        finally:
            first.kill()
    assert first.returncode == 77, said
    assert "another writer took over while this one was held up" in said
    assert chain.bytes(1) == result
    assert json.loads((chain.result(1) / "manifest.json").read_text())["lease"] == 2
    assert committed(chain.live(1)) == []
    assert read_json(chain.live(1) / "outcome.json")["exit_code"] == 0
    ledger = sessions(chain.live(1) / "sessions.jsonl")
    assert [(one["lease"], one["reason"]) for one in ledger] == [(1, "overtaken"), (2, "done")]
    assert read_json(chain.live(1) / "progress.json")["step"] == 4
    assert [path.name for path in chain.live(1).glob("history-*")] == ["history-000002.jsonl"]
    assert live_history(chain.live(1)) == read_lines(chain.result(1) / "history.jsonl")
    assert [path.name for path in (chain.live(1) / "events").iterdir()] == ["events.out.tfevents.0000000002"]
    whole = Chain(short, records, tmp_path / "whole", "joints-s1")
    whole.run(1)
    assert result == whole.bytes(1)


@pytest.mark.parametrize("number", STOP)
def test_each_signal_of_a_scheduler_saves_after_the_step_and_leaves(
    settings: dict, records: Path, tmp_path: Path, number: signal.Signals
) -> None:
    chain = Chain(settings, records, tmp_path, "joints-s1")
    job, session = chain.job(1), Session(1e9)
    before = {one: signal.getsignal(one) for one in (REMINDER, *STOP)}
    session.catch_signals()
    try:
        with (
            Lease(job.checkpoints) as lease,
            at_step(2, lambda: os.kill(os.getpid(), number)),
            pytest.raises(StoppedEarlyError, match=f"signal {number.name}: saved at step 2 of 6"),
        ):
            train(job, lease, session, Cadence(1e9))
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert len(committed(chain.live(1))) == 1


def test_a_reminder_saves_and_the_session_goes_on(settings: dict, records: Path, tmp_path: Path) -> None:
    chain = Chain(settings, records, tmp_path, "joints-s1")
    job, session = chain.job(1), Session(1e9)
    before = signal.getsignal(REMINDER)
    session.catch_signals()
    saved: list[list[str]] = []
    try:
        with (
            Lease(job.checkpoints) as lease,
            at_step(2, lambda: os.kill(os.getpid(), REMINDER)),
            at_step(3, lambda: saved.append(committed(chain.live(1)))),
        ):
            train(job, lease, session, Cadence(1e9))
    finally:
        signal.signal(REMINDER, before)
    assert [len(one) for one in saved] == [1]
    assert [one["reason"] for one in sessions(chain.live(1) / "sessions.jsonl")] == ["done"]


def test_a_chain_killed_after_every_step_counts_what_it_replays_and_ends_in_the_same_bytes(
    settings: dict, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rates and the sequences of every step are those of one run, too."""
    seen: dict[int, tuple] = {}
    real = loop.rates

    def noted(training: object, stage: int, step: int, sequences: int) -> tuple[float, float]:
        value = real(training, stage, step, sequences)
        assert seen.setdefault(step, value) == value
        return value

    monkeypatch.setattr(loop, "rates", noted)
    batches: dict[int, list[int]] = {}
    real_batch = pipeline.batch_at

    def noted_batch(step: int, *arguments: int) -> np.ndarray:
        chosen = real_batch(step, *arguments)
        assert batches.setdefault(step, chosen.tolist()) == chosen.tolist()
        return chosen

    monkeypatch.setattr(pipeline, "batch_at", noted_batch)
    whole = Chain(settings, records, tmp_path / "whole", "joints-s1")
    whole.run(1)

    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    chain = Chain(settings, records, tmp_path / "chain", "joints-s1")
    for step in range(1, 7):
        with pytest.raises(Killed), at_step(step, kill):
            chain.run(1, cadence=Cadence(1e9, 1))
    chain.run(1, cadence=Cadence(1e9, 1))
    assert chain.bytes(1) == whole.bytes(1)
    assert (len(seen), len(batches)) == (6, 6)
    ledger = sessions(chain.live(1) / "sessions.jsonl")
    assert [one["reason"] for one in ledger] == ["crash"] * 6 + ["done"]
    assert [one["steps_replayed"] for one in ledger] == [0, 1, 1, 1, 1, 1, 1]
    assert all(one["samples_per_second"] > 0 and one["peak_mb"] > 100 for one in ledger)
    assert [step for step, _ in events_of(chain.live(1), "train/loss")] == [1, 2, 3, 4, 5, 6]
    (line,) = [
        one for one in read_lines(chain.result(1) / "history.jsonl") if one["step"] == 6 and one["kind"] == "validation"
    ]
    assert events_of(chain.live(1), "validation/loss")[-1] == (6, pytest.approx(line["loss"]))


def events_of(live: Path, tag: str) -> list[tuple[int, float]]:
    """Steps and values of a curve, read back from the one event file."""
    (path,) = (live / "events").iterdir()
    events = [Event.FromString(one) for one in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()]
    assert events[0].file_version == "brain.Event:2"
    return [(one.step, value.simple_value) for one in events for value in one.summary.value if value.tag == tag]


def test_a_damaged_record_fails_for_good_and_names_the_shard(settings: dict, tmp_path: Path) -> None:
    records = make_records(settings, tmp_path)
    for shard in records.parent.glob("training*.tfrecord"):
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 1
        shard.write_bytes(data)
    chain = Chain(settings, records, tmp_path / "chain", "joints-s1")
    with pytest.raises(FailedForGoodError, match="wrong checksum in the record at byte"):
        chain.run(1)
    assert sessions(chain.live(1) / "sessions.jsonl")[0]["reason"] == "failed"


class OneNumber:
    """Stands for a network or an optimiser whose state is one number."""

    def __init__(self, number: float) -> None:
        self.weights = self.state = [keras.Variable(number)]


def test_nothing_that_an_overtaken_writer_commits_is_ever_loaded(tmp_path: Path) -> None:
    never = Lease(tmp_path, heartbeat=1000)
    first = never.__enter__()
    frozen = Checkpoints(tmp_path, first, {})
    frozen.save(OneNumber(1), OneNumber(1), 1)
    (tmp_path / "lease-000002.json").write_text("{}")  # somebody took over while the first was frozen
    second = Lease(tmp_path)
    second.token = 2
    Checkpoints(tmp_path, second, {})

    with pytest.raises(HeldByAnotherError):
        frozen.save(OneNumber(9), OneNumber(9), 9)
    # The worst case: frozen after the check, just before its rename and its pointer.
    frozen._lease.require = lambda: None
    frozen.save(OneNumber(9), OneNumber(9), 9)

    third = Lease(tmp_path)
    third.token = 3
    (tmp_path / "lease-000003.json").write_text("{}")
    loaded = OneNumber(0)
    checkpoints = Checkpoints(tmp_path, third, {})
    assert (checkpoints.restore(loaded, OneNumber(0)), float(loaded.weights[0]), checkpoints.remarks) == (1, 1, [])


def test_the_best_epoch_by_validation_can_be_the_result(
    settings: dict, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stages(steps: int, **training: str) -> dict:
        return {
            **settings,
            "training": {**settings["training"], "stages": [{"steps": steps, "learning_rate": 1e-2}], **training},
        }

    monkeypatch.setattr(loop._Validator, "__call__", lambda self, *arguments: arguments[3] == 3)
    chain = Chain(stages(9, select="best"), records, tmp_path / "best", "joints-s1")
    with pytest.raises(StoppedEarlyError):
        chain.run(1, stop_after=5)
    chain.run(1)
    assert read_json(chain.result(1) / "manifest.json")["step"] == 3
    last = Chain(stages(3), records, tmp_path / "last", "joints-s1")
    last.run(1)
    assert chain.bytes(1) == last.bytes(1)


def test_the_best_of_no_validation_is_refused_before_the_first_step(
    settings: dict, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = {**settings, "training": {**settings["training"], "select": "best"}}
    monkeypatch.setattr(loop.Records, "labels", lambda self, positions: np.full(len(positions), -1))
    chain = Chain(value, records, tmp_path, "joints-s1")
    with pytest.raises(GestureError, match=r"training\.select: `best` needs labelled validation"):
        chain.run(1)
