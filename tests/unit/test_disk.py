"""What the disk or a limit refuses is one line with path and remedy in every command, and nothing is half-written."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import made_up_results
import pytest
import yaml
from made_up_arrays import settings_of, write_arrays

from gesture import cli
from gesture.base import disk
from gesture.base.disk import is_refusal, refusal
from gesture.base.files import append_line, atomic_folder, atomic_path, write_synced
from gesture.config.digests import resolved

ROOT = Path(__file__).parent.parent.parent

# ---- The line -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, r"No space left on device \([\d,.]+ MB are free\); make room there, or"),
        (errno.EDQUOT, r"Disk quota exceeded; your quota is used up \(`quota -s` shows it\): remove files"),
        (errno.EROFS, "Read-only file system; use a working directory that can be written to"),
        (
            errno.EMFILE,
            r"Too many open files \(\d+ are allowed\); raise the limit with `ulimit -n`, or use fewer --proc",
        ),
        (errno.EFBIG, "File too large; a limit on the size of files: see `ulimit -f`"),
        (errno.EIO, "Input/output error; the disk or file server failed: run again"),
        (errno.ESTALE, "Stale file handle; the file server has lost it: run again"),
    ],
)
def test_each_refusal_says_path_reason_and_remedy(tmp_path: Path, number: int, words: str) -> None:
    error = OSError(number, os.strerror(number), str(tmp_path / "x/y.csv"))
    assert is_refusal(error)
    with pytest.raises(Exception, match=rf"^{tmp_path}/x/y\.csv: {words}") as caught:
        raise refusal(error)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_too_long_is_cut_in_the_message(tmp_path: Path) -> None:
    error = OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(tmp_path / ("x" * 5000)))
    assert "File name too long (5000 bytes, the whole path" in str(refusal(error))
    assert len(str(refusal(error))) < 500


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_in_a_groups_folder_it_is_said_whose_file_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """As a colleague's umask of 022 leaves it: the group may read, and not write."""
    (tmp_path / "records").mkdir(mode=0o755)
    error = OSError(number, os.strerror(number), str(tmp_path / "records/lease-000002.json"))
    assert f"{tmp_path}/records is yours (drwxr-xr-x, group " in str(refusal(error))
    monkeypatch.setattr(disk.os, "geteuid", lambda: 12345)
    monkeypatch.setattr(disk, "_user", lambda number: "anna")
    text = str(refusal(error))
    assert f"{tmp_path}/records belongs to anna, group " in text
    assert "(drwxr-xr-x): ask anna to run `chmod -R g+rwX` on it and to work with umask 002" in text


def test_what_is_written_is_named_and_not_its_temporary_name(tmp_path: Path) -> None:
    def fails(path: Path) -> None:
        raise OSError(errno.ENOSPC, "full", *([str(path)] if path.exists() else []))

    def in_file() -> None:
        with atomic_path(tmp_path / "a.csv") as temporary:
            temporary.touch()
            fails(temporary)

    def in_folder() -> None:
        with atomic_folder(tmp_path / "a") as partial:
            (partial / "b.h5").touch()
            fails(partial / "b.h5")

    for work, name in ((in_file, "a.csv"), (in_folder, "a/b.h5")):
        with pytest.raises(OSError, match="full") as caught:
            work()
        assert caught.value.filename == str(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [append_line, lambda path, text: write_synced(path, text.encode())])
def test_writing_names_its_file_though_the_system_does_not(tmp_path: Path, write: Callable[[Path, str], None]) -> None:
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space") as caught:
        write(full, "text")
    assert caught.value.filename == str(full)


# ---- The commands ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with all that the commands read."""
    folder = tmp_path_factory.mktemp("place")
    made_up_results.make_results(folder)
    (folder / "made.yaml").write_text(yaml.safe_dump(resolved(made_up_results.settings())))
    (folder / "arrays.yaml").write_text(yaml.safe_dump(settings_of(write_arrays(folder / "arrays", per_class=2))))
    raw = ["download", "--settings", str(folder / "arrays.yaml"), "--output", str(folder / "raw.json")]
    assert cli.main(raw) == 0
    truth = "sample,begin,end,y\n1,1,40,3\n"
    (folder / "truth.csv").write_text(truth)
    return folder


