"""What a training session says: a live bar on a terminal, a line a minute in a log file."""

import sys
import time

from tqdm import tqdm

SECONDS_PER_LINE = 60.0


class Progress:
    """Shows how far a stage is."""

    def __init__(self, name: str, start: int, first: int, last: int) -> None:
        """Shows nothing yet.

        Args:
            name: of member and stage.
            start: step that the session goes on from.
            first: first step of the stage.
            last: the step after its last.
        """
        self._name, self._start, self._first, self._last = name, start, first, last
        self._began = self._said_at = time.monotonic()
        self._bar = tqdm(
            total=last - first,
            initial=start - first,
            desc=name,
            unit="step",
            leave=False,
            file=sys.stdout,
            disable=not sys.stdout.isatty(),
        )

    def update(self, done: int, loss: float) -> None:
        """Notes that ``done`` steps, counted from stage 1, are done."""
        self._bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
        self._bar.update(done - self._first - self._bar.n)
        now = time.monotonic()
        if self._bar.disable and (now - self._said_at >= SECONDS_PER_LINE or done == self._last):
            self._said_at = now
            pace = (done - self._start) / max(now - self._began, 1e-9)
            left = time.strftime("%H:%M:%S", time.gmtime((self._last - done) / max(pace, 1e-9)))
            of = f"step {done - self._first} of {self._last - self._first}"
            self.say(f"{of}, loss {loss:.4f}, {pace:.1f} steps/s, {left} left")

    def say(self, text: str) -> None:
        """Prints a line, above the bar if there is one."""
        if self._bar.disable:
            say(self._name, text)
        else:
            self._bar.write(f"{self._name}: {text}", file=sys.stdout)

    def close(self) -> None:
        """Removes the bar."""
        self._bar.close()


def say(name: str, text: str) -> None:
    """Prints a line that names member and stage."""
    print(f"{name}: {text}", flush=True)
