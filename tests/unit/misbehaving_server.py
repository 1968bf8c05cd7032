"""A real HTTP server on loopback that misbehaves on demand: once a fault, then as a server should."""

import base64
import gzip
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = b"<!DOCTYPE html><title>Please log in</title>"


class MisbehavingServer(ThreadingHTTPServer):
    """Serves `files`; each request uses up the first of `faults`: a status, or a method of `_Handler`.

    Attributes:
        files: path -> content.
        faults: what goes wrong with the next requests, in order.
        etag: validator of every file; None = the server gives none.
        login: user and password it asks for; None = none.
        elsewhere: where it redirects everybody to: the start of a URL; None = nowhere.
        gets: headers of every GET request so far, with the path as `Path`.
        over: set when the test ends.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.faults: list[Any] = []
        self.etag: str | None = '"1"'
        self.login: tuple[str, str] | None = None
        self.elsewhere: str | None = None
        self.gets: list[dict[str, str]] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def ranges(self) -> list[str | None]:
        """What was asked for by each GET request."""
        return [headers.get("Range") for headers in self.gets]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests."""


@contextmanager
def running() -> Iterator[MisbehavingServer]:
    with MisbehavingServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: MisbehavingServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._send(200, self.server.files.get(self.path, b""), head=True)

    def do_GET(self) -> None:
        self.server.gets.append({"Path": self.path, **dict(self.headers.items())})
        fault = self.server.faults.pop(0) if self.server.faults else "well"
        content = self.server.files.get(self.path)
        if self.server.elsewhere:
            self._send(302, b"", {"Location": self.server.elsewhere + self.path})
        elif isinstance(fault, int):
            self._send(fault, b"no")
        elif content is None:
            self._send(404, b"no such file")
        elif self.server.login and self.headers.get("Authorization") != _basic(*self.server.login):
            self._send(401, b"who are you?")
        else:
            getattr(self, fault)(content)

    # ---- Behaviours

    def well(self, content: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, self.server.etag)
        if not asked or not same:
            self._send(200, content)
        elif int(asked[1]) >= len(content):
            self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        else:
            start = int(asked[1])
            about = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            self._send(206, content[start:], about)

    def drops(self, content: bytes) -> None:
        """Half of the rest, then silence: the promised length never comes."""
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        about = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        rest = content[start:]
        self._send(206 if start else 200, rest[: len(rest) // 2], about, length=len(rest))

    def hangs_up(self, content: bytes) -> None:
        """Not even a status line."""

    def goes_silent(self, content: bytes) -> None:
        """Half of it, then nothing more, while the connection stays open until the test is over."""
        self._send(200, content[: len(content) // 2], length=len(content))
        self.server.over.wait()

    def redirects_in_circles(self, content: bytes) -> None:
        self.server.faults.insert(0, "redirects_in_circles")
        self._send(302, b"", {"Location": self.path})

    def promises_too_much(self, content: bytes) -> None:
        self._send(200, content, length=len(content) + 1000)

    def promises_too_little(self, content: bytes) -> None:
        self._send(200, content, length=len(content) - 1000)

    def ignores_range(self, content: bytes) -> None:
        self._send(200, content)

    def sends_other_range(self, content: bytes) -> None:
        self._send(206, content[1:], {"Content-Range": f"bytes 1-{len(content) - 1}/{len(content)}"})

    def sends_less_than_asked(self, content: bytes) -> None:
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        about = {"Content-Range": f"bytes {start}-{start + 999}/{len(content)}"}
        self._send(206, content[start : start + 1000], about)

    def ignores_if_range(self, content: bytes) -> None:
        del self.headers["If-Range"]
        self.well(content)

    def sends_page(self, content: bytes) -> None:
        self._send(200, b"Please log in", {"Content-Type": "text/html; charset=utf-8"})

    def sends_page_as_data(self, content: bytes) -> None:
        self._send(200, PAGE)

    def sends_wrong_bytes(self, content: bytes) -> None:
        self._send(200, bytes(len(content)))

    def says_no_length(self, content: bytes) -> None:
        self._send(200, content, length=None)

    def sends_it_coded(self, content: bytes) -> None:
        self._send(200, gzip.compress(content, 1), {"Content-Encoding": "gzip"})

    def sends_nothing(self, content: bytes) -> None:
        self._send(200, b"", length=None)

    def is_busy(self, content: bytes) -> None:
        self._send(503, b"later", {"Retry-After": "7"})

    def _send(
        self,
        status: int,
        body: bytes,
        about: dict[str, str] | None = None,
        *,
        length: int | None = -1,
        head: bool = False,
    ) -> None:
        self.send_response(status)
        about = {"Content-Type": "application/octet-stream", **(about or {})}
        if self.server.etag:
            about["ETag"] = self.server.etag
        if length is not None:
            about["Content-Length"] = str(len(body) if length == -1 else length)
        for name, value in about.items():
            self.send_header(name, value)
        self.end_headers()
        if not head:
            self.wfile.write(body)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
