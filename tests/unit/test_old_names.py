"""Names of 0.1.0 in a configuration: read with one warning, rewritten in place, and never a reason to train again."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from gesture.average.fitted import Combination
from gesture.average.methods import WeightedMean
from gesture.base.errors import GestureError
from gesture.cli import main
from gesture.config.digests import average_digest, resolved, stage_digest
from gesture.config.members import members
from gesture.config.old_names import KEYS, VALUES, Where, place, renamed, warning
from gesture.config.settings import Experiment, load, parse

OLD = """\
# What the file is for.
experiment: old
training:
  batch: 4   # sequences
  "clip_norm": 1.0
  schedule: exponential
  weight_average: 0.9
  recompute: true
  validation_batch: 8
  stages:
    - &first {epochs: 2, rate: 2.0e-3, final_rate: 1.0e-3}   # the rate falls
    - *first
    - {epochs: 1, pretrained_rate: 1.0e-4, rate: 1.0e-3}
  augmentation: {shift: 0.1, zoom: 0.1, jitter: 1, warp: 0.1, flip: 0.1, brightness: 0.1, skeleton_noise: 0.01}
variants:
  batch:   # a name of one's own
    network: {model: joints, norm_momentum: 0.8}
    modalities: [skeleton]
    training: {batch: 2}
  graph:
    network: {model: 'graph', streams: [joints, velocity]}
    modalities: [skeleton]
  clips:
    network: &small
      model: smnet
      score_divisor: batch
      widths: [4]
      memory: 3
    modalities: [depth, mask]
    images: &seen motion
  others:
    network: {<<: *small, memory: 2}
    modalities: [depth]
    images: *seen
  person:
    network: {model: frames, frames: 12}
    modalities: [depth, mask]
average: {method: weights, calibrate: true}
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.yaml"
    path.write_text(OLD)
    return path


def as_before(value: Any, where: Where = ()) -> Any:
    """Settings as 0.1.0 saved them."""
    if isinstance(value, list):
        return [as_before(part, (*where, number)) for number, part in enumerate(value)]
    if isinstance(value, dict):
        old = {new: old for old, new in KEYS.get(place(where), {}).items()}
        return {old.get(key, key): as_before(part, (*where, key)) for key, part in value.items()}
    old = {new: old for old, new in VALUES.get(place(where), {}).items()}
    return old.get(value, value) if isinstance(value, str) else value


def digests(experiment: Experiment) -> list[str]:
    found = [stage_digest(experiment, one, stage) for one in members(experiment).values() for stage in (1, 2, 3)]
    return [*found, average_digest(experiment)]


def test_old_names_mean_what_the_new_ones_do(old: Path) -> None:
    found = load(old)
    assert found.training.batch_size == 4
    assert found.variants["batch"].training.batch_size == 2
    assert found.variants["batch"].network.model == "tcn"  # type: ignore[attr-defined]
    assert found.variants["graph"].network.streams == ("joints", "velocity")  # type: ignore[attr-defined]
    assert found.variants["clips"].network.score_divisor == "batch"  # type: ignore[attr-defined]
    assert found.variants["others"].network.attention_length == 2  # type: ignore[attr-defined]
    assert found.variants["others"].images == "subtract_mean"
    assert found.average.method == "weighted"
    assert not warning(resolved(found), "saved")


def test_settings_that_0_1_0_saved_are_read_and_mean_the_same_stages(old: Path) -> None:
    now = load(old)
    saved = as_before(resolved(now))
    assert saved["training"]["stages"][0]["rate"] == 2e-3
    assert saved["variants"]["person"]["network"]["model"] == "frames"
    assert digests(parse(saved, "submission.json")) == digests(now)


def test_every_new_name_is_a_key_or_value_that_there_is(old: Path) -> None:
    found = yaml.safe_dump(resolved(load(old)))
    for table in (*KEYS.values(), *VALUES.values()):
        for before, after in table.items():
            assert f"{after}:" in found or f": {after}\n" in found, before


