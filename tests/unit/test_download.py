"""`gesture download` from a server: from the configuration to raw files and their manifest."""

import io
import json
import os
import shutil
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from made_up_arrays import settings_of, write_arrays
from misbehaving_server import MisbehavingServer, running

from gesture.base.errors import GestureError
from gesture.base.lease import Lease
from gesture.config.digests import raw_name
from gesture.config.settings import Experiment, parse
from gesture.download.download import download


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MisbehavingServer]:
    """Has a data set as loose files, and in an archive."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    write_arrays(tmp_path / "made")
    with running() as one:
        one.files = {f"/{path.name}": path.read_bytes() for path in (tmp_path / "made").iterdir()}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in one.files.items():
                archive.writestr(f"top{name}", content)
        one.files["/all.zip"] = buffer.getvalue()
        yield one


def loose(server: MisbehavingServer) -> dict[str, Any]:
    return {"files": [{"name": path[1:], "urls": [server.url + path]} for path in server.files if path != "/all.zip"]}


def packed(server: MisbehavingServer) -> dict[str, Any]:
    return {"subfolder": "top", "files": [{"name": "all.zip", "urls": [f"{server.url}/all.zip"], "unpack": True}]}


def experiment(source: dict[str, Any], **changes: Any) -> Experiment:
    value = settings_of(Path("made"))
    del value["data"]["folder"]
    value["data"]["download"] = {**source, **changes}
    return parse(value, "c.yaml")


def run(source: dict[str, Any], **changes: Any) -> dict[str, Any]:
    download(experiment(source, **changes), Path("resources/it/manifest.json"), 1)
    manifest: dict[str, Any] = json.loads(Path("resources/it/manifest.json").read_text())
    return manifest


def lock() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path("resources/it/download.lock.json").read_text())
    return content


@pytest.mark.parametrize("source", [loose, packed])
def test_raw_files_come_from_a_server_and_a_second_run_asks_for_nothing(server: MisbehavingServer, source: Any) -> None:
    manifest = run(source(server))
    assert manifest["files"]
    requests = len(server.gets)
    assert run(source(server)) == manifest
    assert len(server.gets) == requests


def test_what_was_downloaded_once_must_be_the_same_ever_after(server: MisbehavingServer) -> None:
    run(packed(server))
    assert list(lock()) == ["all.zip"]
    for path in ("raw/top/sequences.csv", "downloads/all.zip"):
        Path("resources/it", path).unlink()
    Path("resources/it/raw").rename("old")
    server.files["/all.zip"] += b"more"
    with pytest.raises(GestureError, match=f"sha256 is .*, expected {lock()['all.zip']['sha256']}"):
        run(packed(server))


def test_a_damaged_archive_makes_no_raw_folder_and_no_lock(server: MisbehavingServer) -> None:
    whole = server.files["/all.zip"]
    server.files["/all.zip"] = whole[:-100]
    with pytest.raises(GestureError, match=r"downloads/all\.zip: .*"):
        run(packed(server))
    assert not Path("resources/it/raw").exists()
    server.files["/all.zip"] = whole
    Path("resources/it/downloads/all.zip").unlink()
    assert run(packed(server))["files"]


def test_an_interrupted_run_does_not_ask_again_for_whole_files(server: MisbehavingServer) -> None:
    server.faults = ["well", 404]
    with pytest.raises(GestureError, match="no such file"):
        run(loose(server))
    first = server.gets[0]["Path"]
    run(loose(server))
    assert [one["Path"] for one in server.gets].count(first) == 1


def test_user_and_password_come_from_the_environment(
    server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.login = ("anna", "hidden1")
    named = {"user_env": "G_USER", "password_env": "G_PASSWORD"}
    with pytest.raises(GestureError, match=r"data\.download\.user_env: the environment variable G_USER is not set"):
        run(packed(server), **named)
    monkeypatch.setenv("G_USER", "anna")
    monkeypatch.setenv("G_PASSWORD", "hidden1")
    run(packed(server), **named)
    everything = "".join(capsys.readouterr()) + "".join(p.read_text() for p in Path("resources/it").glob("*.json"))
    assert "hidden1" not in everything


def test_the_second_of_two_downloads_waits_and_finds_it_done(
    server: MisbehavingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    value = run(packed(server))
    folder = Path("resources/it")
    (folder / "raw").rename(folder / "made")
    requests = len(server.gets)
    with Lease(folder, heartbeat=0.01) as first, ThreadPoolExecutor(1) as pool:
        second = pool.submit(run, packed(server))
        while f"waits for process {os.getpid()}" not in capsys.readouterr().err:
            assert not second.done(), second.exception()
        (folder / "made").rename(folder / "raw")
        first.__exit__()
        assert second.result() == value
    assert len(server.gets) == requests


def test_a_full_disk_is_told_before_the_first_file(server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    free = len(server.files["/all.zip"]) * 3 // 2
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(free))
    with pytest.raises(GestureError, match="resources/it: the download needs"):
        run(packed(server))
    assert server.gets == []


def test_a_wrong_subfolder_is_named_with_what_there_is(server: MisbehavingServer) -> None:
    with pytest.raises(
        GestureError, match=r"data\.download\.subfolder: .*/pot: no such folder; in .*/raw there is top"
    ):
        run(packed(server), subfolder="pot")


def test_a_mirror_more_keeps_the_folder_and_another_checksum_does_not(server: MisbehavingServer) -> None:
    source = packed(server)
    before = raw_name(experiment(source))
    source["files"][0]["urls"].append("https://mirror.example/all.zip")
    assert raw_name(experiment(source, user_env="A", password_env="B")) == before
    source["files"][0]["sha256"] = "0" * 64
    assert raw_name(experiment(source)) != before


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"urls": ["ftp://x/y"]}, "data.download.files[0].urls: entry 1 should be http:// or https:// with a host"),
        ({"urls": ["https://x/y", "http://[::1/"]}, "data.download.files[0].urls: entry 2 should be http://"),
        ({"urls": ["http://x:port/"]}, "data.download.files[0].urls: entry 1 should be http://"),
        ({"urls": ["https://anna:hidden1@x/y"]}, "user and password belong in the environment"),
        ({"urls": ["https://x/y?token=hidden1"]}, "files[0].urls: entry 1: `token` in its query may be a secret"),
        ({"urls": ["https://x/y?id=3&who=hidden1"]}, "entry 1: `who` in its query may be a secret"),
        ({"urls": ["https://x/y?id=3&hidden1"]}, "entry 1: its query may be a secret"),
        ({"urls": ["https://x/y?hidden1="]}, "entry 1: its query may be a secret"),
        ({"urls": ["https://x/y?token=hidden1${A}"]}, "entry 1: `token` in its query may be a secret"),
        ({"urls": ["https://x/y#hidden1"]}, "entry 1: what follows `#` may be a secret"),
        ({"urls": ["https://${HOST}/y"]}, "entry 1 should be http:// or https:// with a host"),
        ({"urls": "https://x/y?token=hidden1"}, "urls: should be a list, got 'https://x/y?...'"),
        ({"urls": "https://anna:hidden1@x/y"}, "urls: should be a list, got 'https://x/y'"),
        ({"urls": []}, "data.download.files[0].urls: needs at least 1 entry"),
        ({"sha256": "abc"}, "data.download.files[0].sha256: should be 64 hexadecimal digits, got 'abc'"),
        ({"name": "../up"}, "data.download.files[0].name: should start with a letter or digit"),
        ({"sha512": "abc"}, "data.download.files[0].sha512: 'sha512' is not a known key (name, urls, sha256, sha1, "),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(file: dict[str, Any], words: str) -> None:
    with pytest.raises(GestureError) as caught:
        experiment({"files": [{"name": "a.zip", "urls": ["https://x/y"], **file}]})
    assert words in str(caught.value)
    assert "hidden1" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["https://x/y?download=1", "https://x/y?id=3&format=original", "https://x/y?token=${A}", "https://x/y?id=3&${A}"],
)
def test_a_query_without_literal_secrets_is_kept_as_it_is(url: str) -> None:
    kept = experiment({"files": [{"name": "a.zip", "urls": [url]}]}).data.download
    assert kept is not None
    assert kept.files[0].urls == [url]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subfolder": "../up"}, "data.download.subfolder: should be a path below the unpacked archives"),
        ({"user_env": "A"}, "data.download: give both `user_env` and `password_env`, or neither"),
        ({"files": [{"name": "a", "urls": ["https://x/y"]}] * 2}, "data.download: files: name a is given twice"),
    ],
)
def test_a_wrong_download_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(GestureError) as caught:
        experiment({"files": [{"name": "a.zip", "urls": ["https://x/y"]}], **changes})
    assert words in str(caught.value)
