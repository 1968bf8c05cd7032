"""Threads that make batches: the same bytes in the same order, however many; what goes wrong is told; none is left."""

import itertools
import os
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from test_feed_bytes import CHANGES, INPUTS, Made, assert_same

from gesture.base.errors import FailedForGoodError
from gesture.cli import main
from gesture.formats.sequence import Sequence
from gesture.inputs.batch import BatchPlan, load_batch
from gesture.inputs.feed import MOST_WORKERS, Feed, usual_workers

SIZE = 24


def plans(changes: str, count: int = 5) -> Iterator[BatchPlan]:
    for step in range(count):
        yield BatchPlan.of(np.arange(step, step + 3), CHANGES[changes], np.random.default_rng([1, step, 1]))


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("kind", INPUTS)
def test_any_number_of_workers_makes_the_same_batches_in_the_same_order(kind: str, changes: str, workers: int) -> None:
    records, inputs, augmentation = Made(SIZE), INPUTS[kind], CHANGES[changes]
    made = list(Feed(records, inputs, augmentation, workers).batches(plans(changes)))
    assert len(made) == 5
    for step, batch in enumerate(made):
        rng = np.random.default_rng([1, step, 1])
        assert_same(batch, load_batch(records, np.arange(step, step + 3), inputs, augmentation, rng))


class Damaged(Made):
    """One of its records cannot be read."""

    def read(self, position: int) -> Sequence:
        if position == 5:
            raise FailedForGoodError("training-000.tfrecord: record at byte 1234 is damaged; run gesture convert again")
        return super().read(position)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_damaged_record_is_told_after_the_batches_before_it(workers: int) -> None:
    made = Feed(Damaged(SIZE), INPUTS["pictures"], workers=workers).batches(plans("none"))
    before = list(itertools.islice(made, 3))  # of the sequences 0 to 4
    assert len(before) == 3
    with pytest.raises(FailedForGoodError, match="byte 1234"):
        next(made)
    assert not feeding()


def test_what_goes_wrong_while_a_batch_is_laid_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("gesture.inputs.batch.standardised", broken)
    with pytest.raises(MemoryError, match="no room"):
        next(Feed(Made(SIZE), INPUTS["pictures"], workers=2).batches(plans("none")))
    assert not feeding()


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_who_stops_asking_leaves_no_thread(taken: int) -> None:
    made = Feed(Made(SIZE), INPUTS["pictures"], workers=3).batches(plans("none"))
    for _ in range(taken):
        next(made)
    made.close()
    assert not feeding()


def test_no_more_than_two_batches_are_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def noted() -> Iterator[BatchPlan]:
        for number, plan in enumerate(plans("none")):
            begun.append(number)
            yield plan

    made = Feed(Made(SIZE), INPUTS["pictures"], workers=3).batches(noted())
    for number in range(4):
        next(made)
        assert begun == list(range(number + 2))


def feeding() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("feed")]


@pytest.mark.parametrize(
    ("cores", "threads", "on_gpu", "workers"),
    [
        *[(1, 1, False, 1), (2, 1, False, 1), (3, 1, False, 2), (16, 1, False, MOST_WORKERS), (16, 16, False, 1)],
        *[(4, 4, True, 4), (2, 1, True, 2), (16, 4, True, MOST_WORKERS)],
    ],
)
def test_workers_are_the_cores_that_are_left(
    cores: int, threads: int, on_gpu: bool, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)))
    assert usual_workers(threads, on_gpu) == workers


@pytest.mark.parametrize("number", ["0", "-1", "two"])
def test_a_number_of_workers_that_is_none_is_refused(number: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["evaluate", "--workers", number])
    assert "is no number of workers" in capsys.readouterr().err
