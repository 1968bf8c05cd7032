"""A GPU is some steps ahead of what is read: all that is written says the same as if every step were waited for.

The lag is that of a GPU; what lags is made on the CPU, where a test can see it.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from made_up_arrays import settings_of, write_arrays
from test_training import NEVER, Chain, make_records

from gesture.base.errors import FailedForGoodError, StoppedEarlyError
from gesture.base.files import read_json, read_lines
from gesture.config.settings import Training
from gesture.evaluate import predict
from gesture.inputs import feed, pipeline
from gesture.inputs.pipeline import copied_ahead
from gesture.inputs.skeleton import Skeleton
from gesture.train import loop, loss_scale
from gesture.train.ledger import sessions
from gesture.train.loop import Cadence
from gesture.train.unread import Unread


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return settings_of(write_arrays(tmp_path_factory.mktemp("arrays")))


@pytest.fixture(scope="module")
def records(settings: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_records(settings, tmp_path_factory.mktemp("records"))


@pytest.fixture
def lagging(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop and the evaluation take the CPU for a GPU, with batches copied to a device of their own."""
    for module in (loop, predict):
        monkeypatch.setattr(module, "lag", lambda: 2)
        monkeypatch.setattr(module, "ahead_on", lambda *devices: "CPU:1")


def written(chain: Chain, stage: int) -> tuple[list[bytes], list[dict], list[tuple]]:
    """Weights and slots, history and sessions, without what a clock says."""
    history = [{**one, "time": 0} for one in read_lines(chain.result(stage) / "history.jsonl")]
    ledger = sessions(chain.live(stage) / "sessions.jsonl")
    return chain.bytes(stage), history, [(one["step"], one["steps"], one["reason"]) for one in ledger]


@pytest.mark.parametrize(("member", "workers"), [("joints-s1", 1), ("clips-s1", 2)])
def test_a_run_that_lags_and_is_interrupted_writes_what_an_undisturbed_one_does(
    settings: dict, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str, workers: int
) -> None:
    monkeypatch.setattr(loop, "LOSSES_PER_LINE", 2)
    whole, chain, lagged = (Chain(settings, records, tmp_path / name, member) for name in ("whole", "chain", "lagged"))
    whole.run(1)
    with pytest.raises(StoppedEarlyError):
        chain.run(1, stop_after=2)
    chain.run(1)
    monkeypatch.setattr(loop, "usual_workers", lambda *arguments, **on_gpu: workers)
    monkeypatch.setattr(loop, "lag", lambda: 2)
    monkeypatch.setattr(loop, "ahead_on", lambda *devices: "CPU:1")
    with pytest.raises(StoppedEarlyError):
        lagged.run(1, stop_after=2)
    lagged.run(1)
    assert lagged.bytes(1) == whole.bytes(1)
    assert written(lagged, 1) == written(chain, 1)


