"""A shard that was cut or changed anywhere is found out and named, in either layout."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_arrays import settings_of, write_arrays

from gesture.base.errors import FailedForGoodError
from gesture.config.settings import parse
from gesture.convert.convert import convert
from gesture.convert.reader import Records
from gesture.convert.shard import read_record, read_stream, write_record
from gesture.convert.verify import verify
from gesture.download.download import download


@given(data=st.binary(max_size=300), place=st.integers(min_value=0), change=st.integers(1, 255))
def test_a_changed_byte_is_found_and_named(data: bytes, place: int, change: int) -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        offset, size = write_record(file, data)
        assert read_record(file.fileno(), offset, size, Path("x")) == data
        place %= size
        before = os.pread(file.fileno(), 1, place)
        os.pwrite(file.fileno(), bytes([before[0] ^ change]), place)
        with pytest.raises(FailedForGoodError, match="x: wrong checksum in the record at byte 0"):
            read_record(file.fileno(), offset, size, Path("x"))


def test_every_byte_and_every_cut_of_a_small_shard_counts() -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        places = [write_record(file, bytes(range(length))) for length in (40, 0, 100)]
        descriptor = file.fileno()
        for offset, size in places:
            for place in range(offset, offset + size):  # length, its checksum, data, their checksum
                before = os.pread(descriptor, 1, place)
                os.pwrite(descriptor, bytes([before[0] ^ 0x10]), place)
                with pytest.raises(FailedForGoodError, match=f"x: wrong checksum in the record at byte {offset};"):
                    read_record(descriptor, offset, size, Path("x"))
                os.pwrite(descriptor, before, place)
            read_record(descriptor, offset, size, Path("x"))
        for offset, size in reversed(places):
            for kept in reversed(range(offset, offset + size)):
                file.truncate(kept)
                with pytest.raises(FailedForGoodError, match=f"x: ends inside the record at byte {offset};"):
                    read_record(descriptor, offset, size, Path("x"))


def test_a_stream_that_ends_inside_a_record_is_refused() -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        end = sum(write_record(file, b"some bytes"))
        for kept in reversed(range(1, end)):
            file.truncate(kept)
            file.seek(0)
            with pytest.raises(ValueError, match="ends inside a record"):
                list(read_stream(file))


@pytest.fixture(scope="module", params=["lean", "compact"])
def manifest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    values = settings_of(write_arrays(folder / "arrays"))
    values["data"]["layout"] = request.param
    experiment = parse(values, "test")
    download(experiment, folder / "raw.json", 1)
    convert(experiment, folder / "raw.json", folder / "records" / "manifest.json", 1)
    return folder / "records" / "manifest.json"


@pytest.fixture
def shard(manifest: Path) -> Iterator[Path]:
    path = manifest.with_name("training-0001-of-0001.tfrecord")
    whole = path.read_bytes()
    yield path
    path.write_bytes(whole)


def test_a_shard_cut_at_any_4_kib_is_named(manifest: Path, shard: Path) -> None:
    index = pd.read_csv(manifest.with_name("index.csv"))
    rows = index.index[index["shard"] == shard.name]
    cuts = range(0, shard.stat().st_size, 4096)
    assert len(cuts) > 10
    for kept in reversed(cuts):
        os.truncate(shard, kept)
        records, damaged = Records(manifest), []
        for position in rows:
            try:
                records.read(position)
            except FailedForGoodError as error:
                damaged.append((position, str(error).partition(";")[0]))
        assert damaged == [
            (position, f"{shard}: ends inside the record at byte {index['offset'][position]}")
            for position in rows
            if index["offset"][position] + index["size"][position] > kept
        ]
        assert damaged


def test_verify_names_a_cut_shard_and_a_missing_one(manifest: Path, shard: Path) -> None:
    verify(manifest)
    os.truncate(shard, shard.stat().st_size - 1)
    with pytest.raises(FailedForGoodError, match=rf"{shard.name}: its bytes have changed.*\n.*ends inside the record"):
        verify(manifest)
    shard.unlink()
    with pytest.raises(FailedForGoodError, match=rf"{shard.name}: is missing; run gesture convert again"):
        verify(manifest)


def test_verify_finds_a_changed_index(manifest: Path) -> None:
    path = manifest.with_name("index.csv")
    whole = path.read_text()
    row = whole.splitlines()[1]
    fields = row.split(",")
    fields[5] = "3" if fields[5] != "3" else "2"  # the label
    try:
        path.write_text(whole.replace(row, ",".join(fields), 1))
        with pytest.raises(FailedForGoodError, match=r"index.csv: has changed since the records were written"):
            verify(manifest)
    finally:
        path.write_text(whole)
