"""All bytes that the project keeps go through here: written aside, fsynced, renamed; digested."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gesture.base.errors import FailedForGoodError, GestureError

# Containers on different hosts may have the same process ids, so these alone do not keep two writers apart.
_PROCESS = uuid.uuid4().hex[:8]


@contextmanager
def naming(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Gives errors of the system the path that they are about: those of writing bytes do not name it.

    Args:
        path: what is written.
        temporary: what it is called until it is whole; a name that tells the user nothing.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        elif temporary and str(error.filename).startswith(str(temporary)):
            error.filename = str(path) + str(error.filename).removeprefix(str(temporary))
            error.filename2 = None
        raise


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """Yields a temporary path in the folder of ``final``; on success it is fsynced and renamed to ``final``.

    If the block raises, the temporary file is removed and ``final`` is what it was before.
    """
    # The suffix stays, since some libraries read it.
    temporary = final.with_name(f".{final.stem}.{_writer()}.tmp{final.suffix}")
    with naming(final, temporary):
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            sync(temporary)
            temporary.replace(final)
            sync(final.parent)
        finally:
            with suppress(OSError):  # the error that brought us here says more
                temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """Yields an empty folder beside ``final`` that becomes ``final`` when the block ends well; else it is removed.

    Raises:
        OSError: ``final`` is there already and not empty (it is never replaced), or the disk failed.
    """
    partial = final.with_name(f".{final.name}.{_writer()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with naming(final, partial):
        partial.mkdir(parents=True)
        try:
            yield partial
            sync(partial)
            partial.replace(final)
            sync(final.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def remove_litter(folder: Path, pattern: str = "*") -> None:
    """Removes what other, killed processes were writing in a folder; to be called by its only writer."""
    for path in [*folder.glob(f".{pattern}.partial"), *folder.glob(f".{pattern}.tmp*")]:
        if _writer() in path.name:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _writer() -> str:
    """Names this process among all that share the disk."""
    return f"{os.getpid()}-{_PROCESS}"


def link_or_copy(source: Path, target: Path) -> None:
    """Gives a file a second name; where the file system has no hard links, copies it.

    Raises:
        FileExistsError: the second name is taken.
    """
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError:
        shutil.copy2(source, target)
        sync(target)


def sync(path: Path) -> None:
    """Forces a file's bytes, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, data: bytes) -> None:
    """Writes bytes and forces them to the disk, under the name given."""
    with naming(path), path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_text_if_other(path: Path, text: str) -> None:
    """Writes UTF-8 text atomically, unless the file holds it already: its date tells others that something changed."""
    try:
        same = path.read_bytes() == text.encode()
    except FileNotFoundError:
        same = False
    if not same:
        write_text(path, text)


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON atomically, keys in the order given."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """A JSON file's text: indented, keys in the order given."""
    return json.dumps(value, indent=1) + "\n"


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        GestureError: the file is missing or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GestureError(f"{path}: no such file") from None
    except (ValueError, RecursionError) as error:  # also bytes that are no UTF-8, and a number of 5000 digits
        raise GestureError(f"{path}: not readable as JSON ({error})") from error


SEAL = "seal"


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest with the digest of all it says, by which those who read it see whether it was changed."""
    return {**value, SEAL: _seal(value)}


def unsealed(path: Path, value: Mapping[str, Any], step: str) -> dict[str, Any]:
    """What was sealed, after comparing it with its digest; manifests of 0.1.0 have none and are taken as they are.

    Args:
        path: of the manifest.
        value: what stands in it.
        step: the subcommand that wrote it.

    Raises:
        FailedForGoodError: it was changed.
    """
    content = {key: one for key, one in value.items() if key != SEAL}
    if SEAL in value and value[SEAL] != _seal(content):
        raise FailedForGoodError(
            f"{path}: was changed after gesture {step} wrote it; remove it and run gesture {step} again"
        )
    return content


def _seal(value: Mapping[str, Any]) -> str:
    # As it comes back from the file: tuples are lists there, and all keys are texts.
    return text_digest([json.dumps(json.loads(json.dumps(value)), sort_keys=True)])


def read_manifest(path: Path, step: str, **keys: type | tuple[type, ...]) -> dict[str, Any]:
    """Reads a JSON file that a step wrote, and looks whether it is one, as it was written.

    Args:
        path: the file.
        step: which `gesture` command writes it.
        keys: those that are needed, and the types of their values.

    Raises:
        GestureError: the file is missing, is no JSON, or is something else.
        FailedForGoodError: it has a digest of itself, and was changed since.
    """
    value = read_json(path)
    remedy = f"remove it and run gesture {step} again"
    if not isinstance(value, dict):
        raise GestureError(f"{path}: is not what gesture {step} writes: {_short(value)}; {remedy}")
    for key, kind in keys.items():
        if key not in value:
            raise GestureError(f"{path}: is not what gesture {step} writes: it has no {key!r}; {remedy}")
        if not isinstance(value[key], kind):
            raise GestureError(
                f"{path}: is not what gesture {step} writes: its {key!r} is {_short(value[key])}; {remedy}"
            )
    return unsealed(path, value, step)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def append_line(path: Path, line: str) -> None:
    """Appends one line and forces it to the disk; a line that a crash has cut stays a line of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path), path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(line.rstrip("\n").encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines of a JSONL file; none if it does not exist. A line that a crash has cut is left out."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return [one for one in found if isinstance(one, dict)]


def require_digest(path: Path, expected: str, step: str) -> None:
    """Compares a file that another step wrote with the digest in that step's manifest.

    Args:
        path: of the file.
        expected: its SHA-256.
        step: the subcommand that wrote it.

    Raises:
        FailedForGoodError: the file was changed, or is another one.
        GestureError: it is missing or cannot be read.
    """
    try:
        found = file_digest(path)
    except OSError as error:
        raise GestureError(f"{path}: cannot be read ({error.strerror}); run gesture {step} again") from error
    if found != expected:
        raise FailedForGoodError(
            f"{path}: is not what gesture {step} wrote: its SHA-256 is not that of the manifest beside it; "
            f"remove the folder and run gesture {step} again"
        )


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_digest(parts: Iterable[str]) -> str:
    """SHA-256 over several texts, each preceded by its length, so that their borders count."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def value_digest(value: Any) -> str:
    """SHA-256 of a JSON-serialisable value, independent of the order of keys."""
    return text_digest([json.dumps(value, sort_keys=True, allow_nan=False)])
