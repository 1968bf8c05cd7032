"""What is suspicious but legal is a warning in the conversion, the plan and the report."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_up_arrays import settings_of, write_arrays

from gesture.base.errors import GestureError
from gesture.base.files import read_json
from gesture.cli import main
from gesture.config.layout import records_folder
from gesture.config.settings import load
from gesture.convert.convert import convert
from gesture.convert.suspicious import dark, unlearnable
from gesture.download.download import download
from gesture.formats.sequence import Sequence

ODD = [
    "test-1.npz (test) has the same bytes as training-1.npz (training)",
    "test-2.npz: Id 2: rgb pictures are nearly black",
    "no training sequence of class 3 (class 3): it cannot be learnt",
]


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of a data set in which everything is legal, and much is odd."""
    monkeypatch.chdir(tmp_path)
    folder = write_arrays(tmp_path / "arrays", per_class=1)
    shutil.copy(folder / "training-1.npz", folder / "test-1.npz")
    with np.load(folder / "test-2.npz") as file:
        content = dict(file)
    np.savez(folder / "test-2.npz", **{**content, "rgb": content["rgb"] // 32})
    table = folder / "sequences.csv"
    rows = table.read_text().splitlines(keepends=True)
    table.write_text("".join(row for row in rows if not row.startswith("3,training")))
    (tmp_path / "odd.yaml").write_text(yaml.safe_dump(settings_of(folder)))
    return tmp_path / "odd.yaml"


def test_a_conversion_tells_all_and_keeps_it_for_plan_and_report(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = load(odd)
    assert main(["plan", str(odd)]) == 0
    assert "warning: no training sequence of class 3: it cannot be learnt" in capsys.readouterr().out
    download(experiment, Path("raw.json"), 1)
    manifest = records_folder(experiment) / "manifest.json"
    convert(experiment, Path("raw.json"), manifest, 1)
    said = capsys.readouterr()
    assert sorted(read_json(manifest)["warnings"]) == sorted(ODD)
    assert all(f"warning: {one}" in said.out + said.err for one in ODD)
    assert main(["plan", str(odd)]) == 0
    assert all(f"warning: {one}" in capsys.readouterr().out for one in [ODD[0]])


def test_all_damaged_recordings_are_told_at_once(odd: Path) -> None:
    experiment = load(odd)
    download(experiment, Path("raw.json"), 1)
    for name in ("training-1", "training-2", "validation-1"):
        path = Path("arrays") / f"{name}.npz"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(GestureError) as caught:
        convert(experiment, Path("raw.json"), Path("records/manifest.json"), 1)
    assert [Path(line.partition(":")[0]).stem for line in str(caught.value).splitlines()] == [
        "training-1", "training-2", "validation-1",
    ]  # fmt: skip
    assert not Path("records/manifest.json").exists()


def test_ordinary_data_is_not_talked_about() -> None:
    assert list(unlearnable(["a", "b"], [1, 2])) == []
    person = np.zeros((3, 20, 20, 1), np.uint8)
    person[:, 8:10, 8:10] = 90  # a person far away, cut out of the picture
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(dark(Sequence(1, "test", depth=person, max_depth_mm=4000))) == []
