"""One writer: two can never both believe that they hold a folder, whatever dies or freezes."""

import errno
import json
import multiprocessing
import os
import socket
import threading
from pathlib import Path

import pytest

from gesture.base import lease as lease_module
from gesture.base.errors import GestureError, HeldByAnotherError
from gesture.base.lease import Lease, highest_token, holder, is_here, living
from gesture.base.process import identity


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.while_waiting = lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.while_waiting()


def held_elsewhere(folder: Path, token: int = 1, **content: object) -> Path:
    path = folder / f"lease-{token:06d}.json"
    value = {"host": "elsewhere", "pid": 1, "job": "4711", "beat": 0, "released": False, **content}
    path.write_text(json.dumps(value))
    return path


def lease(folder: Path, clock: Clock) -> Lease:
    return Lease(folder, clock, clock.sleep, heartbeat=1000)


def test_a_free_folder_is_taken_at_once_and_handed_on(tmp_path: Path) -> None:
    clock = Clock()
    for token in (1, 2, 3):
        with lease(tmp_path / "new", clock) as mine:
            assert mine.token == token
            mine.require()
    assert clock.now == 0


def test_a_live_holder_on_another_host_is_left_alone(tmp_path: Path) -> None:
    clock = Clock()
    held_elsewhere(tmp_path)
    clock.while_waiting = lambda: held_elsewhere(tmp_path, beat=clock.now // 10)
    with (
        pytest.raises(HeldByAnotherError, match=r"held by process 1 on elsewhere \(job 4711\)"),
        lease(tmp_path, clock),
    ):
        pass
    assert clock.now <= 60
    assert highest_token(tmp_path) == 1


def test_a_holder_that_gives_no_sign_of_life_is_overtaken(tmp_path: Path) -> None:
    clock = Clock()
    held_elsewhere(tmp_path)
    with lease(tmp_path, clock) as mine:
        assert mine.token == 2
    assert 45 <= clock.now < 60


def test_a_dead_process_of_this_host_is_overtaken_at_once(tmp_path: Path) -> None:
    clock = Clock()
    child = multiprocessing.get_context("spawn").Process(target=os.getpid)
    child.start()
    child.join()
    held_elsewhere(tmp_path, host=socket.gethostname(), pid=child.pid)
    with lease(tmp_path, clock):
        assert clock.now == 0


def test_who_was_overtaken_may_commit_nothing(tmp_path: Path) -> None:
    with lease(tmp_path, Clock()) as first:
        held_elsewhere(tmp_path, token=2)
        assert not first.is_mine()
        with pytest.raises(HeldByAnotherError, match="another writer took over"):
            first.require()
    assert json.loads((tmp_path / "lease-000002.json").read_text())["released"] is False


def test_of_two_that_reach_for_a_stale_lease_one_waits_for_the_other(tmp_path: Path) -> None:
    clock = Clock()
    held_elsewhere(tmp_path)

    def the_other_is_faster() -> None:
        if clock.now >= 44:
            held_elsewhere(tmp_path, token=2, beat=clock.now)

    clock.while_waiting = the_other_is_faster
    with pytest.raises(HeldByAnotherError), lease(tmp_path, clock):
        pass
    assert highest_token(tmp_path) == 2


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(GestureError, match="live: Not a directory; a part of this path is a file"),
        Lease(tmp_path / "file" / "live"),
    ):
        pass


def test_a_full_disk_neither_ends_the_heartbeat_nor_hides_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beaten = threading.Event()

    def full(*arguments: object) -> None:
        beaten.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    def work() -> None:
        with Lease(tmp_path, heartbeat=0.001) as held:
            monkeypatch.setattr("gesture.base.lease.write_json", full)
            for _ in range(2):
                beaten.clear()
                assert beaten.wait(300)
            assert held._pulse.is_alive()
            raise RuntimeError("the real reason")

    with pytest.raises(RuntimeError, match="the real reason"):
        work()


# ---- Who lives: by movement and place, never by a clock


def ours(folder: Path, **content: object) -> Path:
    """The lease of this very process, unless the content says otherwise."""
    place = {"host": socket.gethostname(), "pid": os.getpid(), **identity(os.getpid())}
    return held_elsewhere(folder, **{**place, **content})


