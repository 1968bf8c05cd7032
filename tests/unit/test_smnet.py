"""The 2019 tfrecords become our sequences; the files in tests/data were written by the original program."""

import shutil
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from gesture.base.errors import GestureError
from gesture.convert.example import Example
from gesture.convert.shard import read_stream, write_record
from gesture.formats.options import SmnetOptions
from gesture.formats.sequence import Sequence
from gesture.inputs.skeleton_image import draw
from gesture.legacy2019 import tfrecords as smnet

GENUINE = Path(__file__).parent.parent / "data/smnet-tfrecords"
OPTIONS = SmnetOptions()


def genuine(name: str) -> Iterator[dict[str, np.ndarray]]:
    """The float arrays of a genuine file, each record's id and length beside them."""
    for data in read_stream(BytesIO(zlib.decompress((GENUINE / name).read_bytes()))):
        features = Example.FromString(data).features.feature
        yield {
            key: np.frombuffer(one.bytes_list.value[0], "<f4") if one.bytes_list.value else one.int64_list.value[0]
            for key, one in features.items()
        }


def write(path: Path, *records: dict, level: int = 1) -> Path:
    """A small file in the form of 2019."""
    file = BytesIO()
    for record in records:
        example = Example()
        for key, value in record.items():
            feature = example.features.feature[key]
            if isinstance(value, int):
                feature.int64_list.value.append(value)
            else:
                feature.bytes_list.value.append(np.asarray(value, "<f4").tobytes())
        write_record(file, example.SerializeToString())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zlib.compress(file.getvalue(), level))
    return path


def small(number: int = 1, **changes: object) -> dict:
    return {"id": number, "label": 4, "length": 3, "skeleton": np.arange(3 * 180)} | changes


def read_all(folder: Path, options: SmnetOptions = OPTIONS, size: int = 80) -> list[Sequence]:
    return [one for source in smnet.sources(folder, options) for one in smnet.read(source, options, size)]


# ---- Files of the original program -----------------------------------------------------------------------------------


def test_the_genuine_files_give_their_splits_ids_labels_and_lengths():
    found = [(one.split, one.id, one.label, one.length) for one in read_all(GENUINE)]
    assert found == [
        ("training", 1, 3, 16), ("training", 2, 11, 37), ("training", 3, 19, 50),
        ("validation", 4, 0, 21), ("validation", 5, 7, 32),
        ("test", 3, None, 50), ("test", 5, None, 32), ("test", 4, None, 9),
        ("test", 1, None, 16), ("test", 2, None, 37),
    ]  # fmt: skip
    assert smnet.modalities(smnet.sources(GENUINE, OPTIONS), OPTIONS) == ("rgb", "depth", "mask", "skeleton")


def test_nothing_is_lost_on_the_way_from_floats_to_bytes():
    (source,) = (one for one in smnet.sources(GENUINE, OPTIONS) if one.split == "training")
    for before, after in zip(genuine(source.name), smnet.read(source, OPTIONS, 80), strict=True):
        assert np.array_equal(after.arrays["rgb"][..., ::-1].ravel(), before["rgb"])
        assert np.array_equal(after.arrays["depth"].ravel(), before["depth"])
        assert np.array_equal(np.repeat(after.arrays["mask"], 3, -1).ravel() * 255.0, before["segmentation"])
        assert np.array_equal(after.arrays["skeleton"].ravel(), before["skeleton"])


def test_the_skeleton_picture_drawn_on_reading_is_the_stored_one():
    (source,) = (one for one in smnet.sources(GENUINE, OPTIONS) if one.split == "validation")
    for before, after in zip(genuine(source.name), smnet.read(source, OPTIONS, 80), strict=True):
        assert np.array_equal(draw(after.arrays["skeleton"], 80).ravel(), before["skeleton_img"])


def test_options_choose_the_channel_order_the_depth_range_and_the_test_labels():
    options = SmnetOptions(bgr=False, max_depth_mm=3000, test_labels=True)
    for before, after in zip(genuine("test-02-of-02"), read_all(GENUINE, options)[-2:], strict=True):
        assert np.array_equal(after.arrays["rgb"].ravel(), before["rgb"])
        assert (after.max_depth_mm, after.label) == (3000, 0)


