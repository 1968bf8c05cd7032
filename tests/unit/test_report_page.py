"""The page and the summary, built from a made-up results folder."""

import contextlib
import io
import re
import shutil
from html.parser import HTMLParser

import made_up_results
import pytest

from gesture.base.errors import FailedForGoodError, GestureError
from gesture.base.files import file_digest, read_json
from gesture.report.figures import learning_curves
from gesture.report.page import report
from gesture.report.results import read_results

SECTIONS = ["result", "members", "methods", "errors", "training", "time", "origin", "files"]
FIGURES = [
    "accuracy", "agreement", "by-count", "calibration", "confusion", "learning-fusion", "learning-skeleton",
    "per-class", "sessions",
]  # fmt: skip


class Page(HTMLParser):
    """Start tags and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def values(self, tag, attribute):
        return [found[attribute] for name, found in self.tags if name == tag and attribute in found]


def build(folder, **options):
    """The page's path and what was printed."""
    arguments = made_up_results.make_results(folder, **options)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        report(made_up_results.settings(), **arguments)
    return arguments["output"], printed.getvalue()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="module")
def output(built):
    return built[0]


@pytest.fixture(scope="module")
def page(output):
    return Page(output.read_text())


def squeezed(text):
    return re.sub(r"\s+", " ", text)


def test_the_page_has_all_sections_in_order(page):
    assert page.values("section", "id") == SECTIONS
    assert [link for link in page.values("a", "href") if link.startswith("#")][1:] == [f"#{one}" for one in SECTIONS]


def test_the_ensembles_result_comes_first_with_its_interval(page):
    text = squeezed(page.text)
    assert re.search(r"Result \d\d\.\d % accuracy of the ensemble on test 95 % interval \d\d\.\d % to", text)
    assert re.search(r"points against the best member, [\w-]+ \(\d\d\.\d %\); paired bootstrap", text)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return made_up_results.make_results(tmp_path_factory.mktemp("small"), rows=20)


@pytest.mark.parametrize(
    ("interval", "p", "said"),
    [
        ([0.01, 0.09], 0.012, "Both tests find the gain larger than chance explains."),
        ([-0.09, -0.01], 0.012, "Both tests find the average worse than this member."),
        ([0.01, 0.09], 0.12, "The two tests disagree about whether chance explains this: only 13 sequences"),
        ([-0.01, 0.09], 0.12, "These sequences do not tell whether averaging gains or loses."),
    ],
)
def test_the_sentence_about_the_gain_follows_from_both_tests(small, monkeypatch, interval, p, said):
    monkeypatch.setattr("gesture.report.page.gallery", lambda *_: {})  # figures take seconds
    path = small["results"] / "metrics.json"
    value = read_json(path)
    value["gain"] |= {"interval": interval, "mcnemar_p": p, "only_ensemble_right": 9, "only_member_right": 4}
    made_up_results.change_manifest(path, **value)
    with contextlib.redirect_stdout(io.StringIO()):
        report(made_up_results.settings(), **small)
    text = squeezed(Page(small["output"].read_text()).text)
    assert said in text
    assert (
        sum(one in text for one in ("larger than chance explains.", "worse than", "disagree about", "do not tell")) == 1
    )


@pytest.mark.parametrize("labels", [True, False])
def test_methods_that_could_not_be_fitted_are_explained(tmp_path, monkeypatch, labels):
    monkeypatch.setattr("gesture.report.page.gallery", lambda *_: {})
    arguments = made_up_results.make_results(tmp_path, labels=labels, validation_rows=8, rows=20)
    with contextlib.redirect_stdout(io.StringIO()):
        report(made_up_results.settings(), **arguments)
    text = squeezed(Page(arguments["output"].read_text()).text)
    assert f"Accuracy, {'test' if labels else 'validation'}" in text
    assert "geometric mean" in text
    assert "stacking and temperature are not here: that takes at least 10 labelled validation sequences, " in text
    assert "and there are 8." in text


def test_every_figure_is_in_the_page_with_words_and_in_a_file_of_its_own(output, page):
    files = sorted(path.name for path in (output.parent / "figures").iterdir())
    drawn = [name for name in files if not name.startswith("hardest-")]
    assert drawn == sorted(f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "svg"))
    words = [found["aria-label"] for tag, found in page.tags if tag == "svg"]
    assert len(words) == len(FIGURES)
    assert all(len(one) > 20 for one in words)


def test_learning_curves_fill_their_figure_with_and_without_sessions_that_went_on():
    # A mark that takes part in the layout once squeezed the axes to nothing; that warning is an error here.
    history = [{"kind": "train", "stage": 1, "step": step, "loss": 1 / step} for step in range(1, 20)]
    for restarts in ({}, {"a-s1": []}, {"a-s1": [5, 9]}):
        assert learning_curves("a", {"a-s1": history}, restarts) is not None


