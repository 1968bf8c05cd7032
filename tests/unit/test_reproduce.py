"""An experiment run again from its manifest: what is run, what is compared, what is refused."""

import shutil

import made_up_results
import pytest
import yaml

from gesture.average.output import check_submission, read_submission
from gesture.base.errors import GestureError
from gesture.base.files import read_json, write_json
from gesture.convert.reader import digest_of
from gesture.operate import reproduce as module
from gesture.operate.reproduce import reproduce


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return made_up_results.make_results(tmp_path_factory.mktemp("first"))["results"]


@pytest.fixture
def run(made, monkeypatch):
    """Stands for Snakemake: puts the made-up results where the run would; what it was asked is kept."""
    asked = []

    def copy(arguments):
        asked.append(arguments)
        folder = arguments[arguments.index("--directory") + 1]
        shutil.copytree(made, f"{folder}/results/made-up")

    monkeypatch.setattr(module, "_run", copy)
    return asked


def test_the_same_settings_are_run_elsewhere_and_every_digest_compared(made, run, tmp_path, capsys):
    reproduce(made / "submission.json", tmp_path / "again", 2, None, None)
    (asked,) = run
    assert asked[1:3] == ["--cores", "2"]
    assert asked[0] == "results/made-up/submission.json", "--configfile takes all that follows"
    settings = yaml.safe_load((tmp_path / "again/made-up.yaml").read_text())
    assert settings == made_up_results.settings().model_dump(mode="json")
    told = capsys.readouterr().out
    rows = dict(line.rsplit(maxsplit=1) for line in told.split("\n\n")[0].splitlines()[1:])
    assert told.endswith(f"reproduced: all {len(rows)} digests are equal\n")
    assert set(rows.values()) == {"same"}
    assert list(rows)[:3] == ["records", "weights of fusion-s1", "softmaxes of fusion-s1"]
    assert list(rows)[-2:] == ["ensemble", "submission"]


def test_what_differs_is_named_and_the_command_fails(made, run, tmp_path, capsys):
    manifest = read_json(made / "submission.json")
    manifest["members"][0]["checkpoint_digest"] = "other"
    manifest["software"]["numpy"] = "1.0"
    write_json(tmp_path / "submission.json", manifest)
    made_up_results.change_manifest(tmp_path / "submission.json")
    with pytest.raises(GestureError, match="not reproduced: weights of fusion-s1 differ"):
        reproduce(tmp_path / "submission.json", tmp_path / "again", 1, None, None)
    told = capsys.readouterr().out
    assert ["weights", "of", "fusion-s1", "DIFFERS"] in [line.split() for line in told.splitlines()]
    assert "numpy 1.0 then, " in told


def test_a_profile_can_be_named(made, run, tmp_path):
    reproduce(made / "submission.json", tmp_path / "again", 1, None, "lsf")
    assert run[0][1:3] == ["--profile", "lsf"]


def test_a_relative_folder_of_raw_files_is_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"data": {"dataset": "arrays", "folder": "raw"}}
    assert module._settings_here(settings, None)["data"]["folder"] == str(tmp_path / "raw")
    assert module._settings_here(settings, tmp_path / "moved")["data"]["folder"] == str(tmp_path / "moved")


def test_what_was_averaged_by_hand_is_refused(made, tmp_path):
    write_json(tmp_path / "submission.json", read_json(made / "submission.json"))
    made_up_results.change_manifest(tmp_path / "submission.json", settings=None)
    with pytest.raises(GestureError, match="holds no settings: it was averaged by hand"):
        reproduce(tmp_path / "submission.json", tmp_path / "again", 1, None, None)


def test_the_results_to_be_reproduced_are_not_run_over(made, run):
    with pytest.raises(GestureError, match="holds the results to be reproduced: choose another folder"):
        reproduce(made / "submission.json", made.parent.parent, 1, None, None)
    assert run == []


def test_the_manifest_says_what_someone_else_needs(made):
    manifest = read_json(made / "submission.json")
    assert manifest["submission"]["rows"] == 60
    assert manifest["submission"]["classes"] == 5
    assert manifest["data"]["digest"] == digest_of(read_json(made.parent.parent / "records/manifest.json"), "test")
    assert [one["member"] for one in manifest["members"]] == ["fusion-s1", "skeleton-s1", "skeleton-s2"]
    assert {"gesture", "python", "numpy"} <= set(manifest["software"])
    assert manifest["settings"]["experiment"] == "made-up"


FAULTS = {
    "a missing Id": ("Id,y\n1,1\n2,2\n", "Id 3 missing"),
    "an Id twice": ("Id,y\n1,1\n2,2\n3,1\n3,2\n", "Id 3 given more than once"),
    "a strange Id": ("Id,y\n1,1\n2,2\n3,1\n9,2\n", "Id 9 not in this split"),
    "class zero": ("Id,y\n1,1\n2,0\n3,1\n", "Id 2 with a class outside of 1 to 2"),
    "a class too high": ("Id,y\n1,1\n2,3\n3,1\n", "Id 2 with a class outside of 1 to 2"),
    "text": ("Id,y\n1,1\n2,wave\n3,1\n", "row '2,wave': expected an Id and a class, both integers"),
    "a fraction": ("Id,y\n1,1.0\n2,1\n3,1\n", "row '1,1.0': expected"),
    "another header": ("id,y\n1,1\n2,1\n3,1\n", "header is 'id,y', expected 'Id,y'"),
    "a field more": ("Id,y\n1,1,1\n2,1,1\n3,1,1\n", "row '1,1,1': expected an Id and a class"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_submission_is_checked_as_a_competition_would(case, tmp_path):
    text, message = FAULTS[case]
    (tmp_path / "submission.csv").write_text(text)
    with pytest.raises(GestureError, match=message):
        check_submission(tmp_path / "submission.csv", [1, 2, 3], 2)


def test_a_good_submission_passes_in_any_order_and_with_any_line_ends(tmp_path):
    (tmp_path / "submission.csv").write_bytes(b"Id,y\r\n3,1\r\n1,2\r\n2,1\r\n")
    check_submission(tmp_path / "submission.csv", [1, 2, 3], 2)
    ids, classes = read_submission(tmp_path / "submission.csv")
    assert (ids.tolist(), classes.tolist()) == ([1, 2, 3], [2, 1, 1])


def test_members_that_lack_a_sequence_of_the_split_make_no_submission(tmp_path):
    made = made_up_results.make_results(tmp_path)
    index = made["records"].with_name("index.csv")
    last = index.read_text().splitlines()[-1].split(",")
    last[3] = "61"
    index.write_text(index.read_text() + ",".join(last) + "\n")
    from gesture.average.average import average
    from gesture.average.output import Origin

    made_up_results.index_is_meant(made["records"])

    tables = sorted((made["results"] / "predictions/test").glob("*.csv"))
    with pytest.raises(GestureError, match=r"submission\.csv: Id 61 missing: evaluate all members on the whole split"):
        average(tables, tmp_path / "out", origin=Origin(made_up_results.settings(), made["records"]))
    assert list((tmp_path / "out").iterdir()) == []
