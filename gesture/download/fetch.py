"""One file over HTTP(S): resumed, retried, verified; it gets its name only when it is whole and right."""

import hashlib
import itertools
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.auth import HTTPBasicAuth
from tqdm import tqdm

from gesture.base.errors import GestureError
from gesture.download.address import expanded, shown
from gesture.download.partial import Partial

ATTEMPTS = 8  # in a row without a new byte: two minutes of waiting
LONGEST_WAIT = 60.0  # [s]
TIMEOUT = (30.0, 60.0)  # to connect, between two packets [s]
CHUNK = 1 << 20
# Stored archives are compressed already; a coded body would have other lengths and ranges than the file.
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "gesture"}


@dataclass(frozen=True)
class Credentials:
    """User and password, never shown; ``source`` says in messages where they come from."""

    user: str = field(repr=False)
    password: str = field(repr=False)
    source: str

    @property
    def basic(self) -> HTTPBasicAuth:
        """For basic authentication; requests would send text as Latin-1."""
        return HTTPBasicAuth(self.user.encode(), self.password.encode())


class _InterruptedError(Exception):
    """Worth another attempt at the same URL, after ``wait`` seconds if the server says so."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _RefusedError(Exception):
    """No use to ask this URL again."""


# ---- Public ---------------------------------------------------------------------------------------------------------


def fetch(
    urls: list[str],
    target: Path,
    *,
    checksums: Mapping[str, str] | None = None,
    credentials: Credentials | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Downloads ``target`` from the first URL that gives it, unless it is there; returns its size [bytes] and SHA-256.

    What has arrived is kept in ``<target>.part`` and resumed by the next call. The credentials go to all hosts of
    ``urls``, and to no other that these redirect to.

    Args:
        checksums: algorithm (``sha256``, ``sha1``) -> hexadecimal digits.

    Raises:
        GestureError: no URL gives the file, it is not the expected one, or the disk is full.
    """
    checksums = checksums or {}
    if target.exists():
        facts = _facts(target, checksums)
        problem = _difference(facts, checksums)
        if problem:
            raise GestureError(f"{target}: {problem}: remove the file and run again")
        return facts
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Partial(target)
    problems = []
    with requests.Session() as session:
        for url in urls:
            try:
                facts = _patiently(session, url, part, checksums, credentials, sleep)
            except _RefusedError as error:
                problems.append(f"{shown(url)}: {error}")
            else:
                part.finish()
                return facts
    raise GestureError(f"{'; '.join(problems)} (or put the file at {target} by hand)")


def remote_size(url: str, credentials: Credentials | None = None) -> int | None:
    """Size of the file behind a URL [bytes]; None where the server does not tell."""
    auth = credentials.basic if credentials else None
    try:
        address = direct(expanded(url))
        with requests.head(address, headers=HEADERS, auth=auth, timeout=TIMEOUT, allow_redirects=True) as response:
            return int(response.headers["Content-Length"]) if response.ok and not _is_page(response) else None
    except (requests.RequestException, KeyError, ValueError):
        return None


def direct(url: str) -> str:
    """The address of the file itself; that of a Nextcloud share, `…/index.php/s/<token>`, shows a page about it."""
    share = re.fullmatch(r"(.*(?:/index\.php/s/[^/?#]+|/s/[A-Za-z0-9]{15}))/?", url)
    return f"{share[1]}/download" if share else url


def _facts(path: Path, checksums: Mapping[str, str]) -> dict[str, Any]:
    """Size [bytes], SHA-256 and whatever other digests are needed for comparison."""
    facts: dict[str, Any] = {"size": path.stat().st_size}
    for algorithm in sorted({"sha256", *checksums}):
        with path.open("rb") as file:
            facts[algorithm] = hashlib.file_digest(file, algorithm).hexdigest()
    return facts


def _difference(facts: Mapping[str, Any], checksums: Mapping[str, str]) -> str | None:
    """What tells a file from the expected one, in words."""
    for algorithm, expected in checksums.items():
        if facts[algorithm] != expected:
            return f"not the expected file: {algorithm} is {facts[algorithm]}, expected {expected}"
    return None


# ---- One URL --------------------------------------------------------------------------------------------------------


def _patiently(
    session: requests.Session,
    url: str,
    part: Partial,
    checksums: Mapping[str, str],
    credentials: Credentials | None,
    sleep: Callable[[float], None],
) -> dict[str, Any]:
    """Attempts until the whole, right file is there, and returns its facts; gives up when nothing new arrives."""
    best, failures = part.size, 0
    while True:
        start = part.size if _may_be_joined(part, url, checksums) else 0
        try:
            _attempt(session, url, part, start, credentials, bool(checksums))
            facts = _facts(part.path, checksums)
            problem = _difference(facts, checksums)
            if problem:
                part.discard()
                raise _InterruptedError(problem) if start else _RefusedError(problem)
            return facts
        except _InterruptedError as error:
            failures = 1 if part.size > best else failures + 1
            best = max(best, part.size)
            if failures == ATTEMPTS:
                raise _RefusedError(f"{error}, {ATTEMPTS} times in a row{_kept(part, url, checksums)}") from None
            wait = min(error.wait or 2.0 ** (failures - 1), LONGEST_WAIT)
            print(f"{part.target.name}: {error}; again in {wait:.0f} s", file=sys.stderr)
            sleep(wait)


def _kept(part: Partial, url: str, checksums: Mapping[str, str]) -> str:
    """What becomes of the bytes that arrived, in words."""
    if not part.size:
        return ""
    if _may_be_joined(part, url, checksums):
        return f"; {part.size / 1e6:.1f} MB are kept: run again to go on"
    return "; it has neither ETag nor date there: give its sha256 in data.download.files, and what arrives is kept"