def spoil_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The update of this step makes the weights infinite: the next loss is no number."""
    real = loop.rates
    monkeypatch.setattr(loop, "rates", lambda *a: (np.inf, np.inf) if a[2] == step else real(*a))


@pytest.mark.parametrize(("cadence", "stop_after"), [(NEVER, None), (Cadence(1e9, 4), None), (NEVER, 4)])
@pytest.mark.usefixtures("lagging")
def test_a_loss_that_is_no_number_is_told_with_its_step_and_no_checkpoint_holds_it(
    settings: dict,
    records: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cadence: Cadence,
    stop_after: int | None,
) -> None:
    spoil_at(2, monkeypatch)
    long = {
        **settings,
        "training": {**settings["training"], "stages": [{"steps": 9, "learning_rate": 1e-2}], "batch_size": 1},
    }
    chain = Chain(long, records, tmp_path, "joints-s1")
    with pytest.raises(FailedForGoodError, match="loss is nan at step 3, spoilt between steps 0 and 3"):
        chain.run(1, stop_after, cadence)
    assert not list(chain.live(1).glob("step-*"))
    assert read_json(chain.live(1) / "progress.json")["step"] == 3  # those whose loss was a number
    assert sessions(chain.live(1) / "sessions.jsonl")[0]["reason"] == "failed"


@pytest.mark.usefixtures("lagging")
def test_a_step_that_overflows_at_any_scale_is_told_with_its_step(
    settings: dict, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_scale, "FIRST_SCALE", 0.5)
    half = {**settings, "training": {**settings["training"], "precision": "float16"}}
    with pytest.raises(FailedForGoodError, match="overflow float16 at step 0"):
        Chain(half, records, tmp_path, "joints-s1").run(1)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.usefixtures("lagging")
def test_a_damaged_record_fails_for_good_and_names_the_shard(
    settings: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(loop, "usual_workers", lambda *arguments, **on_gpu: workers)
    records = make_records(settings, tmp_path)
    for shard in records.parent.glob("training*.tfrecord"):
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 1
        shard.write_bytes(data)
    with pytest.raises(FailedForGoodError, match="wrong checksum in the record at byte"):
        Chain(settings, records, tmp_path / "chain", "joints-s1").run(1)


def test_predictions_are_the_same_bytes_however_they_are_made(
    settings: dict, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    small = {**settings, "training": {**settings["training"], "validation_batch_size": 1}}
    chain = Chain(small, records, tmp_path, "clips-s1")
    chain.run(1)
    arguments = (chain.experiment, records, "clips-s1", chain.result(1), "training")
    predict.evaluate(*arguments, tmp_path / "plain.csv", threads=1, workers=1)
    request.getfixturevalue("lagging")
    predict.evaluate(*arguments, tmp_path / "lagging.csv", threads=1, workers=3)
    assert (tmp_path / "plain.csv").read_bytes() == (tmp_path / "lagging.csv").read_bytes()


def batches(noted: list[int]) -> Iterator[dict[str, tf.Tensor]]:
    for number in range(4):
        noted.append(number)
        yield {"label": tf.constant([number]), "rgb": tf.constant([float(number)])}


def test_a_batch_is_copied_while_the_one_before_is_in_use() -> None:
    made: list[int] = []
    for number, batch in enumerate(copied_ahead(batches(made), "CPU:1")):
        assert (batch["label"].numpy(), batch["rgb"].numpy()) == (number, number)
        assert made == list(range(min(4, number + 2)))
        assert batch["rgb"].device.endswith("CPU:1")
        assert batch["label"].device.endswith("CPU:0")


def test_without_a_gpu_batches_stay_where_they_are() -> None:
    made: list[int] = []
    first = next(copied_ahead(batches(made), None))
    assert made == [0]
    assert first["rgb"].device.endswith("CPU:0")


def test_as_many_steps_as_the_lag_are_unread_and_their_time_is_counted() -> None:
    unread = Unread(2)
    for step in range(5):
        unread.called(step, tf.constant([float(step), 1.0]), 4, began=0.0)
        assert [one.step for one in unread.done(everything=False)] == ([step - 2] if step >= 2 else [])
    assert len(unread) == 2
    assert unread.seconds() > 0
    assert [(one.step, one.loss, one.samples) for one in unread.done(everything=True)] == [(3, 3.0, 4), (4, 4.0, 4)]
    assert unread.seconds() == 0


def test_the_input_side_takes_its_workers_from_the_loop(
    settings: dict, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = feed.Feed.__init__

    def noted(self, records, inputs, augmentation=None, workers=1) -> None:
        asked.append(workers)
        real(self, records, inputs, augmentation, workers)

    monkeypatch.setattr(feed.Feed, "__init__", noted)
    data = loop.Records(records)
    training = Training(stages=[{"epochs": 1, "learning_rate": 1e-3}])
    inputs = loop.Inputs((Skeleton(),))
    pipeline.training_batches(data, np.arange(4), inputs, training, 1, range(1), 3)
    pipeline.evaluation_batches(data, np.arange(4), inputs, 2, 2)
    assert asked == [3, 2]
