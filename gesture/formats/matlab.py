"""MATLAB files (version 5) as data sets bring them, read in a process that may die of them.

SciPy's reader is compiled code that trusts the file: a damaged one can end the whole process. One process reads all
files of the process that asks; it ends with it, since the pipe between them does.
"""

import atexit
import io
import os
import pickle
import resource
import signal
import subprocess
import sys
import warnings
from contextlib import suppress
from typing import Any

from gesture.base.errors import GestureError

_SERVE = "from gesture.formats.matlab import _serve; _serve()"


def load(content: bytes, where: str, name: str) -> Any:
    """The variable of this name; dimensions of one element are dropped, structs become objects with attributes.

    Raises:
        GestureError: the bytes are no MATLAB file, are damaged, or hold no such variable.
    """
    value, problem = _reader.read(content, name)
    if problem:
        raise GestureError(f"{where}: no MATLAB file with {name} in it ({problem})")
    return value


class _Reader:
    """Reads one file after another in a process of its own; a new one is started where one has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, content: bytes, name: str) -> tuple[Any, str]:
        """The variable, and what is wrong; empty if nothing is."""
        if self._process is None:
            command = [sys.executable, "-c", _SERVE]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump((content, name), process.stdin)
            process.stdin.flush()
            answer: tuple[Any, str] = pickle.load(process.stdout)  # noqa: S301 (of our own process)
        except (EOFError, OSError, pickle.UnpicklingError):
            code = self.stop()
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            return None, f"damaged: SciPy's reader died of it, {how}"
        except BaseException:
            self.stop()  # an answer that nobody waits for would be taken for the next one's
            raise
        return answer

    def stop(self) -> int:
        """Ends the process, if there is one; returns its exit code, negative for a signal."""
        process, self._process = self._process, None
        if process is None:
            return 0
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        with suppress(OSError):  # it was dead before it had read all
            process.stdin.close()
        try:
            return process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


_reader = _Reader()
atexit.register(_reader.stop)


def _serve() -> None:
    """What the other process does until its pipe is closed."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the other one ends this
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    while True:
        try:
            content, name = pickle.load(sys.stdin.buffer)  # noqa: S301 (of our own process)
        except EOFError:
            return
        answers.write(_read(content, name))
        answers.flush()


def _read(content: bytes, name: str) -> bytes:
    """The answer, pickled."""
    from scipy.io import loadmat

    try:
        found = loadmat(io.BytesIO(content), squeeze_me=True, struct_as_record=False, variable_names=[name])
        return pickle.dumps((found[name], ""))
    except Exception as error:  # damaged bytes make SciPy raise almost anything
        return pickle.dumps((None, str(error).partition("\n")[0] or type(error).__name__))