def _may_be_joined(part: Partial, url: str, checksums: Mapping[str, str]) -> bool:
    """Whether anything would tell that the bytes kept and those to come are not of one file.

    A checksum does, or the server's own mark of this version. Equal lengths or borders do not: an archive of which one
    entry was replaced has both.
    """
    return bool(checksums) or (part.origin.get("url") == shown(url) and bool(part.origin.get("validator")))


def _attempt(
    session: requests.Session, url: str, part: Partial, start: int, credentials: Credentials | None, checked: bool
) -> None:
    """One request, for the bytes from ``start`` on; returns when the body has come to its end."""
    origin = part.origin
    if start and start == origin.get("size"):
        return
    known = origin.get("validator") if origin.get("url") == shown(url) else None
    headers = dict(HEADERS)
    if start:
        headers["Range"] = f"bytes={start}-"
        if known:
            headers["If-Range"] = known
    auth = credentials.basic if credentials else None
    with (
        _network_errors(),
        session.get(direct(expanded(url)), headers=headers, auth=auth, stream=True, timeout=TIMEOUT) as response,
    ):
        if response.status_code == 416 and start:
            part.discard()
            raise _InterruptedError("the file is shorter than what was kept of it: from its beginning again")
        _check_status(response, credentials)
        _check_encoding(response)
        total = _total(response)
        chunks = response.raw.stream(CHUNK, decode_content=False)
        first = next(chunks, b"")
        if response.status_code == 206:
            _check_range(response, part, known, total, checked)
        else:
            if _is_page(response) or first.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
                raise _RefusedError(
                    "is a web page, not the file: open it in a browser; it may have moved or ask to log in"
                )
            _check_space(part, total)
            part.begin(url, _validator(response), total)
        _write(part, total, first, chunks)
    if part.size == 0:
        raise _InterruptedError("sent nothing")
    if total is not None and part.size != total:
        raise _InterruptedError(f"sent {part.size} of {total} bytes")


def _write(part: Partial, total: int | None, first: bytes, rest: Iterator[bytes]) -> None:
    try:
        with (
            part.path.open("ab") as file,
            tqdm(
                total=total, initial=part.size, desc=part.target.name, unit="B", unit_scale=True, mininterval=2
            ) as bar,
        ):
            for chunk in itertools.chain([first], rest):
                bar.update(file.write(chunk))
    except OSError as error:
        raise GestureError(f"{part.path}: cannot be written ({error.strerror}); what arrived is kept") from error


@contextmanager
def _network_errors() -> Iterator[None]:
    """Failures of the network in a few words, without addresses: one that was redirected to may hold a secret."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise _RefusedError("its certificate is not trusted, or it speaks no TLS") from error
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise _InterruptedError("no answer in time") from error
    except (requests.ConnectionError, urllib3.exceptions.HTTPError) as error:
        raise _InterruptedError("no connection, or it was dropped") from error
    except requests.RequestException as error:
        raise _RefusedError(f"no usable answer ({type(error).__name__})") from error


# ---- What a server answers ------------------------------------------------------------------------------------------


def _check_status(response: requests.Response, credentials: Credentials | None) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    if status in (401, 403):
        if credentials:
            raise _RefusedError(f"refuses user and password (status {status}): check {credentials.source}")
        raise _RefusedError(
            f"may not be read (status {status}): if it needs a user and password, name the environment variables that "
            "hold them in data.download.user_env and data.download.password_env"
        )
    if status in (404, 410):
        raise _RefusedError(f"no such file (status {status}): check data.download.files")
    if status in (408, 425, 429) or status >= 500:
        wait = response.headers.get("Retry-After", "")
        raise _InterruptedError(f"the server is busy (status {status})", float(wait) if wait.isdecimal() else None)
    raise _RefusedError(f"unexpected status {status}")


def _check_encoding(response: requests.Response) -> None:
    """Refuses a body that was compressed on the way: stored as it is, it would be another file.

    Decoding it would not do: where such a body is cut, nothing tells, and a server that marks archives so means them.
    """
    found = response.headers.get("Content-Encoding", "").strip()
    if found.lower() not in ("", "identity"):
        raise _RefusedError(f"sends the file encoded ({found[:40]}), which was not asked for: get it another way")


def _check_range(
    response: requests.Response, part: Partial, known: str | None, total: int | None, checked: bool
) -> None:
    """Discards the partial file if the answer does not continue it; ``checked``: a checksum will tell, too."""
    begins = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    size = part.origin.get("size")
    if not begins or int(begins[1]) != part.size:
        problem = "answered with other bytes than those asked for"
    elif (size and total and size != total) or _is_other(known, _validator(response), checked):
        problem = "the file has changed since it was begun"
    else:
        _check_space(part, total)
        return
    part.discard()
    raise _InterruptedError(f"{problem}: from its beginning again")


def _is_other(known: str | None, given: str | None, checked: bool) -> bool:
    """Whether an answer may belong to another version; one without a mark proves nothing: not all heed If-Range."""
    return known is not None and given != known and not (checked and given is None)


def _check_space(part: Partial, total: int | None) -> None:
    missing = (total or 0) - part.size
    check_space(part.target.parent, missing, part.target.name)


def check_space(folder: Path, needed: int, what: str) -> None:
    """Refuses to begin what would fill the disk.

    Raises:
        GestureError: fewer than ``needed`` bytes are free.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise GestureError(f"{folder}: {what} needs {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free: make room")


def _total(response: requests.Response) -> int | None:
    """Size of the whole file [bytes], if the answer tells it."""
    if response.status_code == 206:
        text = response.headers.get("Content-Range", "").rpartition("/")[2]
    else:
        text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _validator(response: requests.Response) -> str | None:
    """What changes with the file; a weak ETag may stay the same for other bytes."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _is_page(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html"
