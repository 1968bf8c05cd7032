"""MATLAB files are read in a process that may die of them."""

import io
import os
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.io import savemat

from gesture.base.errors import GestureError
from gesture.formats import matlab


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    matlab._reader.stop()
    yield
    matlab._reader.stop()


def mat_file(**variables: object) -> bytes:
    file = io.BytesIO()
    savemat(file, variables)
    return file.getvalue()


def test_a_file_that_ends_the_reader_is_named_and_the_next_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(matlab, "_SERVE", "import os, signal, sys; sys.stdin.read(1); os.kill(os.getpid(), 11)")
        with pytest.raises(GestureError, match=r"a\.mat: no MATLAB file with x .*damaged: .* died of it, SIGSEGV"):
            matlab.load(bytes(1_000_000), "a.mat", "x")
    assert np.array_equal(matlab.load(mat_file(x=np.arange(3)), "b.mat", "x"), [0, 1, 2])


def test_one_process_reads_all_files_and_ends_when_asked() -> None:
    content = mat_file(x={"name": "perfetto", "begin": 3})
    assert matlab.load(content, "a.mat", "x").name == "perfetto"
    process = matlab._reader._process
    assert process is not None
    with pytest.raises(GestureError, match=r"b\.mat: no MATLAB file with x in it"):
        matlab.load(content[:50], "b.mat", "x")
    with pytest.raises(GestureError, match=r"c\.mat: no MATLAB file with y in it"):
        matlab.load(content, "c.mat", "y")
    assert matlab.load(content, "a.mat", "x").begin == 3
    assert matlab._reader._process is process
    assert matlab._reader.stop() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
