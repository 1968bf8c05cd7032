"""Sessions in the ledger: why each ended, what it replayed, and one that ends after the next has begun."""

import json
import os
from pathlib import Path

import pytest

from gesture.base.errors import FailedForGoodError, GestureError, HeldByAnotherError
from gesture.base.files import append_line, read_json
from gesture.base.lease import Lease
from gesture.train.ledger import Ledger, sessions


def ledger(folder: Path, token: int = 1, start: int = 3, fingerprint: str = "job") -> Ledger:
    """The ledger of a session that holds a lease which nobody releases."""
    lease = Lease(folder)
    lease.token = token
    (folder / f"lease-{token:06d}.json").write_text("{}")
    return Ledger(folder / "sessions.jsonl", lease, fingerprint, start, (0, 9))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "memory"),
        (RuntimeError("odd"), "crash"),
        (FailedForGoodError("loss is nan"), "failed"),
        (HeldByAnotherError("by 4711"), "overtaken"),
        (GestureError("disk full"), "stopped"),
    ],
)
def test_the_ledger_says_why_a_session_ended(tmp_path: Path, error: Exception, reason: str) -> None:
    def work() -> None:
        with ledger(tmp_path) as mine:
            mine.did(4, 2)
            raise error

    with pytest.raises(type(error)):
        work()
    (session,) = sessions(tmp_path / "sessions.jsonl")
    assert (session["reason"], session["steps"], session["first"], session["last"]) == (reason, 1, 0, 9)
    assert str(error) in session["message"]


def test_steps_that_a_killed_session_did_are_counted_when_they_are_replayed(tmp_path: Path) -> None:
    killed = ledger(tmp_path).__enter__()
    killed.did(4, 2)
    killed.did(5, 2)
    os.close(killed._marker)
    for token, fingerprint in ((2, "job"), (3, "another job")):
        with ledger(tmp_path, token, fingerprint=fingerprint):
            pass
    found = sessions(tmp_path / "sessions.jsonl")
    assert [one["steps_replayed"] for one in found] == [0, 2, 0]
    assert [one["reason"] for one in found] == ["killed"] * 3


def test_a_session_that_was_overtaken_ends_as_itself_and_leaves_the_next_ones_progress_alone(tmp_path: Path) -> None:
    frozen = ledger(tmp_path, 1).__enter__()
    with ledger(tmp_path, 2) as mine:
        mine.did(4, 2)
        mine.did(5, 2)
        mine.end("deadline")
        frozen.did(4, 2)
        error = HeldByAnotherError("another writer took over")
        frozen.__exit__(HeldByAnotherError, error, None)
        assert read_json(tmp_path / "progress.json")["step"] == 5
    found = sessions(tmp_path / "sessions.jsonl")
    assert [(one["lease"], one["reason"], one["steps"]) for one in found] == [(1, "overtaken", 1), (2, "deadline", 2)]


def test_who_was_overtaken_before_it_began_leaves_no_line(tmp_path: Path) -> None:
    late = ledger(tmp_path, 1)
    ledger(tmp_path, 2)
    with pytest.raises(HeldByAnotherError), late:
        pass
    assert sessions(tmp_path / "sessions.jsonl") == []


def test_in_a_ledger_without_leases_an_end_belongs_to_the_session_before(tmp_path: Path) -> None:
    for line in ({"event": "start"}, {"event": "start"}, {"event": "end", "reason": "done"}):
        append_line(tmp_path / "sessions.jsonl", json.dumps({**line, "time": "2026-01-01T00:00:00+00:00"}))
    assert [one["reason"] for one in sessions(tmp_path / "sessions.jsonl")] == ["killed", "done"]
