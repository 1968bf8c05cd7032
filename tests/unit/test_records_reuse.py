"""Records of recordings that did not change are copied, not decoded; the bytes are those of a fresh conversion."""

import importlib
import os
from pathlib import Path
from typing import Any

import pytest
from made_up_arrays import settings_of, write_arrays

from gesture.base.errors import GestureError
from gesture.config.settings import parse
from gesture.convert import convert as module
from gesture.convert.convert import convert
from gesture.convert.reuse import ASIDE
from gesture.download.download import download

READER = importlib.import_module("gesture.formats.arrays")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return write_arrays(tmp_path / "raw")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the recordings that were decoded."""
    names: list[str] = []
    whole = READER.read

    def counted(source: Any, *arguments: Any) -> Any:
        names.append(source.name)
        return whole(source, *arguments)

    monkeypatch.setattr(READER, "read", counted)
    return names


def converted(raw: Path, folder: Path) -> dict[str, bytes]:
    """Runs download and convert; returns the files of the records but the notes, which tell dates."""
    experiment = parse(settings_of(raw), "c.yaml")
    folder.mkdir(exist_ok=True)
    download(experiment, folder / "raw.json", 1)
    convert(experiment, folder / "raw.json", folder / "records/manifest.json", 1)
    files = sorted((folder / "records").iterdir())
    return {one.name: one.read_bytes() for one in files if one.suffix in (".tfrecord", ".csv") or ASIDE in one.name}


def relabelled(raw: Path, old: str, new: str) -> None:
    path = raw / "sequences.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_only_what_changed_is_decoded_again(raw: Path, tmp_path: Path, read: list[str]) -> None:
    converted(raw, tmp_path / "one")
    del read[:]
    os.utime(raw / "training-3.npz", ns=(1, 1))
    again = converted(raw, tmp_path / "one")
    assert read == ["training-3.npz"]
    assert again == converted(raw, tmp_path / "fresh")


def test_a_label_a_new_and_a_lost_recording(raw: Path, tmp_path: Path, read: list[str]) -> None:
    converted(raw, tmp_path / "one")
    del read[:]
    relabelled(raw, "2,training,2,", "2,training,1,")
    relabelled(raw, "3,training,3,t1,training-3.npz\n", "")
    (raw / "new.npz").write_bytes((raw / "training-1.npz").read_bytes())
    relabelled(raw, "1,training,1,", "99,training,1,t1,new.npz\n1,training,1,")
    again = converted(raw, tmp_path / "one")
    assert sorted(read) == ["new.npz", "training-2.npz"]
    assert again == converted(raw, tmp_path / "fresh")


def test_a_recording_that_moves_to_another_shard_is_copied(
    raw: Path, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEQUENCES_PER_SHARD", 5)
    converted(raw, tmp_path / "one")
    del read[:]
    relabelled(raw, "1,training,1,t1,training-1.npz\n", "")
    (raw / "test-4.npz").write_bytes((raw / "test-1.npz").read_bytes())
    again = converted(raw, tmp_path / "one")
    assert read == []
    assert again == converted(raw, tmp_path / "fresh")


def test_a_conversion_that_was_stopped_finds_what_was_set_aside(raw: Path, tmp_path: Path, read: list[str]) -> None:
    converted(raw, tmp_path / "one")
    good = (raw / "training-2.npz").read_bytes()
    (raw / "training-2.npz").write_bytes(b"nothing")
    with pytest.raises(GestureError, match=r"training-2\.npz"):
        converted(raw, tmp_path / "one")
    (raw / "training-2.npz").write_bytes(good)
    del read[:]
    again = converted(raw, tmp_path / "one")
    assert read == ["training-2.npz"]
    assert again == converted(raw, tmp_path / "fresh")


def test_a_damaged_record_is_not_copied(raw: Path, tmp_path: Path, read: list[str]) -> None:
    before = converted(raw, tmp_path / "one")
    (shard,) = (tmp_path / "one/records").glob("training-*.tfrecord")
    data = bytearray(before[shard.name])
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    os.utime(raw / "training-1.npz", ns=(1, 1))
    del read[:]
    again = converted(raw, tmp_path / "one")
    assert len(read) == 2
    assert again == converted(raw, tmp_path / "fresh")
