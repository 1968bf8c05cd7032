"""Durations by rule, from Snakemake's benchmark files."""

from gesture.report.durations import Duration, durations


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_jobs_are_grouped_by_rule_in_run_order(tmp_path):
    folder = tmp_path / "benchmark"
    write(folder / "average.tsv", "s\th:m:s\n2.5\t0:00:02\n")
    write(folder / "other.tsv", "s\th:m:s\n1\t0:00:01\n")
    write(folder / "train/fusion-s1/stage1.tsv", "s\th:m:s\n60\t0:01:00\n")
    write(folder / "train/fusion-s1/stage2.tsv", "s\th:m:s\n30.5\t0:00:30\n")
    write(folder / "download.tsv", "s\th:m:s\n4\t0:00:04\n")
    assert durations(tmp_path) == [
        Duration("download", 1, 4, 4),
        Duration("train", 2, 90.5, 60),
        Duration("average", 1, 2.5, 2.5),
        Duration("other", 1, 1, 1),
    ]


def test_what_is_missing_or_cut_is_left_out(tmp_path):
    write(tmp_path / "benchmark/download.tsv", "s\th:m:s\n")
    write(tmp_path / "benchmark/train/a.tsv", "")
    write(tmp_path / "benchmark/train/b.tsv", "s\th:m:s\n-\t-\n7\t0:00:07\n")
    assert durations(tmp_path) == [Duration("train", 1, 7, 7)]
    assert durations(tmp_path / "nowhere") == []
