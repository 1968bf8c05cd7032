"""Damaged records, results, settings, archives and raw files, read by what reads them in earnest; no TensorFlow."""

import hashlib
import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import made_up_results
import numpy as np
import pytest
import yaml
from harness import Subject
from made_up_arrays import settings_of, write_arrays
from mutations import BYTES, JSON, ROWS
from scipy.io import savemat

from gesture.average.average import average
from gesture.average.output import Origin
from gesture.config.settings import load, parse
from gesture.convert.convert import convert
from gesture.convert.reader import Records
from gesture.download.download import download
from gesture.download.unpack import unpack
from gesture.formats import arrays, montalbano2014, utd_mhad
from gesture.formats.options import ArraysOptions, MontalbanoOptions, SmnetOptions, UtdMhadOptions
from gesture.formats.sequence import Sequence
from gesture.formats.synthetic.files import VideoFile
from gesture.legacy2019 import tfrecords as smnet
from gesture.report.results import read_results

Check = Callable[[Subject], None]


def digest(value: Any) -> str:
    """Of what a reader gave, arrays and all."""
    sha = hashlib.sha256()

    def add(one: Any) -> None:
        if isinstance(one, np.ndarray):
            sha.update(f"{one.dtype}{one.shape}".encode() + np.ascontiguousarray(one).tobytes())
        elif isinstance(one, dict):
            add([[key, one[key]] for key in one])
        elif isinstance(one, list | tuple):
            sha.update(f"[{len(one)}".encode())
            for part in one:
                add(part)
        else:
            sha.update(f"{type(one).__name__}{one!r};".encode())

    add(value)
    return sha.hexdigest()


def content(folder: Path, *patterns: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for pattern in patterns for path in sorted(folder.glob(pattern))}


def sequence(one: Sequence) -> list[Any]:
    return [one.id, one.split, one.label, one.subject, one.source, one.max_depth_mm, one.arrays]


# ---- Records --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw files, their manifest and records of them."""
    folder = tmp_path_factory.mktemp("converted")
    values = settings_of(write_arrays(folder / "arrays", per_class=2, size=8, length=6))
    (folder / "settings.yaml").write_text(yaml.safe_dump(values))
    experiment = parse(values, "test")
    download(experiment, folder / "raw.json", 1)
    convert(experiment, folder / "raw.json", folder / "records/manifest.json", 1)
    return folder


@pytest.fixture
def made(converted: Path, tmp_path: Path) -> Path:
    """A copy with the same dates; the raw files stay where they were."""
    shutil.copytree(converted, tmp_path / "made")
    return tmp_path / "made"


def read_records(folder: Path) -> str:
    """All that training and evaluation take from records."""
    records = Records(folder / "records/manifest.json")
    manifest = [records.manifest[key] for key in ("size", "layout", "digest", "counts", "modalities", "dataset")]
    rows = np.arange(len(records.index))
    read = [sequence(records.read(position)) for position in rows]
    return digest([records.class_names, manifest, records.ids(rows), records.labels(rows), read])


def convert_again(folder: Path) -> Any:
    """What stands in the folder after another conversion."""
    experiment = load(folder / "settings.yaml")
    convert(experiment, folder / "raw.json", folder / "records/manifest.json", 1)
    return content(folder / "records", "*.tfrecord", "manifest.json", "index.csv")


def test_manifests_of_records(check: Check, made: Path) -> None:
    check(Subject("records' manifest", made, ["records/manifest.json"], read_records, JSON, cases=150))


def test_indexes_of_records(check: Check, made: Path) -> None:
    check(Subject("records' index", made, ["records/index.csv"], read_records, (*ROWS, *BYTES)))


def test_shards(check: Check, made: Path) -> None:
    shards = [f"records/{path.name}" for path in sorted((made / "records").glob("*.tfrecord"))]
    check(Subject("shards", made, shards, read_records, BYTES))


def test_notes_of_shards(check: Check, made: Path) -> None:
    notes = [f"records/{path.name}" for path in sorted((made / "records").glob("*-of-*.json"))]
    check(Subject("shards' notes", made, notes, convert_again, JSON))


def test_manifests_of_raw_files(check: Check, made: Path) -> None:
    check(Subject("raw files' manifest", made, ["raw.json"], convert_again, JSON))


