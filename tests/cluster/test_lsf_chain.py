"""The real chain through the LSF profile and the fake LSF: a walltime that ends a stage, a node without its GPU.

Costs a minute.
"""

import socket
from pathlib import Path

import pytest
import yaml
from lsf_site import Site, wait_for

from gesture.base.files import read_json

LINKED = ("Snakefile", "lsf", "workflow", "config", "profiles", "envs", "gesture")


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    """The project in another place, with the tiny experiment of one member."""
    folder = tmp_path / "my clone"
    folder.mkdir()
    for name in LINKED:
        (folder / name).symlink_to(repository / name)
    value = yaml.safe_load((repository / "tests/config/tiny.yaml").read_text())
    value["variants"] = {"skeleton": value["variants"]["skeleton"]}
    value["training"]["stages"] = [{"steps": 20, "learning_rate": 1e-3}, {"steps": 24, "learning_rate": 1e-4}]
    (folder / "tiny.yaml").write_text(yaml.safe_dump(value))
    return folder


def test_the_chain_with_a_walltime_in_the_middle(site: Site, clone: Path) -> None:
    """LSF's own signal at the walltime: Snakemake inside the job dies, the trainer saves, the executor continues."""
    head = site.snakemake(
        "--profile", "lsf", "--configfile", "tiny.yaml", "--retries", "0", "--seconds-between-status-checks", "0",
        "--lsf-steady-outcome-wait=10", "--set-resources", "train:gpu=0", "evaluate:gpu=0", cwd=clone,
    )  # fmt: skip
    checkpoints = clone / "checkpoints/tiny/skeleton-s1/stage1"
    # It listens to signals before it takes the lease, and has yet to import TensorFlow then: long before its end.
    wait_for(lambda: [*checkpoints.glob("lease-*.json")] or head.poll() is not None, "the lease")
    (job,) = (one for one in site.cluster.jobs() if one["name"].startswith("train.skeleton-s1.1."))
    site.cluster.update(job["id"], run_limit=0)
    assert site.finish(head) == 0, site.text()
    assert f"train: LSF job {job['id']} continues" in site.text()
    assert "TERM_RUNLIMIT" in site.text()
    assert (clone / "results/tiny/submission.csv").exists()
    sessions = [one for one in site.cluster.jobs() if one["name"].startswith("train.skeleton-s1.1.")]
    assert [one["stat"] for one in sessions] == ["EXIT", "DONE"]
    assert not list((clone / ".snakemake/lsf-steady/jobs").glob("*.json"))


def test_a_node_without_the_gpu_that_the_profile_asks_for_trains_nothing_and_says_why(
    site: Site, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = {**site.environment, "CUDA_VISIBLE_DEVICES": ""}
    monkeypatch.setattr(Site, "environment", property(lambda _: hidden))
    head = site.snakemake(
        "--profile", "lsf", "--configfile", "tiny.yaml", "--retries", "0", "--seconds-between-status-checks", "0",
        "--lsf-steady-outcome-wait=10", "--lsf-steady-max-moves=0", cwd=clone,
    )  # fmt: skip
    assert site.finish(head) != 0
    live = clone / "checkpoints/tiny/skeleton-s1/stage1"
    outcome = read_json(live / "outcome.json")
    assert (outcome["exit_code"], outcome["host"]) == (71, socket.gethostname())
    assert outcome["message"].startswith("1 GPU was asked for, and there is none: ")
    assert outcome["message"] in site.text(), "Snakemake shows the failed job's log"
    assert not [*live.glob("step-*"), *live.glob("history-*"), *(clone / "results/tiny").glob("train/*/*")]