@pytest.mark.filterwarnings("default")
def test_whoever_plans_is_warned_once_with_the_new_lines(old: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["plan", str(old)]) == 0
    told = capsys.readouterr().err
    assert told.startswith(f"warning: {old}: has old names")
    assert "training.batch: 4  ->  batch_size: 4" in told
    assert "variants.graph.network.model: graph  ->  model: stgcn" in told
    assert told.count("->") == len(set(told.splitlines())) - 1 == 24


def test_nobody_is_warned_of_settings_that_are_kept(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    kept = tmp_path / "results/old/settings"
    kept.mkdir(parents=True)
    (kept / "one.yaml").write_text(OLD)
    assert main(["status", "old", "--directory", str(tmp_path)]) == 0
    assert "old names" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training: {batch: 4, batch_size: 8}", "training.batch: is the old name of `batch_size`"),
        (
            "variants: {a: {training: {clip_norm: 1, gradient_clip_norm: 2}}}",
            "variants.a.training.clip_norm: is the",
        ),
        (
            "average: {temperature_scaling: false, calibrate: true}",
            "average.calibrate: is the old name of",
        ),
    ],
)
def test_an_old_and_a_new_name_together_are_refused_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "both.yaml"
    path.write_text(text)
    for refused in (lambda: load(path), lambda: warning(yaml.safe_load(text), str(path))):
        with pytest.raises(GestureError) as error:
            refused()
        assert str(error.value).startswith(f"{path}: {said}")
        assert "\n" not in str(error.value)


def test_a_job_takes_the_settings_together_with_what_config_of_the_head_said() -> None:
    assert renamed({"training": {"batch_size": 8, "batch": 8}}, "a job")[0] == {"training": {"batch_size": 8}}


def test_migrate_rewrites_names_and_nothing_else(old: Path, capsys: pytest.CaptureFixture) -> None:
    before = load(old)
    assert main(["migrate", str(old), "--check"]) == 0
    assert old.read_text() == OLD
    looked = capsys.readouterr().out
    assert main(["migrate", str(old)]) == 0
    assert capsys.readouterr().out == looked
    assert "4: batch_size: 4   # sequences\n" in looked
    assert "11: - &first {epochs: 2, learning_rate: 2.0e-3, final_learning_rate: 1.0e-3}   # the rate falls\n" in looked
    text = old.read_text()
    assert "# What the file is for.\n" in text
    assert "  batch:   # a name of one's own\n" in text
    assert "images: &seen subtract_mean\n" in text
    assert "{<<: *small, attention_length: 2}" in text
    assert load(old) == before
    assert not warning(yaml.safe_load(text), "new")
    assert main(["migrate", str(old)]) == 0
    assert "has no old names" in capsys.readouterr().out
    assert old.read_text() == text


def test_migrate_keeps_ends_of_lines_mode_and_link(old: Path, tmp_path: Path) -> None:
    old.write_bytes(OLD.replace("\n", "\r\n").encode())
    old.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(old)
    assert main(["migrate", str(link)]) == 0
    assert link.is_symlink()
    assert b"batch_size: 4   # sequences\r\n" in old.read_bytes()
    assert b"\n" not in old.read_bytes().replace(b"\r\n", b"")
    assert old.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training: {batch: 4, batch_size: 4}", "training.batch: is the old name of `batch_size`"),
        ("variants:\n  a:\n    images: >-\n      motion\n", "change these by hand: variants.a.images: motion  ->"),
        ("training: [", "not valid YAML"),
    ],
)
def test_migrate_leaves_a_file_that_it_cannot_rewrite(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    assert main(["migrate", str(path)]) == 2
    assert said in capsys.readouterr().err
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", sorted(Path("config").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_configurations_have_no_old_names(path: Path) -> None:
    assert not warning(yaml.safe_load(path.read_text()), path.name)


def test_an_average_of_0_1_0_is_read() -> None:
    kept = {"method": "weights", "weights": {"a-s1": 1.0}, "bias": None, "temperature": 1.0}
    assert isinstance(Combination.of(kept).method, WeightedMean)
