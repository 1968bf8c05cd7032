"""Zip and tar archives from strangers, unpacked without paths that escape, links, devices or bombs."""

import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from tqdm import tqdm

from gesture.base.disk import is_refusal, refusal
from gesture.base.errors import GestureError
from gesture.base.files import sync

MOST_FILES = 1_000_000
_REMEDY = "if you trust the archive, unpack it by hand and give data.folder instead of data.download"
CHUNK = 1 << 20
# What Python's modules raise at damaged bytes.
_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, LZMAError, struct.error, EOFError, RuntimeError, ValueError,
    IndexError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True)
class _Member:
    """One entry; ``file`` is None for a folder, ``problem`` says why it is refused."""

    name: str
    size: int
    file: IO[bytes] | None
    problem: str | None = None


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks all files of a zip or tar archive below ``folder``; dates, owners and permissions are left behind.

    Raises:
        GestureError: it is no such archive, it is damaged, an entry is refused, a file is there already, or it would
            take more space than is free or make more than `MOST_FILES` files. What was unpacked before stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    room = shutil.disk_usage(folder).free
    count = 0
    try:
        with tqdm(desc=f"unpack {archive.name}", unit="B", unit_scale=True, mininterval=2) as bar:
            for member in _members(archive):
                problem = member.problem or _name_problem(member.name)
                if problem:
                    raise GestureError(f"{archive}: entry {member.name!r} {problem}; {_REMEDY}")
                count, room = count + 1, room - member.size
                if count > MOST_FILES:
                    raise GestureError(
                        f"{archive}: has more than {MOST_FILES} entries: such an archive is not unpacked"
                    )
                if room < 0:
                    raise GestureError(f"{archive}: takes more space than is free in {folder}: make room")
                bar.update(_write(member, folder / member.name, archive))
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and is_refusal(error):
            raise refusal(error, folder) from error
        raise GestureError(
            f"{archive}: cannot be unpacked ({error or type(error).__name__}): remove it and run again if damaged"
        ) from error


def _members(archive: Path) -> Iterator[_Member]:
    with archive.open("rb") as file:
        is_zip = file.read(2) == b"PK"  # at the end, a tar archive of zip archives looks like one of them
    if is_zip:
        yield from _zip_members(archive)
    elif tarfile.is_tarfile(archive):
        yield from _tar_members(archive)
    else:
        raise GestureError(f"{archive}: is neither a zip nor a tar archive: remove `unpack`, or look what was sent")


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as file:
        # Where an archive of archives is cut off, the last archive in it would be taken for the whole.
        if min((info.header_offset for info in file.infolist()), default=0) > 0:
            raise zipfile.BadZipFile("it has no list of entries at its end")
        for info in file.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                yield _Member(info.filename, 0, None, "is a link or device")
            elif info.flag_bits & 1:
                yield _Member(info.filename, 0, None, "is encrypted")
            elif info.is_dir():
                yield _Member(info.filename, 0, None)
            else:
                with file.open(info) as content:
                    yield _Member(info.filename, info.file_size, content)


def _tar_members(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive) as file:
        for info in file:
            if info.isreg():
                content = file.extractfile(info)
                assert content is not None
                with content:
                    yield _Member(info.name, info.size, content)
            else:
                yield _Member(info.name, 0, None, None if info.isdir() else "is a link or device")
        _require_end(file)


def _require_end(archive: tarfile.TarFile) -> None:
    """Looks for the empty block after the last entry, and reads on: a compressed file's checksum stands at its end.

    Python takes an archive that is cut, or has a damaged entry, for one that ends there.

    Raises:
        tarfile.ReadError: there is no such block.
    """
    content = archive.fileobj
    assert content is not None
    content.seek(archive.offset)
    if content.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("it ends before its end mark, or an entry is damaged")
    while content.read(CHUNK):
        pass


def _name_problem(name: str) -> str | None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in name[:2]:
        return "would leave the folder"
    return None


def _write(member: _Member, path: Path, archive: Path) -> int:
    """Writes one file or folder; returns the number of bytes."""
    if member.file is None:
        path.mkdir(parents=True, exist_ok=True)
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as output:
            shutil.copyfileobj(member.file, output, CHUNK)
            written = output.tell()
    except FileExistsError:
        raise GestureError(f"{archive}: {member.name!r} is there already: another file or archive has it too") from None
    sync(path)
    return written
