"""A shard that was cut or changed anywhere is found out and named, in either layout."""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_arrays import settings_of, write_arrays
from made_up_results import index_is_meant

from gesture.base.errors import FailedForGoodError, GestureError
from gesture.base.files import read_json, value_digest
from gesture.config.settings import Experiment, parse
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


@dataclass(frozen=True)
class Made:
    """Records, and what they were made from."""

    experiment: Experiment
    raw: Path
    manifest: Path

    def again(self) -> None:
        convert(self.experiment, self.raw, self.manifest, 1)


@pytest.fixture(scope="module", params=["lean", "compact"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp(request.param)
    values = settings_of(write_arrays(folder / "arrays"))
    values["data"]["layout"] = request.param
    experiment = parse(values, "test")
    download(experiment, folder / "raw.json", 1)
    convert(experiment, folder / "raw.json", folder / "records" / "manifest.json", 1)
    return Made(experiment, folder / "raw.json", folder / "records" / "manifest.json")


@pytest.fixture
def manifest(made: Made) -> Path:
    return made.manifest


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


def flip(path: Path, place: int, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= bit
    path.write_bytes(data)


@pytest.fixture
def kept(made: Made) -> Iterator[dict[str, bytes]]:
    """All files of the records by name, put back after the test."""
    files = {path.name: path.read_bytes() for path in made.manifest.parent.iterdir() if "lease" not in path.name}
    yield files
    for name, data in files.items():
        (made.manifest.parent / name).write_bytes(data)


def test_no_changed_byte_of_the_index_is_believed(manifest: Path, kept: dict[str, bytes]) -> None:
    path = manifest.with_name("index.csv")
    for place in range(0, len(kept["index.csv"]), 7):
        path.write_bytes(kept["index.csv"])
        flip(path, place)
        for use in (Records, verify):
            with pytest.raises(FailedForGoodError, match=r"index\.csv: has changed since the records were written"):
                use(manifest)


def test_a_damaged_sidecar_makes_its_shard_anew_and_never_another_index(made: Made, kept: dict[str, bytes]) -> None:
    name = "training-0001-of-0001.json"
    sidecar = made.manifest.with_name(name)
    whole = kept[name]
    labels = [place for place in range(len(whole) - 1) if whole[place : place + 1].isdigit()]
    damages = [b"", b"{", b"[]", b"{}", b"null", b"\xff" * 20, b'{"digest": "x"}', whole[:-40]]
    damages += [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in labels[::97]]
    assert len(damages) > 12
    for damage in damages:
        sidecar.write_bytes(damage)
        with pytest.raises(FailedForGoodError, match=rf"{name}: is missing or damaged; run gesture convert again"):
            verify(made.manifest)
        made.again()
        verify(made.manifest)
        for other, data in kept.items():
            assert made.manifest.with_name(other).read_bytes() == data, (other, damage)


def test_verify_compares_each_sidecar_with_the_index(made: Made, kept: dict[str, bytes]) -> None:
    """A whole one, but of other records: as if copied from another conversion."""
    path = made.manifest.with_name("test-0001-of-0001.json")
    notes = read_json(path)
    del notes["digest"]
    notes["records"][0][5] = 3 - notes["records"][0][5]
    path.write_text(json.dumps({**notes, "digest": value_digest(notes)}))
    with pytest.raises(FailedForGoodError, match=r"test-0001-of-0001\.json: speaks of other records than manifest and"):
        verify(made.manifest)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("label", "2", r"is training Id 1 of class 1, the index has training Id 1 of class 2"),
        ("id", "99", r"is training Id 1 of class 1, the index has training Id 99 of class 1"),
        ("subject", "zoe", r"of training Id 1 has subject 't1', not 'zoe' as in the index"),
        ("frames", "7", r"of training Id 1 has frames \d\d, not 7 as in the index"),
        ("modalities", "depth", r"of training Id 1 has modalities 'rgb.*', not 'depth' as in the index"),
    ],
)
def test_verify_compares_every_column_of_a_row_with_its_record(
    made: Made, kept: dict[str, bytes], column: str, value: str, words: str
) -> None:
    """Even if the digest was made to fit."""
    path = made.manifest.with_name("index.csv")
    index = pd.read_csv(path, dtype=str)
    index.loc[0, column] = value
    path.write_text(index.to_csv(index=False, lineterminator="\n"))
    index_is_meant(made.manifest)
    with pytest.raises(FailedForGoodError, match=words):
        verify(made.manifest)


@pytest.mark.parametrize("text", ["[]", "{}", "null", "3", '"x"', '{"digest": null}'])
def test_what_is_no_manifest_is_refused_in_one_line(made: Made, kept: dict[str, bytes], text: str) -> None:
    made.manifest.write_text(text)
    with pytest.raises(
        GestureError, match=r"manifest\.json: is not what gesture convert writes: .*; remove it and run"
    ):
        Records(made.manifest)
    raw = made.raw.read_text()
    try:
        made.raw.write_text(text)
        with pytest.raises(
            GestureError, match=r"raw\.json: is not what gesture download writes: .*; remove it and run"
        ):
            made.again()
    finally:
        made.raw.write_text(raw)


def test_raw_files_other_than_those_that_were_listed_are_not_converted(made: Made, kept: dict[str, bytes]) -> None:
    raw = read_json(made.raw)
    name = min(raw["files"])
    changes = {
        f"{name} has {raw['files'][name]} bytes, listed 1 bytes": {"files": {**raw["files"], name: 1}},
        "more.npz is not in the folder, listed 5 bytes": {"files": {**raw["files"], "more.npz": 5}},
        f"{name} has {raw['files'][name]} bytes, listed none": {
            "files": {key: value for key, value in raw["files"].items() if key != name}
        },
        "lists 'smnet', this experiment is on 'arrays'": {"dataset": "smnet"},
    }
    text = made.raw.read_text()
    try:
        for words, change in changes.items():
            made.raw.write_text(json.dumps({**raw, **change}))
            with pytest.raises(
                FailedForGoodError, match=rf"raw\.json: .*{re.escape(words)}; run gesture download again"
            ):
                made.again()
    finally:
        made.raw.write_text(text)
    assert {name: made.manifest.with_name(name).read_bytes() for name in kept} == kept