# ---- Results --------------------------------------------------------------------------------------------------------


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results, records and logs of a finished experiment."""
    made_up_results.make_results(tmp_path / "made", validation_rows=20, rows=20)
    return tmp_path / "made"


def averaged(folder: Path) -> Any:
    """What is written for the competition."""
    results = folder / "results/made-up"
    tables = [sorted((results / "predictions" / split).glob("*.csv")) for split in ("test", "validation")]
    experiment = made_up_results.settings()
    average(tables[0], folder / "again", experiment.average, tables[1], Origin(experiment, None))
    return content(folder / "again", "*.csv", "metrics.json")


def reported(folder: Path) -> str:
    """What the page is made from."""
    settings, results = made_up_results.settings(), folder / "results/made-up"
    found = read_results(settings, folder / "records/manifest.json", results, folder / "logs/made-up")
    tables = [[name, table.ids, table.probabilities, table.labels] for name, table in found.ensemble.items()]
    members = [
        [
            one.member.name,
            one.history,
            one.metrics,
            one.parameters,
            one.exactness,
            [vars(session) for session in one.sessions],
            [[split, table.ids, table.probabilities, table.labels] for split, table in one.tables.items()],
        ]
        for one in found.members.values()
    ]
    return digest([found.metrics, found.classes, tables, members])


def of(folder: Path, *patterns: str) -> list[str]:
    return [str(path.relative_to(folder)) for pattern in patterns for path in sorted(folder.glob(pattern))]


def test_tables_of_softmaxes(check: Check, results: Path) -> None:
    tables = of(results, "results/made-up/predictions/*/*.csv")
    check(Subject("tables of softmaxes", results, tables, averaged, (*ROWS, *BYTES)))


def test_manifests_of_tables(check: Check, results: Path) -> None:
    check(Subject("tables' manifests", results, of(results, "results/made-up/predictions/*/*.json"), averaged, JSON))


def test_metrics(check: Check, results: Path) -> None:
    metrics = of(results, "results/made-up/metrics.json", "results/made-up/validation/metrics.json")
    check(Subject("metrics", results, metrics, reported, JSON))


def test_ensembles(check: Check, results: Path) -> None:
    files = of(results, "results/made-up/ensemble.csv", "results/made-up/validation/ensemble.csv")
    check(Subject("ensembles", results, files, reported, (*ROWS, *BYTES)))


def test_histories(check: Check, results: Path) -> None:
    check(Subject("histories", results, of(results, "results/made-up/train/*/*/history.jsonl"), reported, ROWS))


def test_manifests_of_stages(check: Check, results: Path) -> None:
    check(Subject("stages' manifests", results, of(results, "results/made-up/train/*/*/manifest.json"), reported, JSON))


# ---- Settings -------------------------------------------------------------------------------------------------------


def test_settings_as_people_write_them(check: Check, tmp_path: Path, repository: Path) -> None:
    for path in [*(repository / "config").glob("*.yaml"), *(repository / "tests/config").glob("*.yaml")]:
        shutil.copy(path, tmp_path)

    def read(folder: Path) -> list[str]:
        return [load(path).model_dump_json() for path in sorted(folder.glob("*.yaml"))]

    files = of(tmp_path, "*.yaml")
    check(Subject("settings (YAML)", tmp_path, files, read, (*ROWS, *BYTES), vouched=False, cases=80))


def test_settings_with_values_of_other_types(check: Check, tmp_path: Path) -> None:
    values = json.loads(json.dumps(settings_of(Path("/data"))))
    (tmp_path / "one.yaml").write_text(json.dumps(values, indent=1))  # JSON is YAML
    check(
        Subject(
            "settings (values)", tmp_path, ["one.yaml"], lambda folder: load(folder / "one.yaml").model_dump_json(),
            JSON, vouched=False, cases=150,
        )
    )  # fmt: skip


# ---- Archives -------------------------------------------------------------------------------------------------------


FILES = {"sequences.csv": b"Id,split\n1,test\n", "deep/er/one.npz": bytes(range(256)) * 20, "empty": b""}


def unpacked(folder: Path) -> Any:
    out = folder / "unpacked"
    (archive,) = folder.glob("data.*")
    unpack(archive, out)
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_archives(check: Check, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"data.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in FILES.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, f"w:{kind.removeprefix('tar').removeprefix('.')}") as archive:
            for name, data in FILES.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    # A plain tar archive has checksums of names and sizes only.
    check(Subject(f"archive {kind}", tmp_path, [path.name], unpacked, BYTES, vouched=kind in ("tar.gz", "tar.xz")))


# ---- Raw files, as people bring them --------------------------------------------------------------------------------


def reading(module: Any, options: Any, size: int = 8) -> Callable[[Path], str]:
    """Lists and reads all recordings of a folder."""

    def read(folder: Path) -> str:
        found = module.sources(folder, options)
        known = module.modalities(found, options)
        return digest([known, [sequence(one) for source in found for one in module.read(source, options, size)]])

    return read


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    return write_arrays(tmp_path / "arrays", per_class=1, size=8, length=6)


def test_lists_of_arrays(check: Check, npz: Path) -> None:
    options = ArraysOptions(classes=3)
    check(Subject("sequences.csv", npz, ["sequences.csv"], reading(arrays, options), (*ROWS, *BYTES), vouched=False))


def test_arrays(check: Check, npz: Path) -> None:
    options = ArraysOptions(classes=3)
    check(Subject(".npz", npz, of(npz, "*.npz"), reading(arrays, options), BYTES, vouched=False, cases=120))


def test_arrays_whose_headers_lie(check: Check, npz: Path) -> None:
    """Checksums and all: as a program would write them."""

    def header(data: bytes, rng: Any) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = rng.choice(sorted(members))
        start, end = members[name][:10], members[name][10:]
        old, new = rng.choice(
            (
                (b"(8,", b"(9,"), (b"8, 8", b"99999999999, 8"), (b"|u1", b"|O8"), (b"<f4", b"|O4"), (b"|b1", b"<f8"),
                (b"<u2", b">u2"), (b"False", b"True "), (b"'shape'", b"'shapes"), (b", 20, 3", b", 20, 0"),
                (b"20, 3", b"3, 20"), (b"{", b"("), (b"(", b"(-"), (b"<f4", b"<M8"),
            )
        )  # fmt: skip
        end = end.replace(old, new, 1)
        length = end.index(b"\n") + 1
        members[name] = start[:8] + length.to_bytes(2, "little") + end
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, member in members.items():
                archive.writestr(name, member)
        return file.getvalue()

    read = reading(arrays, ArraysOptions(classes=3))
    check(Subject(".npz headers", npz, of(npz, "*.npz"), read, (header,), vouched=False))


def test_matlab_files(check: Check, tmp_path: Path) -> None:
    array = np.zeros((20, 3, 5))
    array[..., 2] = 3
    array += np.linspace(0, 1, array.size).reshape(array.shape)
    for number in (1, 2):
        savemat(tmp_path / f"a{number}_s1_t1_skeleton.mat", {"d_skel": array}, do_compression=number == 2)
        depth = np.full((240, 320, 5), 3000, np.uint16)
        savemat(tmp_path / f"a{number}_s1_t1_depth.mat", {"d_depth": depth}, do_compression=True)
    read = reading(utd_mhad, UtdMhadOptions())
    check(Subject("MATLAB files", tmp_path, of(tmp_path, "*.mat"), read, BYTES, vouched=False, cases=80))


@contextmanager
def sample(path: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(path, "w") as archive:
        yield archive


def test_recordings_of_chalearn(check: Check, tmp_path: Path) -> None:
    """The members of the zip, damaged before it was made: its checksums are right."""
    video = VideoFile("gray", "POINT")
    for level in range(6):
        video.add(np.full((480, 640), 30 * level + 10, np.uint8))
    rows = "".join(",".join([f"{frame + 1}"] * 180) + "\n" for frame in range(6))
    members = {
        "color.mp4": video.finish(),
        "data.csv": b"6,20,3500\n",
        "skeleton.csv": rows.encode(),
        "labels.csv": b"3,1,3\n20,4,6\n",
    }
    members |= {name: members["color.mp4"] for name in ("depth.mp4", "user.mp4")}
    for name, data in members.items():
        (tmp_path / name).write_bytes(data)
    inner = reading(montalbano2014, MontalbanoOptions())

    def read(folder: Path) -> str:
        with zipfile.ZipFile(folder / "Sample0001.zip", "w") as archive:
            for name in members:
                archive.write(folder / name, f"Sample0001_{name}")
        return inner(folder)

    check(Subject("ChaLearn recordings", tmp_path, list(members), read, (*BYTES, *ROWS), vouched=False, cases=80))


def test_tfrecords_of_2019(check: Check, tmp_path: Path, repository: Path) -> None:
    shutil.copytree(repository / "tests/data/smnet-tfrecords", tmp_path / "records")
    folder = tmp_path / "records"
    read = reading(smnet, SmnetOptions())
    check(Subject("tfrecords of 2019", folder, of(folder, "*-of-*"), read, BYTES, vouched=True, cases=15))