def test_images_take_another_size_but_skeleton_pixels_stay():
    (source,) = (one for one in smnet.sources(GENUINE, OPTIONS) if one.split == "validation")
    full, half = (next(smnet.read(source, OPTIONS, size)) for size in (80, 40))
    assert half.arrays["rgb"].shape == (21, 40, 40, 3)
    means = full.arrays["rgb"].reshape(21, 40, 2, 40, 2, 3).mean((2, 4))
    assert np.abs(half.arrays["rgb"] - means).max() <= 1
    assert set(np.unique(half.arrays["depth"])) <= set(np.unique(full.arrays["depth"]))
    assert half.arrays["mask"].shape == (21, 40, 40, 1)
    assert np.array_equal(half.arrays["skeleton"], full.arrays["skeleton"])


# ---- Other files in that form ----------------------------------------------------------------------------------------


def test_records_need_neither_a_skeleton_picture_nor_every_modality(tmp_path: Path):
    write(tmp_path / "training-01-of-01", small())
    (one,) = read_all(tmp_path)
    assert list(one.arrays) == ["skeleton"]
    assert smnet.modalities(smnet.sources(tmp_path, OPTIONS), OPTIONS) == ("skeleton",)


def test_frames_beyond_the_length_are_cut(tmp_path: Path):
    write(tmp_path / "training-01-of-01", small(skeleton=np.zeros(5 * 180)))
    assert read_all(tmp_path)[0].length == 3


def test_values_are_rounded_to_the_nearest_byte(tmp_path: Path):
    depth = np.zeros((3, 80, 80, 1))
    depth[0, 0, :4, 0] = -3, 0.4, 254.6, 300
    write(tmp_path / "training-01-of-01", small(depth=depth))
    assert list(read_all(tmp_path)[0].arrays["depth"][0, 0, :4, 0]) == [0, 0, 255, 255]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([small(), small()], r"record 2: id 1 is also in .*ids must be unique"),
        ([small(label=20)], r"record 1: label 20, expected 0 to 19"),
        ([{"label": 1, "length": 3}], r"record 1: 0 values of 'id', expected one integer"),
    ],
)
def test_wrong_integers_are_named_before_anything_is_converted(tmp_path: Path, records: list, message: str):
    write(tmp_path / "training-01-of-01", *records)
    with pytest.raises(GestureError, match="training-01-of-01: " + message):
        smnet.sources(tmp_path, OPTIONS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length": 4}, r"record 2: skeleton: 2160 bytes, expected 720 for each of 4 frames"),
        ({"rgb": np.zeros(7)}, r"record 2: rgb: 28 bytes, expected 76800 for each of 3 frames"),
        ({"skeleton": np.full(540, np.nan)}, r"record 2: skeleton: has values that are not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path: Path, changes: dict, message: str):
    write(tmp_path / "training-01-of-01", small(), small(2, **changes))
    with pytest.raises(GestureError, match="training-01-of-01: " + message):
        read_all(tmp_path)


def test_a_truncated_file_is_named_with_its_record(tmp_path: Path):
    whole = write(tmp_path / "training-01-of-01", small(1), small(2), small(3), level=0).read_bytes()
    for kept in [0, 1, *range(500, len(whole), 611), len(whole) - 5, len(whole) - 1]:
        (tmp_path / "training-01-of-01").write_bytes(whole[:kept])
        with pytest.raises(GestureError, match=r"training-01-of-01: record \d: .*the file is damaged") as caught:
            smnet.sources(tmp_path, OPTIONS)
        assert "\n" not in str(caught.value)
    (tmp_path / "training-01-of-01").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GestureError, match="record 2: ends early"):
        smnet.sources(tmp_path, OPTIONS)


def test_a_flipped_byte_is_named_with_its_record(tmp_path: Path):
    whole = write(tmp_path / "training-01-of-01", small(1), small(2), small(3), level=0).read_bytes()
    for place in range(0, len(whole), 397):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        (tmp_path / "training-01-of-01").write_bytes(damaged)
        with pytest.raises(GestureError, match=r"training-01-of-01: record \d: .*the file is damaged"):
            smnet.sources(tmp_path, OPTIONS)


def test_a_missing_shard_is_named(tmp_path: Path):
    shutil.copy(GENUINE / "test-02-of-02", tmp_path)
    with pytest.raises(GestureError, match=r"test-01-of-02 is missing \(1 of 2 are there\)"):
        smnet.sources(tmp_path, OPTIONS)
    write(tmp_path / "test-01-of-01", small())
    with pytest.raises(GestureError, match="one set of shards"):
        smnet.sources(tmp_path, OPTIONS)


def test_a_folder_without_such_files_is_refused(tmp_path: Path):
    with pytest.raises(GestureError, match="no such folder"):
        smnet.sources(tmp_path / "nowhere", OPTIONS)
    with pytest.raises(GestureError, match="no tfrecords named"):
        smnet.sources(tmp_path, OPTIONS)
