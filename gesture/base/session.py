"""One batch job under a walltime: when must it stop, and who asked it to."""

import os
import signal
import time
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGURG, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)


class Session:
    """Tells the training loop when to save and stop.

    The deadline is the walltime minus a margin, which grows with the longest step and the longest save seen.
    Signals only set a flag: saving inside a handler can hang.
    """

    def __init__(self, walltime: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Starts the session.

        Args:
            walltime: time that the job was given, from now on [s].
            clock: monotonic time [s]; tests pass their own.
        """
        self.walltime = walltime
        self._clock = clock
        self._start = clock()
        self._longest_step = 0.0
        self._longest_save = 0.0
        self._signal: int | None = None

    def catch_signals(self) -> None:
        """From now on the signals a scheduler sends set a flag instead of ending the process."""
        for one in SIGNALS:
            signal.signal(one, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signal = number

    @property
    def elapsed(self) -> float:
        """Time since the session began [s]."""
        return self._clock() - self._start

    @property
    def margin(self) -> float:
        """Time kept free before the walltime for the last step and save, twice as long as any seen, and 5 s [s]."""
        return 5.0 + 2 * (self._longest_step + self._longest_save)

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


def job_id() -> str | None:
    """The scheduler's number of this job, None outside a scheduler."""
    return os.environ.get("LSB_JOBID") or os.environ.get("SLURM_JOB_ID")
