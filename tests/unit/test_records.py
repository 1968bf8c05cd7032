"""Records: what goes in comes out, damage is found, a conversion can be killed and repeated."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_arrays import settings_of, write_arrays

from gesture.datasets.download import download
from gesture.datasets.sequence import MODALITIES, Sequence
from gesture.errors import FailedForGoodError, GestureError
from gesture.records.convert import convert
from gesture.records.example import decode, encode
from gesture.records.reader import Records
from gesture.records.shard import read_record, write_record
from gesture.settings import Data, parse


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    present = draw(st.sets(st.sampled_from(MODALITIES), min_size=1))
    length, height, width = draw(st.integers(1, 400)), draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    arrays = {
        "rgb": rng.integers(0, 256, (length, height, width, 3), np.uint8),
        "depth": rng.integers(0, 256, (length, height, width, 1), np.uint8),
        "mask": rng.random((length, height, width, 1)) > 0.5,
        "skeleton": rng.normal(size=(length, 20, 9)).astype(np.float32),
    }
    return Sequence(
        id=draw(st.integers(0, 2**40)),
        split=draw(st.sampled_from(["training", "validation", "test"])),
        label=draw(st.none() | st.integers(0, 50)),
        subject=draw(st.none() | st.text(max_size=5)),
        source=draw(st.none() | st.text(max_size=5)),
        max_depth_mm=4095 if "depth" in present else None,
        **{name: array for name, array in arrays.items() if name in present},
    )


@settings(max_examples=40, deadline=None)
@given(sequences())
def test_any_sequence_comes_back_to_the_bit(sequence: Sequence) -> None:
    back = decode(encode(sequence))
    for name in ("id", "split", "label", "subject", "source", "max_depth_mm", "length"):
        assert getattr(back, name) == getattr(sequence, name)
    assert list(back.arrays) == list(sequence.arrays)
    for name, array in sequence.arrays.items():
        np.testing.assert_array_equal(back.arrays[name], array)


@given(data=st.binary(max_size=300), place=st.integers(min_value=0), change=st.integers(1, 255))
def test_a_changed_byte_is_found_and_named(data: bytes, place: int, change: int) -> None:
    file = io.BytesIO()
    offset, size = write_record(file, data)
    assert read_record(file, offset, size, Path("x")) == data
    damaged = bytearray(file.getvalue())
    damaged[place % len(damaged)] ^= change
    with pytest.raises(FailedForGoodError, match="x: wrong checksum in the record at byte 0"):
        read_record(io.BytesIO(damaged), offset, size, Path("x"))


@given(data=st.binary(max_size=300), kept=st.integers(min_value=0))
def test_a_cut_file_is_found_and_named(data: bytes, kept: int) -> None:
    file = io.BytesIO()
    offset, size = write_record(file, data)
    cut = io.BytesIO(file.getvalue()[: kept % size])
    with pytest.raises(FailedForGoodError, match="x: ends inside the record at byte 0"):
        read_record(cut, offset, size, Path("x"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_arrays(tmp_path_factory.mktemp("arrays"), per_class=13)


def make_records(folder: Path, where: Path, processes: int = 1) -> Path:
    experiment = parse(settings_of(folder), "test")
    download(experiment, where / "raw.json", 1)
    convert(experiment, where / "raw.json", where / "records" / "manifest.json", processes)
    return where / "records" / "manifest.json"


def test_the_records_do_not_depend_on_the_number_of_processes(folder: Path, tmp_path: Path) -> None:
    one, two = make_records(folder, tmp_path / "1"), make_records(folder, tmp_path / "2", processes=2)
    assert len(list(one.parent.glob("*.tfrecord"))) == 4  # 39 training sequences fill two shards
    for path in one.parent.iterdir():
        assert path.read_bytes() == (two.parent / path.name).read_bytes(), path.name


def test_a_killed_conversion_goes_on_with_the_shards_it_has(folder: Path, tmp_path: Path) -> None:
    manifest = make_records(folder, tmp_path)
    whole = {path.name: path.read_bytes() for path in manifest.parent.iterdir()}
    kept = manifest.parent / "training-0001-of-0002.tfrecord"
    stamp = kept.stat().st_mtime_ns
    for name in whole:  # as if killed after the first shard
        if not name.startswith(kept.stem):
            (manifest.parent / name).unlink()
    make_records(folder, tmp_path)
    assert kept.stat().st_mtime_ns == stamp
    assert {path.name: path.read_bytes() for path in manifest.parent.iterdir()} == whole


def test_a_changed_raw_file_is_converted_again(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "raw"
    shutil.copytree(folder, copy)
    before = make_records(copy, tmp_path)
    digest = Records(before).manifest["digest"]
    with np.load(copy / "test-1.npz") as file:
        arrays = dict(file)
    np.savez(copy / "test-1.npz", **{name: array[:9] for name, array in arrays.items()})
    assert Records(make_records(copy, tmp_path)).manifest["digest"] != digest


def test_every_sequence_is_found_at_its_row(folder: Path, tmp_path: Path) -> None:
    records = Records(make_records(folder, tmp_path))
    for position in (0, 38, 39, 44, 20):
        row, sequence = records.index.iloc[position], records.read(position)
        assert (sequence.id, sequence.split, sequence.label) == (row["id"], row["split"], row["label"] - 1)
        assert sequence.length == row["frames"]
    assert records.manifest["counts"]["training"] == {"sequences": 39, "labelled": 39, "per_class": [13, 13, 13]}


def test_held_out_subjects_validate_and_do_not_train(folder: Path, tmp_path: Path) -> None:
    records = Records(make_records(folder, tmp_path))
    data = Data(dataset="arrays", folder=str(folder), holdout_subjects=["t1"])
    training, validation = records.positions("training", data), records.positions("validation", data)
    assert set(records.index.subject[training]) == {"t0"}
    assert set(records.index.subject[validation]) == {"t1"}
    assert len(training) + len(validation) == 39
    with pytest.raises(GestureError, match=r"t7 not in the training split .its subjects: t0, t1"):
        records.positions("training", data.model_copy(update={"holdout_subjects": ["t7"]}))


def test_a_missing_modality_is_refused_before_anything_is_written(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "raw"
    shutil.copytree(folder, copy)
    for path in copy.glob("*.npz"):
        with np.load(path) as file:
            arrays = {name: file[name] for name in ("skeleton", "depth")}
        np.savez(path, **arrays)
    with pytest.raises(GestureError, match=r"variants.clips.modalities: the data has no rgb, mask \(it has depth, sk"):
        make_records(copy, tmp_path)
    assert not (tmp_path / "records").exists()
