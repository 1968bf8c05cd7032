"""Downloads from a server that misbehaves: what is recovered from, and what the user is told."""

import base64
import hashlib
import random
import re
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from misbehaving_server import MisbehavingServer, running

from gesture.base.errors import GestureError
from gesture.download import fetch as fetch_module
from gesture.download.fetch import ATTEMPTS, Credentials, direct, fetch, remote_size

CONTENT = random.Random(1).randbytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SHA1 = hashlib.sha1(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    with running() as one:
        one.files["/a.zip"] = CONTENT
        yield one


class Client:
    """Calls `fetch` and remembers how long it would have slept [s]."""

    def __init__(self, server: MisbehavingServer, folder: Path) -> None:
        self.server = server
        self.target = folder / "downloads" / "a.zip"
        self.part = folder / "downloads" / "a.zip.part"
        self.waits: list[float] = []

    def __call__(self, *urls: str, **options: Any) -> dict[str, Any]:
        return fetch(list(urls) or [f"{self.server.url}/a.zip"], self.target, sleep=self.waits.append, **options)

    def problem(self, *urls: str, **options: Any) -> str:
        with pytest.raises(GestureError) as caught:
            self(*urls, **options)
        assert "\n" not in str(caught.value)
        assert not self.target.exists()
        return str(caught.value)

    def whole(self) -> bool:
        """The file is right, and nothing else is left in its folder."""
        return self.target.read_bytes() == CONTENT and list(self.target.parent.iterdir()) == [self.target]


@pytest.fixture
def client(server: MisbehavingServer, tmp_path: Path) -> Client:
    return Client(server, tmp_path)


def test_a_file_comes_with_its_size_and_digest(client: Client) -> None:
    assert client() == {"size": len(CONTENT), "sha256": SHA256}
    assert client.whole()
    assert client.waits == []


def test_a_second_call_asks_for_nothing(client: Client, server: MisbehavingServer) -> None:
    assert client() == client(checksums={"sha256": SHA256})
    assert len(server.gets) == 1


def test_progress_shows_rate_and_time_left(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    client()
    assert re.search(r"a\.zip: 100%.*3\.00M/3\.00M \[\S+<00:00, .*B/s\]", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("checksums", "etag"),
    [({"sha256": SHA256}, '"1"'), ({"sha1": SHA1}, '"1"'), ({}, '"1"'), ({"sha256": SHA256}, None)],
)
def test_a_dropped_connection_is_resumed_where_it_broke(
    client: Client, server: MisbehavingServer, checksums: dict[str, str], etag: str | None
) -> None:
    server.etag = etag
    server.faults = ["drops", "drops"]
    client(checksums=checksums)
    assert client.whole()
    assert server.ranges == [None, "bytes=1500000-", "bytes=2250000-"]
    assert client.waits == [1, 1]


def test_a_killed_download_is_resumed_by_the_next_run(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["drops", *["hangs_up"] * ATTEMPTS]
    message = client.problem()
    assert "1.5 MB are kept: run again to go on" in message
    client()
    assert client.whole()
    assert server.ranges[-1] == "bytes=1500000-"


def test_a_server_that_goes_silent_is_not_waited_for_for_ever(
    client: Client, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "TIMEOUT", (30, 1))
    server.faults = ["goes_silent"]
    client()
    assert client.whole()
    assert len(server.gets) > 1


def test_redirects_in_circles_are_not_followed_for_ever(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["redirects_in_circles"]
    assert f"{server.url}/a.zip: no usable answer (TooManyRedirects)" in client.problem()


def test_waits_double_while_nothing_arrives_and_then_it_gives_up(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["hangs_up"] * ATTEMPTS
    assert f"{server.url}/a.zip: no connection" in client.problem()
    assert client.waits == [1, 2, 4, 8, 16, 32, 60]


def test_a_busy_server_says_itself_how_long_to_wait(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["is_busy"]
    client()
    assert client.waits == [7]


def test_a_server_that_ignores_range_sends_all_again(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["drops", "ignores_range"]
    client()
    assert client.whole()


def test_a_server_that_sends_another_range_is_asked_for_the_whole(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["drops", "sends_other_range"]
    client()
    assert client.whole()
    assert server.ranges == [None, "bytes=1500000-", None]


def test_a_server_that_sends_less_than_asked_for_is_asked_for_the_rest(
    client: Client, server: MisbehavingServer
) -> None:
    server.faults = ["drops", "sends_less_than_asked"]
    client()
    assert client.whole()
    assert server.ranges == [None, "bytes=1500000-", "bytes=1501000-"]


@pytest.mark.parametrize(("fault", "last"), [("well", "bytes=1500000-"), ("ignores_if_range", None)])
def test_a_file_that_changed_meanwhile_is_not_joined_with_its_old_half(
    client: Client, server: MisbehavingServer, fault: str, last: str | None
) -> None:
    server.files["/a.zip"] = bytes(len(CONTENT))
    server.faults = ["drops", *["hangs_up"] * ATTEMPTS]
    client.problem()
    server.files["/a.zip"], server.etag, server.faults = CONTENT, '"2"', [fault]
    client()
    assert client.whole()
    assert server.ranges[-1] == last  # one answer is enough from a server that heeds If-Range


@pytest.mark.parametrize("ranges", ["well", "ignores_if_range"])
@pytest.mark.parametrize(("before", "after"), [(None, None), ('"1"', None), ('W/"1"', 'W/"1"')])
def test_without_checksum_and_version_two_halves_are_never_joined(
    client: Client, server: MisbehavingServer, before: str | None, after: str | None, ranges: str
) -> None:
    """The new version has the length of the old one, and its second half begins like that: no comparison would tell."""
    server.files["/a.zip"] = bytes(len(CONTENT) // 2) + CONTENT[len(CONTENT) // 2 :]
    server.etag, server.faults = before, ["drops", *["hangs_up"] * ATTEMPTS]
    message = client.problem()
    assert ("MB are kept" in message) == (before == '"1"')
    server.files["/a.zip"], server.etag, server.faults = CONTENT, after, [ranges]
    client()
    assert client.whole()


def test_a_file_without_a_version_begins_anew_when_it_breaks_off(client: Client, server: MisbehavingServer) -> None:
    server.etag, server.faults = None, ["drops"]
    client()
    assert client.whole()
    assert server.ranges == [None, None]


@pytest.mark.parametrize("checksums", [{"sha256": SHA256}, {}])
def test_a_coding_that_nobody_asked_for_is_refused(
    client: Client, server: MisbehavingServer, checksums: dict[str, str]
) -> None:
    server.faults = ["sends_it_coded"]
    message = client.problem(checksums=checksums)
    assert "a.zip: sends the file encoded (gzip), which was not asked for" in message
    assert not client.part.exists()
    server.faults = ["sends_it_coded"]
    client(*[f"{server.url}/a.zip"] * 2, checksums=checksums)  # a mirror may know better
    assert client.whole()


def test_bytes_of_another_server_are_not_joined_without_a_checksum(client: Client, server: MisbehavingServer) -> None:
    server.files["/b.zip"] = bytes(len(CONTENT))
    server.faults = ["drops", 404]
    client(f"{server.url}/b.zip", f"{server.url}/a.zip")
    assert client.whole()


def test_a_dead_mirror_does_not_cost_what_was_kept(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["drops", 404, 404]
    client.problem(f"{server.url}/a.zip", f"{server.url}/mirror/a.zip")
    client()
    assert client.whole()
    assert server.ranges == [None, "bytes=1500000-", None, "bytes=1500000-"]


def test_a_kept_part_of_wrong_bytes_is_replaced(client: Client, server: MisbehavingServer) -> None:
    client.part.parent.mkdir()
    client.part.write_bytes(b"x" * 1000)
    client(checksums={"sha256": SHA256})
    assert client.whole()
    assert server.ranges == ["bytes=1000-", None]


@pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) + 5])
def test_a_kept_part_that_is_too_long_is_replaced(client: Client, server: MisbehavingServer, size: int) -> None:
    client.part.parent.mkdir()
    client.part.write_bytes(b"x" * size)
    client(checksums={"sha256": SHA256})
    assert client.whole()


def test_a_length_that_is_too_large_is_named_in_the_end(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["promises_too_much"] * 20
    message = client.problem()
    assert f"{ATTEMPTS} times in a row" in message
    assert client.part.exists()


def test_a_length_that_is_too_large_once_is_recovered_from(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["promises_too_much"]
    client()
    assert client.whole()


def test_a_length_that_is_too_small_is_found_by_the_checksum(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["promises_too_little"]
    assert f"expected {SHA256}" in client.problem(checksums={"sha256": SHA256})


def test_a_server_that_tells_no_length_is_read_to_its_end(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["says_no_length"]
    client()
    assert client.whole()


def test_an_empty_answer_is_not_taken_for_the_file(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["sends_nothing"]
    client()
    assert client.whole()


@pytest.mark.parametrize("fault", ["sends_page", "sends_page_as_data"])
def test_a_web_page_is_not_taken_for_the_file(client: Client, server: MisbehavingServer, fault: str) -> None:
    server.faults = ["drops", fault]
    message = client.problem()
    assert f"{server.url}/a.zip: is a web page, not the file" in message
    assert client.part.stat().st_size == 1_500_000
    client()
    assert client.whole()


def test_wrong_bytes_never_get_the_name(client: Client, server: MisbehavingServer) -> None:
    server.faults = ["sends_wrong_bytes"]
    message = client.problem(checksums={"sha1": SHA1})
    assert f"sha1 is {hashlib.sha1(bytes(len(CONTENT))).hexdigest()}, expected {SHA1}" in message
    assert not client.part.exists()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "no such file (status 404): check data.download.files"),
        (401, "may not be read (status 401): if it needs a user and password, name the environment variables"),
        (403, "may not be read (status 403)"),
        (418, "unexpected status 418"),
        (416, "unexpected status 416"),
        (503, "the server is busy (status 503), 8 times in a row"),
    ],
)
def test_a_status_is_told_with_address_and_remedy(
    client: Client, server: MisbehavingServer, status: int, words: str
) -> None:
    server.faults = [status] * ATTEMPTS
    message = client.problem()
    assert message.startswith(f"{server.url}/a.zip: {words}")
    assert message.endswith(f"(or put the file at {client.target} by hand)")


def test_mirrors_are_asked_in_order(client: Client, server: MisbehavingServer) -> None:
    server.faults = [404, "sends_wrong_bytes"]
    urls = [f"{server.url}/{name}" for name in ("gone.zip", "a.zip", "a.zip")]
    client(*urls, checksums={"sha256": SHA256})
    assert client.whole()
    assert [one["Path"] for one in server.gets] == ["/gone.zip", "/a.zip", "/a.zip"]


def test_a_mirror_goes_on_where_the_first_server_broke(client: Client, server: MisbehavingServer) -> None:
    server.files["/mirror/a.zip"] = CONTENT
    server.faults = ["drops", 404]
    client(f"{server.url}/a.zip", f"{server.url}/mirror/a.zip", checksums={"sha256": SHA256})
    assert client.whole()
    assert server.ranges[-1] == "bytes=1500000-"


def test_all_mirrors_are_named_when_none_gives_the_file(client: Client, server: MisbehavingServer) -> None:
    message = client.problem(f"{server.url}/b", f"{server.url}/c")
    assert f"{server.url}/b: no such file" in message
    assert f"{server.url}/c: no such file" in message


def test_a_server_that_is_not_there_is_named(client: Client, server: MisbehavingServer) -> None:
    with running() as gone:
        url = gone.url
    assert f"{url}/a.zip: no connection" in client.problem(f"{url}/a.zip")


def test_a_server_without_tls_is_not_asked_again_and_again(client: Client, server: MisbehavingServer) -> None:
    url = server.url.replace("http:", "https:")
    assert f"{url}/a.zip: its certificate is not trusted, or it speaks no TLS" in client.problem(f"{url}/a.zip")
    assert client.waits == []


def test_a_file_there_already_must_be_the_expected_one(client: Client) -> None:
    client.target.parent.mkdir()
    client.target.write_bytes(b"something else")
    with pytest.raises(GestureError, match=r"a\.zip: not the expected file: sha256 is .*: remove the file"):
        client(checksums={"sha256": SHA256})


# ---- Secrets --------------------------------------------------------------------------------------------------------

LOGIN = Credentials("anna", "sécret", "GESTURE_USER and GESTURE_PASSWORD")


def test_user_and_password_open_the_door(client: Client, server: MisbehavingServer) -> None:
    server.login = (LOGIN.user, LOGIN.password)
    client(credentials=LOGIN)
    assert client.whole()


def test_a_refused_password_is_not_shown(
    client: Client, server: MisbehavingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.login = ("anna", "other")
    message = client.problem(credentials=LOGIN)
    assert "refuses user and password (status 401): check GESTURE_USER and GESTURE_PASSWORD" in message
    secrets = (LOGIN.password, base64.b64encode(f"anna:{LOGIN.password}".encode()).decode())
    everything = message + repr(LOGIN) + "".join(capsys.readouterr())
    assert not any(secret in everything for secret in secrets)


def test_a_redirect_to_another_host_does_not_take_the_password_along(client: Client, server: MisbehavingServer) -> None:
    with running() as first:
        first.elsewhere = server.url
        client(f"{first.url}/a.zip", credentials=LOGIN)
    assert "Authorization" in first.gets[0]
    assert "Authorization" not in server.gets[0]
    assert client.whole()


def test_what_may_be_secret_in_a_url_is_not_shown(client: Client, server: MisbehavingServer) -> None:
    url = f"{server.url.replace('//', '//anna:hidden1@')}/b.zip?token=hidden1"
    assert "hidden1" not in client.problem(url)


def test_a_secret_in_a_query_is_filled_in_last_and_shown_nowhere(
    client: Client, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files = {"/a.zip?token=hidden1": CONTENT}
    url = server.url + "/a.zip?token=${G_TOKEN}"
    monkeypatch.setenv("G_TOKEN", "hidden1")
    assert remote_size(url) == len(CONTENT)
    server.faults = ["drops", *["hangs_up"] * ATTEMPTS]
    message = client.problem(url)
    kept = "".join(path.read_text() for path in client.target.parent.glob("*.json"))
    assert "hidden1" not in message + kept + "".join(capsys.readouterr())
    client(url)
    assert client.whole()
    assert {one["Path"] for one in server.gets} == {"/a.zip?token=hidden1"}


@pytest.mark.parametrize(("value", "words"), [(None, "is not set: export it"), ("a b", "percent-encode them")])
def test_a_variable_that_does_not_fit_is_named_without_its_value(
    client: Client, monkeypatch: pytest.MonkeyPatch, value: str | None, words: str
) -> None:
    monkeypatch.delenv("G_TOKEN", raising=False)
    if value:
        monkeypatch.setenv("G_TOKEN", value)
    message = client.problem(client.server.url + "/a.zip?token=${G_TOKEN}")
    assert f"a.zip: the environment variable G_TOKEN {'has characters' if value else ''}".rstrip() in message
    assert words in message
    assert client.server.gets == []


# ---- Before it starts -----------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_before_the_first_byte(
    client: Client, server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(2_990_000))
    assert "a.zip needs 0.00 GB" in client.problem()
    assert not client.part.exists()


def test_a_disk_that_fills_up_meanwhile_is_told(client: Client) -> None:
    client.part.parent.mkdir()
    client.part.symlink_to("/dev/full")  # every write to it fails as on a full disk
    assert f"{client.part}: cannot be written (No space left on device); what arrived is kept" in client.problem()


def test_the_size_is_known_without_a_download(server: MisbehavingServer) -> None:
    assert remote_size(f"{server.url}/a.zip") == len(CONTENT)
    assert server.gets == []


@pytest.mark.parametrize(
    ("share", "file"),
    [
        ("https://x.org/index.php/s/cD4mXyz", "https://x.org/index.php/s/cD4mXyz/download"),
        ("https://x.org/cloud/index.php/s/cD4mXyz/", "https://x.org/cloud/index.php/s/cD4mXyz/download"),
        ("https://x.org/s/abcdeABCDE12345", "https://x.org/s/abcdeABCDE12345/download"),
        ("https://x.org/index.php/s/cD4mXyz/download", "https://x.org/index.php/s/cD4mXyz/download"),
        ("https://x.org/s/data.zip", "https://x.org/s/data.zip"),
    ],
)
def test_a_nextcloud_share_is_read_from_its_download_address(share: str, file: str) -> None:
    assert direct(share) == file
    assert direct(file) == file


def test_a_share_link_brings_the_file_not_the_page(client: Client, server: MisbehavingServer) -> None:
    server.files = {"/index.php/s/cD4mXyz": b"<html>", "/index.php/s/cD4mXyz/download": CONTENT}
    client(f"{server.url}/index.php/s/cD4mXyz")
    assert client.whole()