def test_ids_are_unique_and_references_inside_the_page_resolve(page):
    ids = [found["id"] for _, found in page.tags if "id" in found]
    assert len(ids) == len(set(ids))
    references = [link[1:] for _, found in page.tags for link in [found.get("href", "")] if link.startswith("#")]
    references += [one for _, found in page.tags for one in re.findall(r"url\(#(.*?)\)", found.get("clip-path", ""))]
    assert set(references) <= set(ids)


def test_the_page_needs_no_network(output):
    text = output.read_text()
    assert not re.search(r"""(src|href)=["'](https?:)?//""", text)
    assert not re.search(r"@import|url\((?!#)", text)
    assert "default-src 'none'" in text


def test_links_lead_to_files_that_exist(output, page):
    links = [link for link in page.values("a", "href") if not link.startswith("#")]
    assert any(link.endswith("submission.csv") for link in links)
    assert any(link.endswith("summary.txt") for link in links)
    for link in links:
        assert (output.parent / link).exists(), link


def test_names_from_outside_are_text_not_markup(output):
    text = output.read_text()
    assert "<b>basta" not in text
    assert "Made-up &lt;results&gt; &amp; figures" in text


def test_the_members_table_has_a_row_a_member_and_buttons_to_sort(output, page):
    text = squeezed(page.text)
    for name in ("skeleton-s1", "skeleton-s2", "fusion-s1"):
        assert name in text
    assert page.values("th", "aria-sort").count("none") == output.read_text().count("<button")
    assert all(found.get("scope") in ("col", "row") for tag, found in page.tags if tag == "th")


def test_stages_sessions_and_what_was_replayed_are_told(page):
    text = squeezed(page.text)
    assert "12 sessions" in text
    assert "done 6×, killed 1×, walltime 5×" in text
    assert "Ledger: what every stage cost" in text
    assert "18 steps were done again" in text


def test_the_hardest_sequences_are_shown_as_pictures_with_words(output, page):
    pictures = [found for tag, found in page.tags if tag == "img"]
    assert len(pictures) == 8
    for one in pictures:
        assert one["src"].startswith("data:image/jpeg;base64,")
        assert re.fullmatch(r"Frames of sequence \d+, evenly spaced over \d+: depth, skeleton\.", one["alt"])
    ids = [re.search(r"sequence (\d+)", one["alt"])[1] for one in pictures]
    assert sorted(f"hardest-{one}.jpg" for one in ids) == sorted(
        path.name for path in (output.parent / "figures").glob("hardest-*")
    )


def test_methods_and_members_make_two_tables(page):
    text = squeezed(page.text)
    assert "arithmetic mean (used)" in text
    for name in ("geometric mean", "weighted mean", "greedy selection", "stacking"):
        assert re.search(rf"{name} ?\d\d\.\d % ?\d\.\d\d\d ?\d\d\.\d % ?\d\.\d\d\d", text)
    assert re.search(r"fusion-s1 ?33 % ?33 % ?\d+ % ?\d+ % ?\d+ %", text)


def test_waits_kills_and_replays_stand_in_the_ledger(page):
    rows = re.findall(r"fusion-s1 ?(\d) ?2 ?(\d\.\d\d) ?(\d\.\d\d) ?(\d) ?(\d)", squeezed(page.text))
    # Stage 1: 20 and 15 minutes, 10 between; stage 2: the killed session's 20 are not known, 15 passed since stage 1.
    assert rows == [("1", "0.58", "0.17", "0", "3"), ("2", "0.25", "0.25", "1", "3")]


def test_members_that_changed_devices_are_named_in_page_and_summary(tmp_path):
    arguments = made_up_results.make_results(tmp_path)
    path = arguments["results"] / "train/fusion-s1/stage2/manifest.json"
    manifest = read_json(path)
    kinds = ("Tesla V100 (sm_70)", "A100 (sm_80)")
    for session, kind in zip(manifest["sessions"], kinds, strict=True):
        session["device_kind"] = {"name": kind}
    why = "not byte-exact, continued on A100 (sm_80), cuDNN 9.10.2 from step 140 (begun on Tesla V100 (sm_70))"
    made_up_results.change_manifest(path, **manifest, exactness=why)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        report(made_up_results.settings(), **arguments)
    text = squeezed(Page(arguments["output"].read_text()).text)
    assert f"fusion-s1: {why}" in text
    assert "node1, node2 ?Tesla V100 (sm_70), A100 (sm_80)".replace(" ?", "") in text.replace("node2 ", "node2")
    assert f"fusion-s1: {why}" in printed.getvalue()


def test_results_that_say_nothing_of_devices_are_not_called_inexact(page):
    assert "byte" not in squeezed(page.text)


def test_figures_of_an_earlier_report_go(tmp_path):
    arguments = made_up_results.make_results(tmp_path)
    old = arguments["results"] / "figures/hardest-999.jpg"
    old.parent.mkdir()
    old.write_bytes(b"")
    report(made_up_results.settings(), **arguments)
    assert not old.exists()