def test_a_live_trainer_whose_clock_is_150_seconds_behind_is_not_taken_for_dead(tmp_path: Path) -> None:
    clock = Clock()

    def beat() -> None:
        path = held_elsewhere(tmp_path, beat=clock.now // 10)
        os.utime(path, (path.stat().st_mtime - 150,) * 2)

    beat()
    clock.while_waiting = beat
    assert holder(tmp_path) is not None
    assert living([tmp_path], clock, clock.sleep)[tmp_path]["host"] == "elsewhere"
    assert clock.now <= 11, "one heartbeat is enough"


def test_a_trainer_elsewhere_that_does_not_move_is_gone_however_young_its_file_is(tmp_path: Path) -> None:
    clock = Clock()
    path = held_elsewhere(tmp_path)
    os.utime(path, (path.stat().st_mtime + 3600,) * 2)
    assert living([tmp_path], clock, clock.sleep) == {}
    assert 45 <= clock.now < 60


def test_several_folders_are_watched_at_once_and_free_ones_cost_nothing(tmp_path: Path) -> None:
    clock = Clock()
    folders = [tmp_path / name for name in "abcd"]
    for folder in folders:
        folder.mkdir()
    held_elsewhere(folders[0])
    held_elsewhere(folders[1])
    held_elsewhere(folders[2], released=True)
    clock.while_waiting = lambda: held_elsewhere(folders[1], beat=clock.now // 10)
    assert list(living(folders, clock, clock.sleep)) == [folders[1]]
    assert clock.now < 60
    assert living(folders[2:], clock, clock.sleep) == {}


def test_a_process_number_that_another_process_has_since_is_that_of_nobody(tmp_path: Path) -> None:
    ours(tmp_path)
    assert is_here(holder(tmp_path) or {})
    ours(tmp_path, started=identity(os.getpid())["started"] - 1)
    assert holder(tmp_path) is None
    with lease(tmp_path, clock := Clock()):
        assert clock.now == 0


@pytest.mark.parametrize("change", [{"namespace": "pid:[1]"}, {"boot": "another"}, {"host": "elsewhere"}])
def test_a_process_number_of_another_container_or_kernel_means_nothing_here(
    tmp_path: Path, change: dict[str, str]
) -> None:
    """A dead number, which would be proof of death here; and a living one, which is no proof of life there."""
    for pid in (2**22 + 1, os.getpid()):
        clock = Clock()
        ours(tmp_path, pid=pid, started=1, **change)
        held = holder(tmp_path)
        assert held is not None
        assert not is_here(held)
        clock.while_waiting = lambda clock=clock, pid=pid: ours(
            tmp_path, pid=pid, started=1, **change, beat=clock.now // 10
        )
        with pytest.raises(HeldByAnotherError, match="let it finish"), lease(tmp_path, clock):
            pass


def test_a_lease_from_before_places_were_noted_is_read_as_it_was(tmp_path: Path) -> None:
    held_elsewhere(tmp_path, host=socket.gethostname(), pid=os.getpid())
    assert is_here(holder(tmp_path) or {})
    held_elsewhere(tmp_path, host=socket.gethostname(), pid=2**22 + 1)
    assert holder(tmp_path) is None


def test_a_patient_writer_waits_until_the_other_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    held_elsewhere(tmp_path)
    clock.while_waiting = lambda: held_elsewhere(tmp_path, beat=clock.now // 10, released=clock.now >= 300)
    with Lease(tmp_path, clock, clock.sleep, heartbeat=1000, patient=True) as mine:
        assert mine.token == 2
    assert 300 <= clock.now < 310
    assert capsys.readouterr().err.count("waits for process 1 on elsewhere (job 4711)") == 1


def test_whose_folder_it_is_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(lease_module.Path, "mkdir", refused)
    with pytest.raises(GestureError, match=rf"{tmp_path}/live: Permission denied; .* is yours \(drwx") as caught:
        Lease(tmp_path / "live").__enter__()
    assert "\n" not in str(caught.value)
