"""Checkpoints on a disk that fills up, breaks, or loses its power at any operation: an earlier one always loads."""

import errno
import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from made_up_arrays import settings_of, write_arrays
from test_training import make_records

from gesture.base.errors import GestureError
from gesture.base.files import read_json
from gesture.base.lease import Lease
from gesture.config.members import member
from gesture.config.settings import parse
from gesture.convert.reader import Records
from gesture.evaluate.predict import build_member
from gesture.faults.interrupt import at_write
from gesture.train.checkpoint import Checkpoints
from gesture.train.history import History
from gesture.train.ledger import Ledger, live_history
from gesture.train.optimiser import TwoRateAdam

FINGERPRINT = {"settings": "a", "data": "b"}


class State:
    """Stands for a network or an optimiser whose state is one number, written in 10 kB."""

    def __init__(self, number: int = -1) -> None:
        self.weights = self.state = [keras.Variable(np.full(2500, number, np.float32))]

    @property
    def number(self) -> int:
        (number,) = set(self.weights[0].numpy().tolist())
        return int(number)


class PowerCut(BaseException):
    """What a process that is dead does not notice."""


class PowerCutAt(at_write):
    """From an operation on, nothing reaches the disk: no clean-up, no release of the lease."""

    def __init__(self, number: float) -> None:
        super().__init__(number, self._die)
        self.dead = False

    def _die(self) -> None:
        self.dead = True
        raise PowerCut

    def _counted(self, real: Any, writes: Any) -> Any:
        counted = super()._counted(real, writes)

        def unless_dead(*arguments: Any, **keywords: Any) -> Any:
            if self.dead:
                raise PowerCut
            return counted(*arguments, **keywords)

        return unless_dead


