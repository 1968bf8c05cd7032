"""Bring-your-own data: every mistake is told with its file and row."""

import contextlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_up_arrays import write_arrays

from gesture.base.errors import GestureError
from gesture.formats import arrays
from gesture.formats.options import ArraysOptions

OPTIONS = ArraysOptions(classes=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_arrays(tmp_path / "data", per_class=1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1,training,1,", "x,training,1,", r"sequences.csv:2: Id 'x' is not a whole number"),
        ("1,training,1,t1,training-1.npz", "1,training", r":2: has 2 cells, the header 5"),
        ("1,training,1,", "1,train,1,", r":2: split 'train' is none of training, validation, test"),
        ("1,training,1,", "1,training,4,", r":2: label '4' is not in 1..3 \(data.options.classes\)"),
        ("1,training,1,t1,training-1.npz", "1,training,1,t1,training-1.npz,x", r":2: has 6 cells, the header 5"),
        ("1,training,1,", "9223372036854775808,training,1,", r":2: Id 9223372036854775808 does not fit into 64 bits"),
        ("1,training,1,", "²,training,1,", r":2: Id '²' is not a whole number"),
        ("1,training,1,", '"1,training,1,', r":14: not readable as CSV|:\d+: has \d cells"),
        ("t1", "t\0", r":2: holds a NUL byte"),
        ("Id,split", "Id, split", r":1: blanks around the names of columns \(' split'\)"),
        ("Id,split", "Id,Id,split", r":1: column Id is there twice"),
        ("training-1.npz", "other.npz", r":2: file 'other.npz' does not exist"),
        ("training-1.npz", "../sequences.csv", r":2: file '../sequences.csv' is outside the folder"),
        ("2,training,", "1,training,", r":3: Id 1 occurs twice in split training"),
        ("Id,split", "Id,part", r"column split is missing"),
    ],
)
def test_a_wrong_row_is_named(folder: Path, old: str, new: str, message: str) -> None:
    table = folder / "sequences.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(GestureError, match=message):
        arrays.sources(folder, OPTIONS)


def test_a_list_in_another_encoding_is_refused(folder: Path) -> None:
    table = folder / "sequences.csv"
    table.write_bytes(table.read_bytes().replace(b"t1", "J\u00fcrg".encode("latin-1"), 1))
    with pytest.raises(GestureError, match=r"sequences.csv:2: is not UTF-8 \(byte 0xfc\): save the list as UTF-8"):
        arrays.sources(folder, OPTIONS)
    table.write_text("Id,split,label,subject,file\n", encoding="utf-16")
    with pytest.raises(GestureError, match=r"sequences.csv: is UTF-16; save it as UTF-8"):
        arrays.sources(folder, OPTIONS)


def test_all_wrong_rows_are_told_at_once(folder: Path) -> None:
    table = folder / "sequences.csv"
    rows = table.read_bytes().splitlines()
    rows[1:5] = [rows[1] + b",x", b"\xff" + rows[2], rows[3].replace(b"training-", b"none-"), b"1,training"]
    table.write_bytes(b"\n".join(rows) + b"\n")
    with pytest.raises(GestureError) as caught:
        arrays.sources(folder, OPTIONS)
    said = [line.partition("sequences.csv:")[2] for line in str(caught.value).splitlines()]
    assert said == [
        "3: is not UTF-8 (byte 0xff): save the list as UTF-8",
        "2: has 6 cells, the header 5",
        "3: Id '\ufffd2' is not a whole number",
        "4: file 'none-3.npz' does not exist",
        "5: has 2 cells, the header 5",
    ]


def test_as_many_names_as_classes_are_asked_for() -> None:
    with pytest.raises(ValueError, match=r"names 2 classes, data\.options\.classes says 3"):
        ArraysOptions(classes=3, class_names=["one", "two"])


@pytest.mark.parametrize("claimed", [(25_000_000_000, 20, 3), (-1, 20, 3)])
def test_a_header_that_speaks_of_a_hundred_gigabytes_is_refused_before_memory_is_taken(
    folder: Path, claimed: tuple[int, ...]
) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": claimed})
    with zipfile.ZipFile(folder / "training-1.npz", "w") as archive:
        archive.writestr("skeleton.npy", header.getvalue() + bytes(1000))
    (source, *_) = arrays.sources(folder, OPTIONS)
    with pytest.raises(GestureError, match=r"training-1\.npz: .*skeleton\.npy: its header says .* bytes"):
        list(arrays.read(source, OPTIONS, 16))


def test_a_number_that_is_none_in_float32_is_refused(folder: Path) -> None:
    with pytest.raises(GestureError, match="skeleton has values that are not finite"):
        read_first(folder, skeleton=np.full((5, 20, 3), 1e300))


def test_a_missing_folder_and_a_missing_list_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(GestureError, match="no such folder"):
        arrays.sources(tmp_path / "nowhere", OPTIONS)
    with pytest.raises(GestureError, match=r"sequences.csv: no such file"):
        arrays.sources(tmp_path, OPTIONS)


