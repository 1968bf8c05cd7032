"""Looking into records, and proving that they are as they were written."""

from pathlib import Path

import numpy as np
import pytest
from made_up_arrays import settings_of, write_arrays
from PIL import Image

from gesture.cli import main
from gesture.config.settings import parse
from gesture.convert.convert import convert
from gesture.download.download import download


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspect")
    experiment = parse(settings_of(write_arrays(folder / "arrays", per_class=2)), "test")
    download(experiment, folder / "raw.json", 1)
    convert(experiment, folder / "raw.json", folder / "records" / "manifest.json", 1)
    return folder / "records" / "manifest.json"


def test_the_figures_name_every_split_and_modality(manifest: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["inspect", str(manifest)]) == 0
    said = capsys.readouterr().out
    assert "12 sequences, 3 classes, 16x16 px, rgb, depth, mask, skeleton" in said
    stored = sum(path.stat().st_size for path in manifest.parent.glob("*.tfrecord"))
    assert f"{stored / 1e6:.1f} MB in lean records, {stored / 12e3:.1f} kB a sequence" in said
    assert [line.split()[:4] for line in said.splitlines()[3:]] == [
        ["training", "6", "6", "2"],
        ["validation", "3", "3", "2"],
        ["test", "3", "3", "2"],
    ]


def test_a_sequence_becomes_a_strip_with_a_row_for_each_modality(manifest: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "strip.png"
    assert main(["inspect", str(manifest), "2", "--split", "training", "--output", str(output)]) == 0
    assert "training Id 2: 2 class 2, " in capsys.readouterr().out
    with Image.open(output) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (4 * 96 + 16, 72 + 12 * 96, 3)
    rows = pixels[: 4 * 96].reshape(4, 96, -1, 3)[:, :, 72:]
    assert all(row.std() > 0 for row in rows)


def test_an_unknown_id_is_one_line(manifest: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["inspect", str(manifest), "77"]) == 2
    assert "'77' is not a test Id (1, 2, 3, …)" in capsys.readouterr().err


def test_verify_passes_what_was_written_and_names_a_damaged_shard(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    from gesture.base.errors import FailedForGoodError
    from gesture.convert.verify import verify

    verify(manifest)
    assert "12 records in 3 shards are as they were written" in capsys.readouterr().out
    shard = next(manifest.parent.glob("test-*.tfrecord"))
    whole = shard.read_bytes()
    try:
        shard.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
        with pytest.raises(FailedForGoodError, match=r"test-0001-of-0001.tfrecord: its bytes have changed"):
            verify(manifest)
    finally:
        shard.write_bytes(whole)
