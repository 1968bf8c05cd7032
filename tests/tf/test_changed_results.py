"""What a step reads of another is compared with the digest in that step's manifest before it is used."""

import json
import shutil
from pathlib import Path

import h5py
import pytest
from made_up_arrays import settings_of, write_arrays

from gesture.base.errors import FailedForGoodError
from gesture.base.lease import Lease
from gesture.base.session import Session
from gesture.config.settings import parse
from gesture.convert.convert import convert
from gesture.download.download import download
from gesture.evaluate.predict import evaluate
from gesture.train.loop import Cadence, train
from gesture.train.stage import StageJob


class Made:
    """Records, and a folder of results for each member's stages."""

    def __init__(self, root: Path) -> None:
        self.root = root
        settings = settings_of(write_arrays(root / "arrays"))
        settings["variants"]["joints"]["seeds"] = [1, 2]
        self.experiment = parse(settings, "test")
        download(self.experiment, root / "raw.json", 1)
        self.records = root / "records" / "manifest.json"
        convert(self.experiment, root / "raw.json", self.records, 1)

    def stage(self, member: str, stage: int) -> Path:
        return self.root / "results" / member / f"stage{stage}"

    def train(self, member: str, stage: int) -> None:
        live = self.root / "live" / member / str(stage)
        parent = self.stage(member, stage - 1) if stage > 1 else None
        out = self.stage(member, stage)
        job = StageJob.prepare(self.experiment, member, stage, self.records, parent, live, out, threads=1)
        with Lease(job.checkpoints) as lease, job.outcome_of_attempt(lease):
            train(job, lease, Session(1e9), Cadence(1e9))

    def evaluate(self, member: str) -> Path:
        table = self.root / "table.csv"
        evaluate(self.experiment, self.records, member, self.stage(member, 1), "test", table, threads=1)
        return table


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Made(tmp_path_factory.mktemp("made"))
    for member in ("joints-s1", "joints-s2"):
        made.train(member, 1)
    return made.root


@pytest.fixture
def made(trained: Path, tmp_path: Path) -> Made:
    shutil.copytree(trained, tmp_path / "made")
    copy = object.__new__(Made)
    copy.root, copy.records = tmp_path / "made", tmp_path / "made/records/manifest.json"
    copy.experiment = parse(settings_of_two(trained), "test")
    return copy


def settings_of_two(root: Path) -> dict:
    settings = settings_of(root / "arrays")
    settings["variants"]["joints"]["seeds"] = [1, 2]
    return settings


def bend(path: Path) -> None:
    """Changes one number of an HDF5 file, which stays a sound file."""
    with h5py.File(path, "r+") as file:
        found: list[h5py.Dataset] = []
        file.visititems(lambda name, one: found.append(one) if isinstance(one, h5py.Dataset) and one.size else None)
        found[0][(0,) * found[0].ndim] = 0.125


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def copied(path: Path) -> None:
    shutil.copy(Path(str(path).replace("joints-s1", "joints-s2")), path)


@pytest.mark.parametrize("change", [bend, flip, copied])
def test_changed_weights_are_neither_evaluated_nor_gone_on_from(made: Made, change) -> None:
    weights = made.stage("joints-s1", 1) / "model.weights.h5"
    change(weights)
    with pytest.raises(FailedForGoodError, match=r"stage1/model\.weights\.h5: is not what gesture train wrote"):
        made.evaluate("joints-s1")
    assert not (made.root / "table.csv").exists()
    with pytest.raises(FailedForGoodError, match=r"model\.weights\.h5"):
        made.train("joints-s1", 2)
    assert not made.stage("joints-s1", 2).exists()


@pytest.mark.parametrize("change", [bend, flip, copied])
def test_changed_optimiser_slots_are_not_gone_on_from(made: Made, change) -> None:
    change(made.stage("joints-s1", 1) / "optimiser.h5")
    with pytest.raises(FailedForGoodError, match=r"stage1/optimiser\.h5: is not what gesture train wrote"):
        made.train("joints-s1", 2)
    assert not made.stage("joints-s1", 2).exists()


def test_the_stage_of_another_member_is_not_gone_on_from(made: Made) -> None:
    shutil.rmtree(made.stage("joints-s1", 1))
    shutil.copytree(made.stage("joints-s2", 1), made.stage("joints-s1", 1))
    with pytest.raises(FailedForGoodError, match="is that of joints-s2, stage 1, and not of joints-s1, stage 1"):
        made.train("joints-s1", 2)


def test_a_stage_of_010_whose_manifest_has_no_digest_of_the_slots_is_gone_on_from(made: Made) -> None:
    path = made.stage("joints-s1", 1) / "manifest.json"
    manifest = json.loads(path.read_text())
    for key in ("optimiser_sha256", "history_sha256", "seal"):
        del manifest[key]
    path.write_text(json.dumps(manifest))
    made.train("joints-s1", 2)
    assert made.stage("joints-s1", 2).exists()
