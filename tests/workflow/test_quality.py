"""The workflow as people meet it: shipped configurations, table of contents, graph, lint, generated files."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Clone

STAGES = {
    "config/demo.yaml": 12,
    "config/smnet.yaml": 20,
    "config/synthetic.yaml": 6,
    "config/utd-mhad.yaml": 6,
    "tests/config/tiny.yaml": 4,
}


@pytest.mark.parametrize("config", STAGES)
def test_every_shipped_configuration_can_be_planned(real_clone: Clone, tmp_path: Path, config: str) -> None:
    elsewhere = tmp_path / "else where"
    jobs = real_clone.planned("--directory", str(elsewhere), "--configfile", config)
    assert len([job for job in jobs if job.startswith("train ")]) == STAGES[config]


def test_the_demo_is_the_default_from_anywhere(real_clone: Clone, tmp_path: Path) -> None:
    snakefile = str(real_clone.root / "Snakefile")
    jobs = real_clone.planned("--snakefile", snakefile, cwd=tmp_path)
    assert "train fusion-s1 4" in jobs


def test_the_demo_does_not_leak_into_other_experiments(real_clone: Clone) -> None:
    jobs = real_clone.planned("--configfile", "tests/config/tiny.yaml")
    assert not [job for job in jobs if "depth-s1" in job]


def test_a_dry_run_needs_no_tensorflow(real_clone: Clone, tmp_path: Path) -> None:
    for name in ("tensorflow", "keras"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not on a login node')\n")
    done = real_clone.snakemake("--dry-run", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "3 members, 12 training stages" in done.stdout


def test_list_rules_reads_as_a_table_of_contents(real_clone: Clone) -> None:
    lines = real_clone.snakemake("--list-rules").stdout.splitlines()
    steps = {line.partition(" ")[0]: line.partition("(")[2] for line in lines}
    order = ["download", "convert", "train", "evaluate", "average", "report"]
    assert [steps[name].partition(":")[0] for name in order] == [f"Step {number}" for number in range(1, 7)]
    assert all("IN: " in text and "OUT: " in text for text in steps.values())


def test_the_rule_graph_shows_the_flow(real_clone: Clone) -> None:
    graph = real_clone.snakemake("--rulegraph").stdout
    for name in ("download", "convert", "train", "evaluate", "average", "report"):
        assert f'label = "{name}"' in graph


def test_snakemake_lint_is_clean(real_clone: Clone) -> None:
    done = real_clone.snakemake("--lint")
    assert done.returncode == 0, done.stdout + done.stderr


def test_generated_files_are_up_to_date(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "workflow/generate.py", "--check"], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
