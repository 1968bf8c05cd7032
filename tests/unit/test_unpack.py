"""Archives from strangers: what is unpacked, and what is refused."""

import io
import shutil
import stat
import tarfile
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from gesture.base.errors import GestureError
from gesture.download import unpack as module
from gesture.download.unpack import unpack

FILES = {"sequences.csv": b"Id,split\n", "deep/er/one.npz": bytes(range(256)) * 5000, "empty": b""}
KINDS = ["zip", "tar", "tar.gz", "tar.xz"]


def make(folder: Path, kind: str, files: dict[str, bytes] = FILES) -> Path:
    path = folder / f"data.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.mkdir("folder")
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, f"w:{kind.removeprefix('tar').removeprefix('.')}") as archive:
        folder_entry = tarfile.TarInfo("folder")
        folder_entry.type = tarfile.DIRTYPE
        archive.addfile(folder_entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def make_special(folder: Path, kind: str, type_: bytes, mode: int) -> Path:
    """An archive whose only entry, `odd`, is no file."""
    path = folder / f"data.{kind}"
    if kind == "zip":
        info = zipfile.ZipInfo("odd")
        info.external_attr = mode << 16
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(info, "/etc/passwd")
    else:
        with tarfile.open(path, "w") as archive:
            entry = tarfile.TarInfo("odd")
            entry.type, entry.linkname = type_, "/etc/passwd"
            archive.addfile(entry)
    return path


def found(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def problem(archive: Path, folder: Path) -> str:
    with pytest.raises(GestureError) as caught:
        unpack(archive, folder)
    assert str(caught.value).startswith(f"{archive}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_files_and_folders_come_out_as_they_went_in(kind: str, tmp_path: Path) -> None:
    unpack(make(tmp_path, kind), tmp_path / "out")
    assert found(tmp_path / "out") == FILES
    assert (tmp_path / "out/folder").is_dir()


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", ["../up", "/absolute", "a/../../up", "..\\up", "C:up"])
def test_a_path_that_escapes_is_refused(kind: str, name: str, tmp_path: Path) -> None:
    archive = make(tmp_path, kind, {name: b"x"})
    assert "would leave the folder" in problem(archive, tmp_path / "in/out")
    assert found(tmp_path) == {archive.name: archive.read_bytes()}


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    ("type_", "mode"),
    [(tarfile.SYMTYPE, stat.S_IFLNK), (tarfile.LNKTYPE, stat.S_IFLNK), (tarfile.CHRTYPE, stat.S_IFCHR),
     (tarfile.FIFOTYPE, stat.S_IFIFO)],
)  # fmt: skip
def test_links_and_devices_are_refused(kind: str, type_: bytes, mode: int, tmp_path: Path) -> None:
    archive = make_special(tmp_path, kind, type_, mode | 0o644)
    assert "entry 'odd' is a link or device" in problem(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_refused_before_it_fills_the_disk(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make(tmp_path, kind, {"first": b"x" * 1000, "bomb": bytes(5_000_000)})
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(1_000_000))
    assert "takes more space than is free" in problem(archive, tmp_path / "out")
    assert "bomb" not in found(tmp_path / "out")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_too_many_files_are_refused(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 10)
    archive = make(tmp_path, kind, {f"{number}": b"" for number in range(10)})
    assert "more than 10 entries" in problem(archive, tmp_path / "out")


def test_a_size_that_lies_is_found(tmp_path: Path) -> None:
    archive = make(tmp_path, "zip", {"a": b"x" * 1000})
    raw = archive.read_bytes()
    at = raw.rindex(b"PK\x01\x02") + 24  # uncompressed size in the central directory
    archive.write_bytes(raw[:at] + (10).to_bytes(4, "little") + raw[at + 4 :])
    problem(archive, tmp_path / "out")


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_archive_is_one_line(kind: str, tmp_path: Path) -> None:
    archive = make(tmp_path, kind, {"a": bytes(range(256)) * 500, "b": bytes(range(255)) * 500})
    raw = archive.read_bytes()
    for length in (len(raw) * 3 // 4, len(raw) // 2, 300, 1, 0):
        archive.write_bytes(raw[:length])
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        problem(archive, tmp_path / "out")


def test_a_cut_archive_of_archives_is_not_taken_for_the_last_one_in_it(tmp_path: Path) -> None:
    inner = make(tmp_path, "zip", {"Sample0001_data.csv": b"1120,20,2881"}).read_bytes()
    archive = tmp_path / "Train1.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("Sample0001.zip", inner)
    archive.write_bytes(archive.read_bytes()[:-60])
    assert "cannot be unpacked" in problem(archive, tmp_path / "out")


def test_archives_in_an_archive_stay_as_they_are(tmp_path: Path) -> None:
    inner = make(tmp_path, "zip", {"Sample0001_data.csv": b"1120,20,2881"}).read_bytes()
    for kind in ("zip", "tar"):
        unpack(make(tmp_path, kind, {"Sample0001.zip": inner}), tmp_path / kind / "out")
        assert found(tmp_path / kind / "out") == {"Sample0001.zip": inner}


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    archive = make(tmp_path, "zip", {"a": bytes(range(256)) * 500})
    raw = bytearray(archive.read_bytes())
    raw[raw.index(b"a", 60) + 40] ^= 1
    archive.write_bytes(raw)
    problem(archive, tmp_path / "out")


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    archive = make(tmp_path, "zip", {"a": b"x"})
    raw = bytearray(archive.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        raw[raw.rindex(mark) + offset] |= 1
    archive.write_bytes(raw)
    assert "entry 'a' is encrypted" in problem(archive, tmp_path / "out")


def test_one_name_from_two_archives_is_refused(tmp_path: Path) -> None:
    unpack(make(tmp_path, "zip", {"a": b"1"}), tmp_path / "out")
    assert "'a' is there already" in problem(make(tmp_path, "tar", {"a": b"2"}), tmp_path / "out")
    assert found(tmp_path / "out") == {"a": b"1"}


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"<html>")
    assert "neither a zip nor a tar archive" in problem(tmp_path / "a.zip", tmp_path / "out")
