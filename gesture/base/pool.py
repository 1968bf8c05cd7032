"""Worker processes that end when the process that started them does, however it ends."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait


@contextmanager
def pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh interpreters that work side by side; when the block ends in an error, they are ended at once.

    Fresh, since a fork would copy the locks of whatever threads (PyAV, BLAS) the caller runs, and could hang.

    A worker that waits for work never learns that a killed parent is gone: it holds the other end of that pipe itself.
    So a thread in each one watches the pipe that `multiprocessing` keeps for this: only the parent has its other end,
    and the system closes it, whatever the parent died of. Linux's PR_SET_PDEATHSIG would do the same, but it is sent
    when the *thread* ends that started a worker, and a parent that is gone before it is set is never noticed.
    """
    before = set(multiprocessing.active_children())
    workers = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    try:
        yield workers
    except BaseException:
        for one in set(multiprocessing.active_children()) - before:
            one.kill()  # what they were writing has no final name yet
        raise
    finally:
        workers.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
