"""From an Id back to softmaxes, checkpoints, sessions and the record."""

import made_up_results
import numpy as np
import pytest
from PIL import Image

from gesture.cli import main
from gesture.evaluate.predictions import read_predictions, write_predictions
from gesture.report.explain import explain

MEMBERS = ["fusion-s1", "skeleton-s1", "skeleton-s2"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_up_results.make_results(tmp_path_factory.mktemp("explain"))


@pytest.fixture
def own(tmp_path):
    """Results to be spoilt."""
    return made_up_results.make_results(tmp_path / "own")


def explained(made, folder, identity=17, split="test"):
    return explain(identity, made["results"], split, made["records"], folder / "strip.png")


def test_the_answer_is_the_row_of_the_submission(made, tmp_path):
    answer = explained(made, tmp_path)["answer"]
    row = (made["results"] / "submission.csv").read_text().splitlines()[17]
    assert row == f"17,{answer['submitted']}"
    table = read_predictions(made["results"] / "ensemble.csv")
    assert answer["probability"] == table.probabilities[16].max()
    assert answer["label"] == table.labels[16] + 1


def test_every_member_is_there_with_its_softmax_and_checkpoint(made, tmp_path):
    found = explained(made, tmp_path)
    assert list(found["members"]) == MEMBERS
    for name, one in found["members"].items():
        table = read_predictions(made["results"] / f"predictions/test/{name}.csv")
        assert one["softmax"] == table.probabilities[16].tolist()
        assert one["checkpoint"] == made_up_results.weights_digest(name)
    answer = found["answer"]
    lead = sum(one["lead_added"] for one in found["members"].values()) / 3
    assert lead == pytest.approx(answer["probability"] - answer["runner_up_probability"], abs=1e-6)


def test_a_member_that_decides_is_named(made, tmp_path, capsys):
    tables = [read_predictions(made["results"] / f"predictions/test/{name}.csv") for name in MEMBERS]
    p = np.stack([table.probabilities for table in tables]).astype(float)
    all_, without = p.sum(0).argmax(1), (p.sum(0) - p).argmax(2)
    decided = (without != all_).any(0)
    for row in (int(np.flatnonzero(decided)[0]), int(np.flatnonzero(~decided)[0])):
        found = explained(made, tmp_path, row + 1)
        assert [one["answer_without"] for one in found["members"].values()] == (without[:, row] + 1).tolist()
        assert ("no single member decided it" in capsys.readouterr().out) is not decided[row]


def test_training_and_record_are_told(made, tmp_path, capsys):
    found = explained(made, tmp_path)
    assert [len(stage["sessions"]) for stage in found["training"]["fusion-s1"]] == [2, 2]
    assert found["record"]["frames"] == 37
    with Image.open(found["record"]["picture"]) as picture:
        assert picture.size[0] > 1000
    told = capsys.readouterr().out
    assert "test Id 17: class" in told
    assert "record: test.tfrecord at byte" in told
    assert "the files agree with each other" in told


def test_the_command_line_works_without_records_and_on_validation(made, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["explain", "3", "--results", str(made["results"]), "--split", "validation"]) == 0
    told = capsys.readouterr().out
    assert "validation Id 3: class" in told
    assert "the records are not here" in told
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_id_is_one_line(made, capsys):
    assert main(["explain", "99", "--results", str(made["results"])]) == 2
    assert "has no Id 99 (it has 1, 2, 3, 4, 5, …)" in capsys.readouterr().err


@pytest.mark.parametrize("identity", [17, 60])
def test_an_id_that_the_submission_lacks_is_an_error_that_names_the_file(own, identity, capsys):
    submission = own["results"] / "submission.csv"
    rows = submission.read_text().splitlines()
    submission.write_text("\n".join(row for row in rows if not row.startswith(f"{identity},")) + "\n")
    assert main(["explain", str(identity), "--results", str(own["results"])]) == 2
    told = capsys.readouterr()
    assert f"submission.csv: has no Id {identity}, but " in told.err
    assert "agree" not in told.out


def test_an_id_that_a_member_lacks_is_an_error_that_names_the_file(own, capsys):
    path = own["results"] / "predictions/test/fusion-s1.csv"
    table = read_predictions(path)
    kept = table.ids != 17
    write_predictions(path, table.ids[kept], table.probabilities[kept], None, table.manifest)
    assert main(["explain", "17", "--results", str(own["results"])]) == 2
    assert "fusion-s1.csv: has no Id 17 (it has 1, 2" in capsys.readouterr().err


def test_predictions_that_were_changed_later_are_noticed(own, tmp_path):
    path = own["results"] / "predictions/test/fusion-s1.csv"
    table = read_predictions(path)
    write_predictions(path, table.ids, table.probabilities[::-1], None, table.manifest)
    assert explained(own, tmp_path)["doubts"] == ["the predictions of fusion-s1 were changed after they were averaged"]


def test_a_submission_of_another_average_and_other_weights_are_noticed(own, tmp_path):
    submission = own["results"] / "submission.csv"
    answer = explained(own, tmp_path)["answer"]
    submission.write_text(
        submission.read_text().replace(f"\n17,{answer['class']}\n", f"\n17,{answer['class'] % 5 + 1}\n")
    )
    manifest = own["results"] / "train/fusion-s1/stage2/manifest.json"
    made_up_results.change_manifest(manifest, weights_sha256="other")
    assert explained(own, tmp_path)["doubts"] == [
        "submission.csv holds another class than ensemble.csv",
        "fusion-s1 was trained again after it was evaluated",
    ]