def test_what_was_run_is_told(page):
    text = squeezed(page.text)
    assert re.search(r"Digest of the records ?[0-9a-f]{64}", text)
    assert "gesture 0.1.0, tensorflow 2.21.0" in text
    assert "experiment: made-up" in text


def test_accuracy_by_subject_and_length_where_the_index_knows_them(page):
    text = squeezed(page.text)
    assert "subject 0" in text
    assert re.search(r"\d+ to 80 frames", text)


def test_the_same_results_give_the_same_bytes(output, tmp_path):
    again, _ = build(tmp_path)
    assert again.read_text() == output.read_text()
    for name in FIGURES:
        assert (again.parent / f"figures/{name}.svg").read_bytes() == (
            output.parent / f"figures/{name}.svg"
        ).read_bytes()


def test_the_page_is_small(output):
    assert output.stat().st_size < 1_000_000


def test_the_summary_is_printed_and_kept(built):
    output, printed = built
    assert printed == output.with_name("summary.txt").read_text()
    lines = printed.splitlines()
    start = lines.index("accuracy     validation   test")
    assert [line.split()[0] for line in lines[start + 1 : start + 5]] == [
        "skeleton-s1", "skeleton-s2", "fusion-s1", "ensemble",
    ]  # fmt: skip
    assert len({len(line) for line in lines[start : start + 5]}) == 1
    assert ["download", "1", "3.2", "s", "3.2", "s"] in [line.split() for line in lines]
    assert ["train", "6", "9:12", "1:32"] in [line.split() for line in lines]
    assert f"submission  {output.with_name('submission.csv')}" in lines
    assert f"report      {output}" in lines


def test_without_test_labels_validation_leads_and_the_page_says_why(tmp_path):
    output, printed = build(tmp_path, labels=False)
    text = squeezed(Page(output.read_text()).text)
    assert "accuracy of the ensemble on validation" in text
    assert "The test split has no labels: its 60 predictions are in submission.csv." in text
    assert "The figures below are those of validation." in text
    assert re.search(r"ensemble +\d\d\.\d% +no labels", printed)


def test_without_any_labels_the_page_still_tells_what_was_run(tmp_path):
    output, _ = build(tmp_path, labels=False, validation_rows=0)
    page = Page(output.read_text())
    assert page.values("section", "id") == [one for one in SECTIONS if one not in ("methods", "errors")]
    assert "No split has labels" in page.text
    assert "The validation split has no sequences." in squeezed(page.text)


def test_what_is_missing_is_left_out_and_an_empty_split_is_said(tmp_path):
    arguments = made_up_results.make_results(tmp_path, validation_rows=0)
    shutil.rmtree(arguments["results"] / "train")
    shutil.rmtree(arguments["logs"])
    arguments["records"].with_name("index.csv").unlink()
    report(made_up_results.settings(), **arguments)
    text = squeezed(Page(arguments["output"].read_text()).text)
    assert "No history was found." in text
    assert "No benchmark files were found." in text
    assert "subject 0" not in text
    assert "accuracy of the ensemble on test" in text
    assert "The validation split has no sequences." in text


@pytest.mark.parametrize(("was", "becomes"), [(",1,test,", ",2,test,"), ("\n", "\r\n"), ("Sample0001", "Sample0009")])
def test_a_changed_index_is_refused_and_no_page_is_written(tmp_path, was, becomes):
    arguments = made_up_results.make_results(tmp_path)
    index = arguments["records"].with_name("index.csv")
    index.write_bytes(index.read_bytes().replace(was.encode(), becomes.encode(), 1))
    with pytest.raises(FailedForGoodError, match=r"index\.csv: has changed since the records were written; remove it"):
        report(made_up_results.settings(), **arguments)
    assert not arguments["output"].exists()


def test_a_history_cut_by_a_crash_is_read_up_to_there(tmp_path):
    arguments = made_up_results.make_results(tmp_path)
    path = arguments["results"] / "train/fusion-s1/stage2/history.jsonl"
    whole = path.read_text()
    path.write_text(whole[:-30])
    made_up_results.change_manifest(path.with_name("manifest.json"), history_sha256=file_digest(path))
    found = read_results(
        made_up_results.settings(), arguments["records"], arguments["results"], arguments["logs"]
    ).members["fusion-s1"]
    assert [line["stage"] for line in found.history].count(2) == len(whole.splitlines()) - 1


def test_results_that_were_never_averaged_are_refused(tmp_path):
    arguments = made_up_results.make_results(tmp_path)
    (arguments["results"] / "metrics.json").unlink()
    with pytest.raises(GestureError, match=r"metrics\.json: no such file"):
        report(made_up_results.settings(), **arguments)
    assert not arguments["output"].exists()
