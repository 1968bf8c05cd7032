"""Real Snakemake heads whose LSF is wrong, closed, refuses, or forgets. Costs about a minute on two cores."""

import time

from lsf_misfortunes import memory_limit
from lsf_site import Site, wait_for

BOILERPLATE = ("For further error details", "Error in rule", "Trying to restart")


def test_a_stage_that_lsf_calls_failed_but_that_says_it_is_done_is_kept(site: Site) -> None:
    head = site.head("a")
    site.cluster.mistake_end(site.begun("a")["id"])
    site.let_go("a")
    assert site.finish(head) == 0, site.text()
    site.check_nothing_left("a")
    assert [job["stat"] for job in site.jobs_of("a")] == ["EXIT"]
    assert "but it said itself that it was done" in site.text()
    assert not [words for words in BOILERPLATE if words in site.text()]


def test_a_closed_queue_is_waited_for_under_any_banner(site: Site) -> None:
    site.cluster.configure(closed=["normal"], banner="*** bad news about a temporary syntax: no such queue, too long")
    head = site.head("a", retries=0)
    wait_for(lambda: len(site.cluster.calls("bsub")) >= 3, "further tries")
    site.says("trying on for up to 720 min: normal: Queue has been closed. Job not submitted.\n    bsub line: bsub -J")
    site.cluster.configure(closed=[])
    site.let_go("a")
    assert site.finish(head) == 0, site.text()
    site.check_nothing_left("a")


def test_a_queue_that_does_not_exist_is_told_once_under_any_banner(site: Site) -> None:
    site.cluster.configure(
        queues={"night": 60}, default_queue="normal",
        banner="*** temporary outage of communication; the daemon does not respond, try again later",
    )  # fmt: skip
    assert site.finish(site.head("a", retries=3)) == 1
    assert len(site.cluster.calls("bsub")) == 1, site.text()
    said = site.text()
    assert "work name=a: LSF refuses the job, and would again: normal: No such queue. Job not submitted.\n" in said
    assert "    change in the profile: lsf_queue, in default-resources\n" in said
    assert "    bsub also said: *** temporary outage" in said
    assert not [words for words in BOILERPLATE if words in said]


def test_a_refused_unit_names_the_setting(site: Site) -> None:
    site.cluster.configure(memory_units=False)
    assert site.finish(site.head("a", retries=3)) == 1
    assert len(site.cluster.calls("bsub")) == 1
    assert "change in the profile: lsf-steady-memory-unit: none, if this LSF takes no unit" in site.text()
    site.let_go("a")
    assert site.finish(site.head("a", **{"memory-unit": "none"})) == 0, site.text()


def test_what_failed_for_good_is_not_repeated_and_told_in_one_line(site: Site) -> None:
    head = site.head("a", "b", retries=3)
    site.begun("a")
    site.tell("a", "refuse")
    site.let_go("b")
    assert site.finish(head) == 1
    assert (len(site.jobs_of("a")), len(site.jobs_of("b"))) == (1, 1), site.text()
    assert "\nwork name=a: loss is nan at step 12; lower the learning rate\n    LSF job 10" in site.text()
    assert not [words for words in BOILERPLATE if words in site.text()]
    assert site.outputs() == {"b": "whole b\n"}


def test_an_unknown_failure_is_told_by_snakemake_without_glue_and_tried_elsewhere(site: Site) -> None:
    head = site.head("a", retries=1)
    assert site.begun("a")["host"] == "node1"
    site.tell("a", "fail")
    site.begun("a", 2)
    site.let_go("a")
    assert site.finish(head) == 0, site.text()
    site.check_nothing_left("a")
    assert [job["host"] for job in site.jobs_of("a")] == ["node1", "node2"]
    assert "its next tries leave this node out" in site.text()
    assert "Error in rule work" in site.text()
    assert "For further error details" not in site.text()


def test_an_unfit_node_is_left_without_using_up_a_retry(site: Site) -> None:
    head = site.head("a", retries=0)
    site.begun("a")
    site.tell("a", "move")
    site.begun("a", 2)
    site.let_go("a")
    assert site.finish(head) == 0, site.text()
    site.check_nothing_left("a")
    assert [job["host"] for job in site.jobs_of("a")] == ["node1", "node2"]


def test_a_job_killed_for_memory_asks_for_more(site: Site) -> None:
    head = site.head("a", **{"memory-limit": 5000})
    memory_limit(site, "a")
    site.begun("a", 2)
    site.let_go("a")
    assert site.finish(head) == 0, site.text()
    assert [job["request"]["amounts"]["mem"] for job in site.jobs_of("a")] == [4000, 5000]


def test_a_number_that_is_somebody_elses_by_now_is_neither_believed_nor_killed(site: Site) -> None:
    head = site.head("a", **{"lost-limit": 0.02})
    job = site.begun("a")
    site.says(": LSF job ")
    site.cluster.recycle(job["id"])
    site.begun("a", 2)
    site.let_go("a")
    assert site.finish(head) == 0, site.text()
    assert site.cluster.job(job["id"])["kill"] is None
    assert site.cluster.calls("bkill")
    assert all("-J" in call for call in site.cluster.calls("bkill"))


def test_an_empty_record_is_named_and_passed_over(site: Site) -> None:
    head = site.head("a")
    site.begun("a")
    site.kill_head(head)
    (record,) = (site.folder / ".snakemake/lsf-steady/jobs").glob("*.json")
    record.write_text("")
    site.let_go("a")
    wait_for(lambda: site.jobs_of("a")[0]["stat"] == "DONE", "end of the old job")
    (site.folder / "out/a.txt").unlink()
    assert site.finish(site.head("a")) == 0, site.text()
    assert f"{record.relative_to(site.folder)}: empty or damaged" in site.text()
    site.check_nothing_left("a")


def test_a_job_knows_when_it_began_and_a_long_command_reaches_it(site: Site) -> None:
    """Twenty inputs with long names make a command that no LSF takes."""
    names = [f"{number:02d}-{'x' * 220}" for number in range(18)]
    (site.folder / "Snakefile").write_text(
        f"rule all:\n    input: {[f'in/{name}' for name in names]!r}\n    output: 'began'\n"
        "    shell: 'echo $BATCH_JOB_START > began'\n"
    )
    (site.folder / "in").mkdir()
    for name in names:
        (site.folder / "in" / name).touch()
    before = int(time.time())
    assert site.finish(site.head()) == 0, site.text()
    assert before <= int((site.folder / "began").read_text()) <= time.time()
    (job,) = site.cluster.jobs()
    assert job["command"].startswith("sh '")
