"""`snakemake --report report.zip` holds the result: page, submission, figures of every split, with their captions."""

import zipfile

from conftest import Clone


def test_the_archive_is_complete(finished: Clone) -> None:
    finished.run("--configfile", "tests/config/tiny.yaml", "--report", "report.zip")
    with zipfile.ZipFile(finished.root / "report.zip") as archive:
        names = archive.namelist()
        text = "".join(archive.read(name).decode() for name in names if name.endswith((".html", ".js")))
    kept = {name.rpartition("/")[2] for name in names}
    assert {"report.html", "submission.csv", "accuracy.svg"} <= kept
    assert sum(name.endswith("/metrics.json") for name in names) == 2
    for words in (
        "Trains the members of experiment",
        "The final classes",
        "A figure of the page",
        "All figures of the",
    ):
        assert words in text
