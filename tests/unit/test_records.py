"""Conversion: the records depend on the input alone; it can be killed and repeated, and either layout read back."""

import resource
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from made_up_arrays import settings_of, write_arrays

from gesture.base.errors import GestureError
from gesture.config import digests
from gesture.config.settings import Augmentation, Data, parse
from gesture.convert.convert import convert, write_shards
from gesture.convert.reader import Records
from gesture.convert.writer import Shard
from gesture.download.download import download
from gesture.formats.source import Source
from gesture.inputs.batch import Inputs, load_batch


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_arrays(tmp_path_factory.mktemp("arrays"), per_class=13)


def make_records(folder: Path, where: Path, processes: int = 1, layout: str = "lean") -> Path:
    values = settings_of(folder)
    values["data"]["layout"] = layout
    experiment = parse(values, "test")
    download(experiment, where / "raw.json", 1)
    convert(experiment, where / "raw.json", where / "records" / "manifest.json", processes)
    return where / "records" / "manifest.json"


@pytest.fixture(scope="module")
def records(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Records:
    return Records(make_records(folder, tmp_path_factory.mktemp("records")))


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
    (manifest.parent / ".training-0002-of-0002.41-0a1b2c3d.tmp.tfrecord").write_bytes(b"half a shard")
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


def test_every_sequence_is_found_at_its_row(records: Records) -> None:
    for position in (0, 38, 39, 44, 20):
        row, sequence = records.index.iloc[position], records.read(position)
        assert (sequence.id, sequence.split, sequence.label) == (row["id"], row["split"], row["label"] - 1)
        assert sequence.length == row["frames"]
    assert records.manifest["counts"]["training"] == {"sequences": 39, "labelled": 39, "per_class": [13, 13, 13]}


def test_held_out_subjects_validate_and_do_not_train(records: Records, folder: Path) -> None:
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


def test_compact_records_give_the_batches_of_lean_ones_to_the_byte(folder: Path, tmp_path: Path) -> None:
    lean, compact = (Records(make_records(folder, tmp_path / name, layout=name)) for name in ("lean", "compact"))
    assert (lean.manifest["layout"], compact.manifest["layout"]) == ("lean", "compact")
    assert compact.index["size"].sum() < lean.index["size"].sum()
    experiment = parse(settings_of(folder), "test")
    other = experiment.model_copy(update={"data": experiment.data.model_copy(update={"layout": "compact"})})
    assert digests.records_name(other) != digests.records_name(experiment)
    for variant in experiment.variants.values():
        for positions in (np.array([0, 7, 38]), np.array([44])):
            one, two = (
                load_batch(
                    records, positions, Inputs.of(variant), Augmentation(translation=0.2), np.random.default_rng([1, 2])
                )
                for records in (lean, compact)
            )
            assert one.keys() == two.keys()
            for name in one:
                assert one[name].dtype == two[name].dtype
                assert one[name].tobytes() == two[name].tobytes(), name


def test_threads_may_read_the_same_shards(records: Records) -> None:
    """A validation reads while the training's pipeline still fills its buffer."""
    positions = np.random.default_rng(0).integers(0, len(records.index), 400)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda position: records.read(int(position)).id, positions))
    assert found == records.ids(positions).tolist()


def test_more_shards_may_be_open_than_a_shell_allows(folder: Path, tmp_path: Path) -> None:
    manifest = make_records(folder, tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        Records(manifest)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_clips_start_where_tensorflow_takes_them_without_a_copy(records: Records, folder: Path) -> None:
    inputs = Inputs.of(parse(settings_of(folder), "test").variants["clips"])
    for position in range(5):
        batch = load_batch(records, np.array([position]), inputs)
        assert [batch[name].ctypes.data % 64 for name in inputs.names] == [0] * len(inputs.names)


def test_a_killed_process_ends_the_conversion_with_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "too_large.py").write_text(
        "import os, signal\ndef read(*_):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    source = Source("test-1", folder / "test-1.npz", "test", (1,), (0,))
    options = parse(settings_of(folder), "test").dataset_options
    shards = [Shard(tmp_path / f"{name}.tfrecord", (source,), "too_large", options, 16, "lean") for name in "ab"]
    with pytest.raises(GestureError, match="one of its processes was killed, most likely for want of memory"):
        write_shards(shards, 2)
    assert not any(shard.path.exists() for shard in shards)
