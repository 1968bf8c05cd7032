"""One batch job under a walltime: when must it stop, and who asked it to."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

# What a scheduler sends early, to say that the walltime comes near: no order to stop.
REMINDER = signal.SIGURG
STOP = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)
# From the start of a batch job until training begins: Python, TensorFlow, weights, the first trace of the graph [s].
START_UP = 60.0
# Kept free before the walltime whatever steps and saves take [s].
LEAST_MARGIN = 5.0


def margin(step: float, save: float) -> float:
    """Time kept free before the walltime for the last step and save, twice as long as any seen [s].

    Args:
        step: longest step [s].
        save: longest save of a checkpoint [s].
    """
    return LEAST_MARGIN + 2 * (step + save)


class Session:
    """Tells the training loop when to save and stop.

    The deadline is the walltime minus a margin, which grows with the longest step and the longest save seen.
    Signals only set a flag: saving inside a handler can hang. An early reminder is none to stop: own clock decides, and
    a checkpoint is saved in case it is wrong.
    """

    def __init__(self, walltime: float, clock: Callable[[], float] = time.monotonic, gone: float = 0.0) -> None:
        """Starts the session.

        Args:
            walltime: time that the batch job was given [s].
            clock: monotonic time [s]; tests pass their own.
            gone: how long the batch job has been running, see `job_age` [s].
        """
        self.walltime = walltime
        self._clock = clock
        self._start = clock() - gone
        self._reminded = False
        self._longest_step = 0.0
        self._longest_save = 0.0
        self._signal: int | None = None

    def catch_signals(self) -> None:
        """From now on the signals a scheduler sends set a flag instead of ending the process."""
        for one in (REMINDER, *STOP):
            signal.signal(one, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == REMINDER:
            self._reminded = True
        else:
            self._signal = number

    def take_reminder(self) -> bool:
        """True once after each reminder of the scheduler."""
        reminded, self._reminded = self._reminded, False
        return reminded

    @property
    def elapsed(self) -> float:
        """Time since the batch job began [s]."""
        return self._clock() - self._start

    @property
    def margin(self) -> float:
        """Time kept free before the walltime [s]."""
        return margin(self._longest_step, self._longest_save)

    def saw_step(self, seconds: float) -> None:
        """Notes how long a step took [s]."""
        self._longest_step = max(self._longest_step, seconds)

    def saw_save(self, seconds: float) -> None:
        """Notes how long a checkpoint took [s]."""
        self._longest_save = max(self._longest_save, seconds)

    def room(self) -> str:
        """Says what the walltime is spent on, for a session that had time for one step only."""
        return (
            f"the walltime of {self.walltime:.0f} s has room for one step only: {self.elapsed:.0f} s are gone, and "
            f"{self.margin:.0f} s before the end are kept for a step ({self._longest_step:.1f} s) and a save "
            f"({self._longest_save:.1f} s); ask for more"
        )

    def reason_to_stop(self) -> str | None:
        """`signal SIGTERM`, `deadline`, or None to go on."""
        if self._signal is not None:
            return f"signal {signal.Signals(self._signal).name}"
        if self.elapsed >= self.walltime - self.margin:
            return "deadline"
        return None


def job_age(variable: str, proc: Path = Path("/proc")) -> float:
    """How long the batch job of this process has been running [s]; 0 if it is none.

    The walltime counts from the start of the job, and Snakemake and imports come before this process. The oldest of
    this process's ancestors that has the job's number in its environment is the job's first process.

    Args:
        variable: of the environment, with the job's number.
        proc: where the system tells of its processes.
    """
    mark = f"{variable}={os.environ.get(variable, '')}".encode()
    process, oldest = os.getpid(), None
    try:
        while process > 1 and mark in (proc / str(process) / "environ").read_bytes().split(b"\0"):
            # The name in parentheses may hold spaces: fields are counted from its end.
            fields = (proc / str(process) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            process, oldest = int(fields[1]), int(fields[19]) / os.sysconf("SC_CLK_TCK")
        uptime = float((proc / "uptime").read_text(encoding="utf-8").split()[0])
    except (OSError, ValueError, IndexError):  # another user's process, or no Linux
        if oldest is None:
            return 0.0
        uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
    return 0.0 if oldest is None else max(0.0, uptime - oldest)
