"""A data set of one's own is one module and one line, as CONTRIBUTING.md says; nothing else knows of formats."""

from pathlib import Path

import numpy as np
import pytest
from toy_package import TEXT_FORMAT

from gesture.base.errors import GestureError
from gesture.catalog import FORMATS
from gesture.config.settings import parse
from gesture.convert.convert import convert
from gesture.convert.reader import Records
from gesture.download.download import download
from gesture.formats.options import Format


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    (tmp_path / "toy_format.py").write_text(TEXT_FORMAT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(FORMATS._entries, "toy", Format("toy", "toy_format"))
    (tmp_path / "raw").mkdir()
    for number, split in enumerate(("training", "training", "test")):
        np.savetxt(tmp_path / f"raw/{split}-{number}-{number % 2}.txt", np.full((5 + number, 60), number))
    return {
        "experiment": "toy",
        "data": {"dataset": "toy", "folder": str(tmp_path / "raw")},
        "training": {"stages": [{"steps": 1, "learning_rate": 1e-3}]},
        "variants": {"joints": {"network": {"model": "tcn"}, "modalities": ["skeleton"]}},
    }


def test_a_module_and_a_line_make_a_format_that_is_converted_and_read(settings: dict, tmp_path: Path) -> None:
    experiment = parse(settings, "toy.yaml")
    download(experiment, tmp_path / "raw.json", 1)
    convert(experiment, tmp_path / "raw.json", tmp_path / "records/manifest.json", 1)
    records = Records(tmp_path / "records/manifest.json")
    assert records.class_names == ["first", "second", "third"]
    found = [records.read(position) for position in range(3)]
    assert [(one.id, one.split, one.label, one.length) for one in found] == [
        (0, "training", 0, 5), (1, "training", 1, 6), (2, "test", 0, 7),
    ]  # fmt: skip
    assert found[2].arrays["skeleton"][:, :, :3].tolist() == np.full((7, 20, 3), 2).tolist()


def test_its_name_is_known_and_options_that_it_does_not_have_are_refused(settings: dict) -> None:
    with pytest.raises(GestureError, match=r"data\.dataset: .*'tyo'.*toy"):
        parse({**settings, "data": {**settings["data"], "dataset": "tyo"}}, "toy.yaml")
    with pytest.raises(GestureError, match=r"data\.options\.speed"):
        parse({**settings, "data": {**settings["data"], "options": {"speed": 1}}}, "toy.yaml")


def test_a_variant_that_wants_more_than_there_is_is_refused(settings: dict, tmp_path: Path) -> None:
    settings["variants"]["joints"] = {"network": {"model": "smnet"}, "modalities": ["rgb"]}
    experiment = parse(settings, "toy.yaml")
    download(experiment, tmp_path / "raw.json", 1)
    with pytest.raises(GestureError, match=r"variants\.joints\.modalities: the data has no rgb \(it has skeleton\)"):
        convert(experiment, tmp_path / "raw.json", tmp_path / "records/manifest.json", 1)
