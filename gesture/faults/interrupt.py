"""Runs a `gesture` command that is sent a signal at an exact point: what proofs of resuming are made of.

    python -m gesture.faults.interrupt step:12 SIGKILL train ...

Points are `step:N`, when the step counter reaches N and nothing of it is saved yet; `write:N`, just before the N-th
operation of this session that changes the folder of checkpoints while a checkpoint is taken over, tried or saved;
`save:N`, the same while one is saved; `after:S`, S seconds after TensorFlow was imported.
"""

import io
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest import mock

from gesture.base import tensorflow

METHODS = ("_adopt", "trial", "save", "remove_all")
OPERATIONS = ("fsync", "replace", "mkdir", "link", "unlink", "rmdir", "pwrite")


def main() -> None:
    """Runs the command in `sys.argv` after the point and the signal."""
    (kind, _, number), name = sys.argv[1].partition(":"), sys.argv[2]
    sys.argv[1:] = sys.argv[3:]

    def interrupt() -> None:
        os.killpg(0, getattr(signal, name))  # as a scheduler does

    os.setpgrp()
    point = {"step": at_step, "write": at_write, "save": at_save, "after": after}[kind](float(number), interrupt)
    imported = tensorflow.import_tensorflow

    def import_and_wait() -> None:
        """Not before the command does it: that chooses its GPUs first."""
        imported()
        if points:
            waiting.enter_context(points.pop())

    points = [point]
    with ExitStack() as waiting, mock.patch.object(tensorflow, "import_tensorflow", import_and_wait):
        runpy.run_module("gesture.cli", run_name="__main__")


@contextmanager
def after(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    """Does something some time from now."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


def at_step(step: float, action: Callable[[], None]) -> AbstractContextManager[Any]:
    """Does something when a step, counted from 1 and from stage 1, has been done."""
    from gesture.train.ledger import Ledger

    real = Ledger.did

    def did(self: Ledger, done: int, samples: int) -> None:
        real(self, done, samples)
        if done == step:
            action()

    return mock.patch.object(Ledger, "did", did)


class at_write:  # noqa: N801 (used like a function)
    """Does something before the N-th operation, counted from 1, in which a checkpoint changes the disk."""

    methods: tuple[str, ...] = METHODS

    def __init__(self, number: float, action: Callable[[], None]) -> None:
        self.count = 0
        self._number, self._action = number, action
        self._inside = 0
        self._patches: list[Any] = []

    def __enter__(self) -> "at_write":
        from gesture.train.checkpoint import Checkpoints

        for name in self.methods:
            self._patch(Checkpoints, name, self._marked(getattr(Checkpoints, name)))
        for name in OPERATIONS:
            self._patch(os, name, self._counted(getattr(os, name), lambda *a, **k: True))
        self._patch(io, "open", self._counted(io.open, lambda _, mode="r", *a, **k: mode[0] in "wax"))
        return self

    def __exit__(self, *error: object) -> None:
        for patch in reversed(self._patches):
            patch.stop()

    def _patch(self, owner: Any, name: str, value: Any) -> None:
        self._patches.append(mock.patch.object(owner, name, value))
        self._patches[-1].start()

    def _marked(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def marked(*arguments: Any, **keywords: Any) -> Any:
            self._inside += 1
            try:
                return real(*arguments, **keywords)
            finally:
                self._inside -= 1

        return marked

    def _counted(self, real: Callable[..., Any], writes: Callable[..., bool]) -> Callable[..., Any]:
        def counted(*arguments: Any, **keywords: Any) -> Any:
            if self._inside and writes(*arguments, **keywords):
                self.count += 1
                if self.count == self._number:
                    self._action()
            return real(*arguments, **keywords)

        return counted


class at_save(at_write):  # noqa: N801 (used like a function)
    """Does something before the N-th operation in which a checkpoint that is saved changes the disk."""

    methods = ("save",)


if __name__ == "__main__":
    main()
