"""Where `pretrained` and `start` point is looked at before any job is submitted."""

from pathlib import Path

import pytest
from made_up_arrays import settings_of, write_arrays

from gesture.base.errors import GestureError
from gesture.config.settings import Variant, parse
from gesture.legacy2019.weight_files import digest, parts, start_files
from gesture.operate.preflight import check

NETWORK = {"model": "smnet", "widths": [2, 3], "head_units": [3, 3, 3], "recurrent_units": 4}


def variant(**changes: object) -> dict:
    return {"network": NETWORK, "modalities": ["rgb", "skeleton"], **changes}


def files_of(**changes: object) -> list[Path]:
    given = variant(**changes) | {"training": {"stages": [{"steps": 1, "learning_rate": 0.1}]}}
    return start_files("clips", Variant(**given))


def checkpoint(path: Path) -> Path:
    """The files of a TensorFlow checkpoint, empty."""
    for suffix in (".index", ".data-00000-of-00002", ".data-00001-of-00002", ".meta"):
        path.with_name(path.name + suffix).write_bytes(b"")
    return path


def test_random_weights_need_no_file() -> None:
    assert files_of() == []


def test_one_file_serves_all_streams_and_a_folder_has_one_for_each(tmp_path: Path) -> None:
    (tmp_path / "c3d.h5").touch()
    assert files_of(pretrained=str(tmp_path / "c3d.h5")) == [tmp_path / "c3d.h5"]
    checkpoint(tmp_path / "c3d_rgb.chkp")
    (tmp_path / "c3d_sk.pth").touch()
    assert files_of(pretrained=str(tmp_path)) == [tmp_path / "c3d_rgb.chkp", tmp_path / "c3d_sk.pth"]


def test_environment_variables_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHTS", str(tmp_path))
    assert files_of(start="$WEIGHTS/../" + checkpoint(tmp_path / "model-5").parent.name + "/model-5")


def test_all_parts_of_a_checkpoint_are_digested(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "model-5")
    assert [one.name for one in parts(path)] == [
        "model-5.index", "model-5.data-00000-of-00002", "model-5.data-00001-of-00002",
    ]  # fmt: skip
    before = digest([path])
    (tmp_path / "model-5.data-00001-of-00002").write_bytes(b"?")
    assert digest([path]) != before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": "{}/model-7"}, r"variants\.clips\.start: .*model-7: no such file of weights"),
        ({"pretrained": "{}/none"}, r"variants\.clips\.pretrained: .*none: no such file of weights"),
        (
            {"pretrained": "{}"},
            r"variants\.clips\.pretrained: .*: no file c3d_rgb.*; or remove the key",
        ),
    ],
)
def test_what_is_missing_is_told_before_any_job(tmp_path: Path, changes: dict, message: str) -> None:
    settings = settings_of(write_arrays(tmp_path / "arrays"))
    given = {key: value.format(tmp_path) for key, value in changes.items()}
    settings["variants"] = {"clips": variant(**given)}
    with pytest.raises(GestureError, match=message):
        check(parse(settings, "c.yaml"))