TABLES = [f"results/made-up/predictions/test/{name}.csv" for name in ("fusion-s1", "skeleton-s1", "skeleton-s2")]
MADE = ["--settings", "made.yaml", "--records", "records/manifest.json"]
FINDS = ["--results", "results/made-up", "--records", "records/manifest.json"]
# Each with what it would write: a file, or a folder.
COMMANDS: dict[str, tuple[list[str], str]] = {
    "download": (["--settings", "arrays.yaml"], "raw.json"),
    "convert": (["--settings", "arrays.yaml", "--raw", "raw.json"], "manifest.json"),
    "average": ([*TABLES, *MADE], ""),
    "report": ([*MADE, "--results", "results/made-up", "--logs", "logs/made-up"], "report.html"),
    "inspect": (["records/manifest.json", "3"], "3.png"),
    "explain": (["17", *FINDS], "17.png"),
    "jaccard": (["truth.csv", "truth.csv"], "jaccard.json"),
}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(place: Path, name: str, output: Path, limit: str = "") -> subprocess.CompletedProcess[str]:
    arguments, file = COMMANDS[name]
    command = [sys.executable, "-m", "gesture.cli", name, *arguments, "--output", str(output / file)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", "")}
    shell = ["bash", "-c", f'{limit} exec "$0" "$@"', *command]
    return subprocess.run(shell, cwd=place, env=environment, capture_output=True, text=True, check=False)


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", COMMANDS)
def test_where_no_file_may_grow_every_command_says_so(place: Path, tmp_path: Path, name: str) -> None:
    """A limit that needs no rights to set, and that meets a write as a full disk does."""
    kept = {path: data for path, data in files(place).items() if "figures" not in path}
    line = said(run(place, name, tmp_path / "new", "ulimit -f 0;"))
    assert line.startswith(f"gesture {name}: ")
    assert line.endswith("File too large; a limit on the size of files: see `ulimit -f`")
    assert not [path for path in files(tmp_path) if not path.endswith(".log")]
    assert {path: data for path, data in files(place).items() if "figures" not in path} == kept


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a disk here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("download", "jaccard")])
def test_a_full_disk_is_one_line_in_every_command(place: Path, tiny_disk: Path, name: str) -> None:
    line = said(run(place, name, tiny_disk))
    assert line.startswith(f"gesture {name}: {tiny_disk}/")
    assert "No space left on device (0.0 MB are free); make room there" in line
    assert not [path for path in files(tiny_disk) if path.startswith(".") or ".tmp" in path]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_read_only_disk_is_one_line_in_every_command(place: Path, tiny_disk: Path, name: str) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    assert "Read-only file system; use a working directory that can be written to" in said(run(place, name, tiny_disk))


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("folder", ["x" * 300, "/".join(["y" * 200] * 30), "file/below"])
def test_a_path_that_cannot_be_is_one_line_in_every_command(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    name: str, folder: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(place)
    (tmp_path / "file").touch()
    arguments, file = COMMANDS[name]
    assert cli.main([name, *arguments, "--output", str(tmp_path / folder / file)]) == 2
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("gesture ")]
    assert (
        "Not a directory; a part of this path is a file" if folder.startswith("file") else "name too long ("
    ) in line


def test_a_bug_keeps_its_traceback_and_what_is_refused_anywhere_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gesture.operate import experiments

    def raises(error: BaseException) -> None:
        monkeypatch.setattr(experiments, "find", lambda *_: (_ for _ in ()).throw(error))

    raises(OSError(errno.EMFILE, "Too many open files"))
    assert cli.main(["status"]) == 2
    assert "Too many open files (" in capsys.readouterr().err
    raises(KeyboardInterrupt())
    assert cli.main(["status"]) == 130
    assert capsys.readouterr().err == "gesture status: interrupted\n"
    for bug in (KeyError("x"), FileNotFoundError(errno.ENOENT, "x"), OSError("x")):
        raises(bug)
        with pytest.raises(type(bug)):
            cli.main(["status"])