def read_first(folder: Path, **replaced: np.ndarray) -> object:
    path = folder / "training-1.npz"
    with np.load(path) as file:
        content = {**file, **replaced}
    np.savez(path, **content)
    return next(arrays.read(arrays.sources(folder, OPTIONS)[0], OPTIONS, 16))


def test_millimetres_become_gray_and_nearness_never_becomes_no_reading(folder: Path) -> None:
    depth = np.zeros((20, 16, 16, 1), np.uint16)
    depth[0, 0, :4, 0] = [4095, 8, 2048, 5000]
    content = {name: np.ones((20, 16, 16, channels), np.uint8) for name, channels in (("rgb", 3), ("mask", 1))}
    sequence = read_first(folder, depth=depth, skeleton=np.ones((20, 20, 3), np.float32), **content)
    assert sequence.depth[0, 0, :5, 0].tolist() == [255, 1, 128, 255, 0]


def test_world_coordinates_are_projected_by_the_pinhole(folder: Path) -> None:
    with np.load(folder / "training-1.npz") as file:
        skeleton = file["skeleton"].copy()
    skeleton[0, 3] = (0.2, 0.4, 2.0)
    skeleton[0, 4] = 0
    sequence = read_first(folder, skeleton=skeleton)
    assert sequence.skeleton[0, 3, 7:].tolist() == [310 + 500 * 0.1, 260 - 525 * 0.2]
    assert sequence.skeleton[0, 4].tolist() == [0] * 9


def test_orientations_without_pixels_are_projected_too_and_given_pixels_are_kept(folder: Path) -> None:
    seven = np.zeros((25, 20, 7), np.float32)
    seven[0, 3] = (0.2, 0.4, 2, 0.1, 0.2, 0.3, 0.4)
    sequence = read_first(folder, skeleton=seven)
    assert sequence.skeleton[0, 3] == pytest.approx([0.2, 0.4, 2, 0.1, 0.2, 0.3, 0.4, 360, 155])
    nine = np.arange(25 * 20 * 9, dtype=np.float32).reshape(25, 20, 9)
    np.testing.assert_array_equal(read_first(folder, skeleton=nine).skeleton, nine)


def test_a_person_behind_the_camera_has_no_pixels(folder: Path) -> None:
    sequence = read_first(folder, skeleton=np.full((25, 20, 3), -1.0))
    assert not sequence.skeleton[..., 3:].any()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_cut_or_changed_file_never_ends_in_a_traceback(folder: Path, save: Callable[..., None]) -> None:
    path = folder / "training-1.npz"
    save(path, skeleton=np.arange(1200, dtype=np.float32).reshape(20, 20, 3))
    whole = path.read_bytes()
    (source, *_) = arrays.sources(folder, OPTIONS)
    for place in range(0, len(whole), len(whole) // 40):
        changed = bytearray(whole)
        changed[place] ^= 0xFF
        for content in (whole[:place], bytes(changed)):
            path.write_bytes(content)
            with contextlib.suppress(GestureError):  # a byte that no reader looks at may change
                next(arrays.read(source, OPTIONS, 16))


def test_what_numpy_would_unpickle_is_refused(folder: Path) -> None:
    path = folder / "training-1.npz"
    np.savez(path, skeleton=np.array([{"a": 1}], dtype=object))
    with pytest.raises(GestureError, match=r"training-1.npz: cannot be read"):
        next(arrays.read(arrays.sources(folder, OPTIONS)[0], OPTIONS, 16))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rgb", np.zeros((5, 16, 16, 3)), "rgb is float64, expected uint8"),
        ("rgb", np.zeros((5, 16, 16), np.uint8), r"rgb has shape \(5, 16, 16\)"),
        ("skeleton", np.zeros((5, 25, 3), np.float32), r"skeleton has shape \(5, 25, 3\)"),
        ("skeleton", np.full((5, 20, 3), "left"), "skeleton is <U4, expected numbers"),
        ("skeleton", np.full((5, 20, 3), np.nan, np.float32), "write 0 for joints that were not seen"),
        ("depth", np.zeros((5, 16, 16, 1), np.uint8), "modalities must have one length"),
    ],
)
def test_a_wrong_array_is_named(folder: Path, name: str, value: np.ndarray, message: str) -> None:
    with pytest.raises(GestureError, match=message):
        read_first(folder, **{name: value})


def test_a_depth_of_the_person_alone_gives_the_mask(folder: Path) -> None:
    options = ArraysOptions(classes=3, mask_from_depth=True)
    path = folder / "training-1.npz"
    depth = np.zeros((4, 16, 16, 1), np.uint16)
    depth[:, 3] = 900
    np.savez(path, depth=depth)
    source = arrays.sources(folder, options)[0]
    assert arrays.modalities([source], options) == ("depth", "mask")
    sequence = next(arrays.read(source, options, 16))
    assert sequence.mask[:, 3].all()
    assert sequence.mask.sum() == 4 * 16


def test_a_file_that_is_no_npz_is_named_before_conversion(folder: Path) -> None:
    (folder / "training-1.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(GestureError, match=r"training-1.npz: not a readable .npz"):
        arrays.modalities(arrays.sources(folder, OPTIONS), OPTIONS)
