"""`gesture restore` against what the 2019 program predicted for its own checkpoint and tfrecords."""

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gesture.cli import main
from gesture.config.settings import parse
from gesture.convert.convert import convert
from gesture.convert.reader import digest_of
from gesture.download.download import download
from gesture.evaluate.predictions import read_predictions
from gesture.legacy2019.batches import in_turn
from gesture.legacy2019.restore import find_model
from gesture.legacy2019.softlabel import read_softlabel

DATA = Path(__file__).parents[1] / "data"
TFRECORDS = DATA / "smnet-tfrecords"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of models as the 2019 program left it."""
    folder = tmp_path / "models"
    for name in ("1559977294_all_modalities", "1558233738"):
        shutil.copytree(DATA / "smnet/ckpt", folder / name)
        (folder / name / "config.json").write_text(json.dumps({"model_id": name, "subsample": 1}))
    return folder


def restore(models: Path, *flags: str, model="1559977294", step="1", records: Path = TFRECORDS) -> tuple[int, Path]:
    """Exit code and output folder of `gesture restore`."""
    output = models.parent / "out"
    names = ["-S", str(models), "-M", model, "-C", step, "--records", str(records), "--output", str(output)]
    return main(["restore", *names, *flags]), output


def recorded() -> dict[str, np.ndarray]:
    """What the 2019 program computed for the test split, in the order of the ids."""
    batches = [np.load(DATA / f"smnet/test_forward_batch{number}.npz") for number in (0, 1)]
    order = np.argsort([3, 1, 5, 2, 4])
    found = {name: np.concatenate([batch[name] for batch in batches])[order] for name in ("softlabel", "predictions")}
    clips = np.array([50, 16, 32, 37, 9])[order] // 16 + 1
    logits = [one for batch in batches for one in batch["logits"]]
    own = [logits[place][:count].mean(axis=0) for place, count in zip(order, clips, strict=True)]
    return found | {"own": np.asarray(tf.nn.softmax(np.stack(own)))}


def rows_of(path: Path) -> list[str]:
    return path.read_bytes().decode().split("\r\n")


def test_all_three_files_hold_the_recorded_predictions(models: Path):
    code, output = restore(models)
    assert code == 0
    theirs = recorded()
    table = read_softlabel(output / "1559977294_1_softlabel.csv")
    ids, softlabels = table.ids, table.probabilities
    assert ids.tolist() == [1, 2, 3, 4, 5]
    assert np.abs(softlabels - theirs["softlabel"]).max() < 1e-5
    labels = [f"{rank},{label + 1}" for rank, label in enumerate(theirs["predictions"], 1)]
    assert rows_of(output / "1559977294_1_submission.csv") == ["Id,y", *labels, ""]
    table = read_predictions(output / "1559977294_1.csv")
    assert np.abs(table.probabilities - theirs["softlabel"]).max() < 1e-5
    assert table.labels is None, "labels of the test split were placeholders"
    assert table.name == "1559977294_1"
    assert table.manifest["split"] == "test"
    assert table.manifest["config"]["subsample"] == 1


def test_the_own_divisor_makes_soft_labels_independent_of_the_batch(models: Path):
    _, output = restore(models, "--own-divisor")
    softlabels = read_softlabel(output / "1559977294_1_softlabel.csv").probabilities
    theirs = recorded()
    assert np.abs(softlabels - theirs["own"]).max() < 1e-5
    assert np.abs(softlabels - theirs["softlabel"]).max() > 1e-2
    assert np.array_equal(softlabels.argmax(1), theirs["predictions"])


def test_recurrent_dropout_is_off_unless_a_seed_is_given_and_repeats_itself(models: Path):
    outputs = []
    for flags in ([], ["--legacy-dropout", "1"], ["--legacy-dropout", "1"]):
        _, output = restore(models, "--split", "validation", *flags)
        outputs.append(read_softlabel(output / "1559977294_1_softlabel.csv").probabilities)
    plain, first, again = outputs
    table = read_predictions(output / "1559977294_1.csv")
    assert (table.ids.tolist(), table.labels.tolist()) == ([4, 5], [0, 7]), "labels that are true are kept"
    assert np.array_equal(first, again)
    assert np.abs(first - plain).max() > 1e-3


def test_our_records_of_the_same_sequences_give_the_same_predictions(models: Path, tmp_path: Path):
    settings = {
        "experiment": "smnet",
        "data": {"dataset": "smnet", "folder": str(TFRECORDS)},
        "training": {"stages": [{"steps": 1, "learning_rate": 1e-3}]},
        "variants": {"one": {"network": {"model": "smnet"}, "modalities": ["rgb"]}},
    }
    experiment = parse(settings, "c.yaml")
    download(experiment, tmp_path / "raw.json", 1)
    convert(experiment, tmp_path / "raw.json", tmp_path / "records/manifest.json", 1)
    code, output = restore(models, "--own-divisor", records=tmp_path / "records")
    assert code == 0
    table = read_predictions(output / "1559977294_1.csv")
    assert np.abs(table.probabilities - recorded()["own"]).max() < 1e-5
    assert table.manifest["data_digest"] == digest_of(
        json.loads((tmp_path / "records/manifest.json").read_text()), "test"
    )


def test_files_are_read_in_turn_as_tensorflow_does():
    lengths = [3, 0, 5, 2, 4, 1, 6]
    starts = np.cumsum([0, *lengths])
    dataset = tf.data.Dataset.range(len(lengths)).interleave(
        lambda n: tf.data.Dataset.range(tf.gather(starts, n), tf.gather(starts, n + 1)), cycle_length=4, block_length=1
    )
    ours = in_turn(iter(range(a, b)) for a, b in pairwise(starts))
    assert list(ours) == [int(one) for one in dataset]


# ---- Mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"model": "155"}, "-M 155: 2 folders of .* begin so: 1558233738, 1559977294_all_modalities"),
        ({"model": "156"}, "-M 156: no folder of .* begins so; it has 1558233738, 1559977294_all_modalities"),
        ({"step": "82280"}, r"-C 82280: no .*model-82280\.index; the folder has model-1"),
        ({"records": DATA / "nowhere"}, "nowhere: no such folder"),
    ],
)
def test_what_is_not_there_is_one_line(models: Path, capsys, request_: dict, message: str):
    code, output = restore(models, **request_)
    error = capsys.readouterr().err.splitlines()[-1]
    assert code == 2
    assert re.search(message, error), error
    assert not output.exists()


def test_an_exact_name_is_not_ambiguous(models: Path):
    shutil.copytree(models / "1558233738", models / "1558233738_old")
    assert find_model(models, "1558233738").name == "1558233738"


def test_skipped_frames_cannot_be_restored(models: Path, capsys):
    (models / "1558233738/config.json").write_text('{"subsample": 2}')
    assert restore(models, model="1558233738")[0] == 2
    assert "config.json: subsample is 2" in capsys.readouterr().err


def test_another_program_s_checkpoint_is_named_with_what_it_has(models: Path, capsys):
    for path in (DATA / "smnet/pretrained").glob("c3d_rgb.chkp.*"):
        shutil.copy(path, models / "1558233738" / path.name.replace("c3d_rgb.chkp", "model-5"))
    assert restore(models, model="1558233738", step="5")[0] == 2
    assert "model-5: no checkpoint of the 2019 program; it has C3D_model/c3d_var/bc1" in capsys.readouterr().err
