"""Records that changed under a trained chain, and a disk that takes no more: said, named, and gone on from."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from made_up_arrays import settings_of, write_arrays
from test_training import Chain, make_records

from gesture.base import lease
from gesture.base.errors import FailedForGoodError, GestureError
from gesture.base.files import read_json
from gesture.convert.convert import convert
from gesture.evaluate.predict import evaluate
from gesture.train import loop, stage
from gesture.train.ledger import sessions

MEMBER = "joints-s1"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return settings_of(write_arrays(tmp_path_factory.mktemp("arrays")))


@pytest.fixture(scope="module")
def trained(settings: dict, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    folder = tmp_path_factory.mktemp("trained")
    chain = Chain(settings, make_records(settings, folder), folder, MEMBER)
    chain.run(1)
    return chain


@pytest.fixture
def chain(trained: Chain, settings: dict, tmp_path: Path) -> Chain:
    """A chain of its own records, and with the first stage's result of another one."""
    shutil.copytree(trained.records.parent, tmp_path / "records")
    shutil.copytree(trained.result(1), tmp_path / "result" / "1")
    return Chain(settings, tmp_path / "records" / "manifest.json", tmp_path, MEMBER)


def damage(shard: Path) -> None:
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)


def predicted(chain: Chain) -> Path:
    output = chain.folder / "test.csv"
    evaluate(chain.experiment, chain.records, MEMBER, chain.result(1), "test", output, 1)
    return output


def test_a_record_that_is_damaged_in_validation_fails_for_good_and_is_named(chain: Chain) -> None:
    damage(chain.records.with_name("validation-0001-of-0001.tfrecord"))
    with pytest.raises(FailedForGoodError, match=r"validation-0001-of-0001\.tfrecord: wrong checksum in the record"):
        chain.run(2)
    assert read_json(chain.live(2) / "outcome.json")["exit_code"] == 76
    assert sessions(chain.live(2) / "sessions.jsonl")[0]["reason"] == "failed"


def test_a_record_that_is_damaged_in_evaluation_fails_for_good_and_is_named(chain: Chain) -> None:
    damage(chain.records.with_name("test-0001-of-0001.tfrecord"))
    with pytest.raises(FailedForGoodError, match=r"test-0001-of-0001\.tfrecord: wrong checksum in the record at byte"):
        predicted(chain)
    assert not (chain.folder / "test.csv").exists()


def test_a_shard_of_other_recordings_is_not_read_for_this_one(chain: Chain) -> None:
    """Checksums are right, and so are the places: another conversion's shard, or that of another split."""
    shutil.copy(
        chain.records.with_name("validation-0001-of-0001.tfrecord"),
        chain.records.with_name("test-0001-of-0001.tfrecord"),
    )
    with pytest.raises(FailedForGoodError, match=r"test-0001-of-0001\.tfrecord: "):
        predicted(chain)


def swapped(lines: list[str]) -> None:
    lines[1], lines[2] = lines[2], lines[1]


def relabelled(lines: list[str]) -> None:
    fields = lines[1].split(",")
    fields[5] = "3" if fields[5] != "3" else "2"
    lines[1] = ",".join(fields)


def cut(lines: list[str]) -> None:
    del lines[3]


@pytest.mark.parametrize("change", [swapped, relabelled, cut])
def test_a_changed_index_neither_trains_nor_evaluates(chain: Chain, trained: Chain, change: Callable) -> None:
    index = chain.records.with_name("index.csv")
    whole = index.read_text()
    lines = whole.splitlines()
    change(lines)
    index.write_text("\n".join(lines) + "\n")
    for use in (lambda: chain.run(2), lambda: predicted(chain)):
        with pytest.raises(FailedForGoodError, match=r"index\.csv: has changed since the records were written; remove"):
            use()
    assert not chain.result(2).exists()
    assert not (chain.folder / "test.csv").exists()
    index.unlink()
    convert(chain.experiment, trained.records.parent.parent / "raw.json", chain.records, 1)
    assert index.read_text() == whole
    chain.run(2)  # no flag is needed: the records have been mended
    assert chain.result(2).exists()


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"digest": 1, "modalities": []}'])
def test_what_is_no_manifest_is_one_line(chain: Chain, text: str) -> None:
    for path in (chain.records, chain.result(1) / "manifest.json"):
        whole = path.read_text()
        path.write_text(text)
        with pytest.raises(GestureError, match=r"manifest\.json: is not what gesture (convert|train) writes: "):
            predicted(chain)
        path.write_text(whole)
    chain.records.write_text(text)
    with pytest.raises(GestureError, match=r"manifest\.json: is not what gesture convert writes: "):
        chain.run(2)


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_where_results_have_no_room_the_checkpoint_stays_and_the_next_run_only_exports(
    trained: Chain, settings: dict, tmp_path: Path
) -> None:
    chain = Chain(settings, trained.records, tmp_path, MEMBER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "write_state", full)
        with pytest.raises(GestureError) as caught:
            chain.run(1)
    assert str(caught.value).startswith(f"{chain.result(1)}: No space left on device (")
    assert "the stage is trained, its checkpoint is kept: then run the same command again" in str(caught.value)
    assert caught.value.exit_code == 2 == read_json(chain.live(1) / "outcome.json")["exit_code"]
    assert not chain.result(1).exists()
    chain.run(1)
    assert chain.bytes(1) == trained.bytes(1)
    assert [one["steps"] for one in sessions(chain.live(1) / "sessions.jsonl")] == [6, 0]


def test_an_outcome_that_cannot_be_noted_hides_neither_reason_nor_result(
    trained: Chain, settings: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    chain = Chain(settings, trained.records, tmp_path, MEMBER)
    monkeypatch.setattr(stage, "write_json", full)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "training_batches", full)
        with pytest.raises(GestureError, match="No space left on device") as caught:
            chain.run(1)
    assert "\n" not in str(caught.value)
    chain.run(1)
    assert chain.bytes(1) == trained.bytes(1)
    assert "outcome is not noted" in "".join(capsys.readouterr())
    assert lease.holder(chain.live(1)) is None