class Patience:
    """A clock on which the time of a dead writer's lease passes at once."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of small files are written here: that they are synced is counted, not waited for."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@contextmanager
def writer(folder: Path) -> Iterator[Checkpoints]:
    patience = Patience()
    with Lease(folder, patience, patience.sleep, heartbeat=1000) as lease:
        yield Checkpoints(folder, lease, FINGERPRINT)


def restored(folder: Path) -> tuple[int, list[str]]:
    """The step that the next writer goes on from, and what it says; what it loads must belong together."""
    network, optimiser = State(), State()
    with writer(folder) as checkpoints:
        step = checkpoints.restore(network, optimiser)
        assert step == network.number == optimiser.number
        return step, checkpoints.remarks


def two_steps(folder: Path) -> None:
    with writer(folder) as checkpoints:
        for step in (1, 2):
            checkpoints.save(State(step), State(step), step, best=step == 1)


def a_session(folder: Path) -> None:
    """Everything that a session does to a folder of checkpoints."""
    with writer(folder) as checkpoints:
        checkpoints.restore(State(), State())
        checkpoints.trial(State(2), State(2))
        checkpoints.save(State(3), State(3), 3)
        checkpoints.save(State(4), State(4), 4, best=True)


def operations(folder: Path) -> int:
    two_steps(folder)
    with at_write(0, lambda: None) as counter:
        a_session(folder)
    return counter.count


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fails_at_any_write_leaves_the_checkpoint_before(tmp_path: Path, number: int) -> None:
    count = operations(tmp_path / "count")
    assert count > 50

    def fail() -> None:
        raise OSError(number, os.strerror(number))

    refused = 0
    for operation in range(1, count + 1):
        folder = tmp_path / str(operation)
        two_steps(folder)
        try:
            with at_write(operation, fail):
                a_session(folder)
        except GestureError as error:
            refused += 1
            assert os.strerror(number) in str(error)  # noqa: PT017 (removing litter may fail unseen)
        assert restored(folder)[0] in (2, 3, 4)
    assert refused > count / 2


def test_a_process_that_dies_at_any_operation_leaves_a_checkpoint_that_loads(tmp_path: Path) -> None:
    count = operations(tmp_path / "count")
    steps = []
    for operation in range(1, count + 1):
        folder = tmp_path / str(operation)
        two_steps(folder)
        with pytest.raises(PowerCut), PowerCutAt(operation):
            a_session(folder)
        step, remarks = restored(folder)
        assert remarks == []
        steps.append(step)
    assert steps == sorted(steps), "what was committed once is never lost"
    assert set(steps) == {2, 3, 4}


def test_a_file_cut_anywhere_is_passed_over_and_said(tmp_path: Path) -> None:
    two_steps(tmp_path / "whole")
    for file in ("state.bin", "state.json", "LAST"):
        for size in range(0, 20_000, 4096):
            folder = tmp_path / f"{file}-{size}"
            two_steps(folder)
            (newest,) = folder.glob("step-*2-t*")
            (pointer,) = folder.glob("LAST-*")
            path = pointer if file == "LAST" else newest / file
            if size >= path.stat().st_size:
                continue
            os.truncate(path, size)
            step, remarks = restored(folder)
            assert step == (2 if file == "LAST" else 1)
            assert len(remarks) == 1
            assert "is damaged" in remarks[0]


@pytest.mark.parametrize("harm", ["lost", "names nothing", "names old ones", "no JSON"])
def test_no_valid_checkpoint_is_deleted_because_the_pointer_does_not_name_it(tmp_path: Path, harm: str) -> None:
    with writer(tmp_path) as checkpoints:
        for step in range(1, 7):
            checkpoints.save(State(step), State(step), step, best=step == 2)
    (pointer,) = tmp_path.glob("LAST-*")
    if harm == "lost":
        pointer.unlink()
    else:
        kept = json.loads(pointer.read_text())
        named = {
            "names nothing": {"newest": [], "best": None},
            "names old ones": {"newest": [kept["best"]], "best": None},
        }
        pointer.write_text(json.dumps({"best": None, **named[harm]}) if harm in named else "{")
    with writer(tmp_path) as checkpoints:
        newest, best = State(), State()
        assert checkpoints.restore(newest, State()) == newest.number == 6
        assert checkpoints.load_best(best, State()) == best.number == 2
        if harm in ("lost", "no JSON"):
            assert any("going by the checkpoints themselves" in one for one in checkpoints.remarks)


def test_the_best_checkpoint_outlives_the_last_two(tmp_path: Path) -> None:
    with writer(tmp_path) as checkpoints:
        for step in range(1, 7):
            checkpoints.save(State(step), State(step), step, best=step == 2)
    with writer(tmp_path) as checkpoints:
        best = State()
        assert checkpoints.load_best(best, State()) == best.number == 2
    assert sorted(path.name[:14] for path in tmp_path.glob("step-*")) == [f"step-{step:09d}" for step in (2, 5, 6)]


def test_a_trial_says_how_much_room_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with writer(tmp_path) as checkpoints:
        checkpoints.trial(State(), State())
        assert list(tmp_path.glob("trial-*")) == []
        monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=5000))
        with pytest.raises(GestureError, match=r"0\.1 MB are needed for checkpoints, 0\.0 MB are free"):
            checkpoints.trial(State(), State())


def test_real_weights_that_do_not_fit_on_the_disk_leave_the_checkpoint_before(tmp_path: Path) -> None:
    """A limit on file sizes stands for a full disk: it is met at every 4 KiB."""
    settings = settings_of(write_arrays(tmp_path / "arrays"))
    records = Records(make_records(settings, tmp_path))
    who = member(parse(settings, "test"), "joints-s1")
    network = build_member(who, records)
    optimiser = TwoRateAdam(network, who.variant.training)
    folder = tmp_path / "live"
    with Lease(folder, heartbeat=1000) as lease:
        checkpoints = Checkpoints(folder, lease, FINGERPRINT)
        checkpoints.save(network, optimiser, 1)
        (first,) = folder.glob("step-*")
        largest = max(path.stat().st_size for path in first.iterdir())
        for limit in range(0, largest, 4096):
            with (
                limited_files(limit),
                pytest.raises(GestureError, match="not saved: File too large; a checkpoint needs"),
            ):
                checkpoints.save(network, optimiser, 2)
        assert checkpoints.restore(network, optimiser) == 1
        checkpoints.save(network, optimiser, 2)
    assert list(folder.glob(".*")) == []


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))  # Python ignores the signal, so write() fails
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_fifty_sessions_leave_no_file_open(tmp_path: Path) -> None:
    def a_whole_session(number: int) -> None:
        a_session_step = number + 1
        with Lease(tmp_path, heartbeat=1000) as lease:
            checkpoints = Checkpoints(tmp_path, lease, FINGERPRINT)
            checkpoints.restore(State(), State())
            with Ledger(tmp_path / "sessions.jsonl", lease, "job", number, (0, 100)) as ledger:
                history = History(tmp_path, number, lease)
                ledger.did(a_session_step, 4)
                history.append(kind="train", step=a_session_step, loss=1.0, rate=0.1, steps=1)
                checkpoints.save(State(a_session_step), State(a_session_step), a_session_step)
                history.close()
                ledger.end("deadline")

    a_whole_session(0)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(1, 51):
        a_whole_session(number)
    assert len(os.listdir("/proc/self/fd")) == before
    assert read_json(tmp_path / "progress.json")["step"] == 51
    assert [one["step"] for one in live_history(tmp_path)] == list(range(1, 52))
    assert [path.name for path in tmp_path.glob("history-*")] == ["history-000051.jsonl"]


def test_what_no_longer_fits_is_moved_aside_with_its_history_and_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "history-000001.jsonl").write_text('{"step": 2}\n')
    for number in (1, 2):
        two_steps(tmp_path)
        with Lease(tmp_path, heartbeat=1000) as lease:
            checkpoints = Checkpoints(tmp_path, lease, {**FINGERPRINT, "data": "changed"})
            assert checkpoints.restore(State(), State()) is None
            assert "it was made with other data" in checkpoints.remarks[0]
        aside = tmp_path / "aside" / f"{number:03d}"
        assert len(list(aside.glob("step-*"))) == 2
        assert (aside / "history-000001.jsonl").exists() == (number == 1)
    assert list(tmp_path.glob("step-*")) == []


@pytest.mark.parametrize("moved", range(4))
def test_a_writer_frozen_while_it_moves_aside_takes_nothing_of_the_next_one(tmp_path: Path, moved: int) -> None:
    """Frozen after a check, before a move or its pointer, it goes on unaware when another has taken over."""
    two_steps(tmp_path)
    (tmp_path / "history-000001.jsonl").write_text('{"step": 2}\n')
    changed = {**FINGERPRINT, "settings": "changed"}
    frozen = Lease(tmp_path, heartbeat=1000).__enter__()
    kept: dict[str, bytes] = {}

    def others_turn() -> None:
        (tmp_path / "lease-000003.json").write_text('{"released": true}')
        with Lease(tmp_path, heartbeat=1000) as lease:
            checkpoints = Checkpoints(tmp_path, lease, changed)
            assert checkpoints.restore(State(), State()) is None
            history = History(tmp_path, 0, lease)
            history.append(kind="train", step=1, loss=1.0, rate=0.1, steps=1)
            history.close()
            checkpoints.save(State(7), State(7), 1)
        kept.update(everything(tmp_path, lease.token))

    checkpoints = Checkpoints(tmp_path, frozen, changed)
    checks = 0

    def require() -> None:
        nonlocal checks
        checks += 1
        if checks == moved + 1:
            others_turn()

    frozen.require = require
    checkpoints.restore(State(), State())
    assert everything(tmp_path, 4) == kept != {}
    assert len(list(tmp_path.glob("aside/*/step-*"))) >= 2
    with Lease(tmp_path, heartbeat=1000) as lease:
        last, state = Checkpoints(tmp_path, lease, changed), State()
        assert last.restore(state, State()) == 1
        assert state.number == 7


def everything(folder: Path, token: int) -> dict[str, bytes]:
    """All files of a writer: its checkpoints, its pointer, its history."""
    return {str(path): path.read_bytes() for path in folder.rglob(f"*{token:06d}*/**/*") if path.is_file()} | {
        str(path): path.read_bytes() for path in folder.glob(f"[Lh]*-{token:06d}.json*")
    }
