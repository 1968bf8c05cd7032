"""Real Snakemake heads on the fake LSF. Costs about a minute and a half on two cores."""

import signal
import subprocess

import pytest
from lsf_misfortunes import all_at_once, heads_killed
from lsf_site import Site, wait_for

NAMES = ("a", "b", "c")


def test_eleven_misfortunes_within_an_outage_of_half_an_hour_end_well(site: Site) -> None:
    all_at_once(site, outage=30)


def test_a_head_killed_at_random_instants_costs_no_job(site: Site) -> None:
    """kill -9 at any time, before, within or after bsub; live jobs are found again, none is submitted twice."""
    heads_killed(site, times=3, seed=6)


def test_jobs_that_end_while_there_is_no_head_are_not_repeated(site: Site) -> None:
    head = site.head("a")
    site.begun("a")
    site.kill_head(head)
    site.let_go("a")
    wait_for(lambda: site.jobs_of("a")[0]["stat"] == "DONE", "end of the job")
    assert site.finish(site.head("a")) == 0, site.text()
    assert site.outputs() == {"a": "whole a\n"}
    assert len(site.jobs_of("a")) == 1


def test_a_changed_parameter_ends_the_old_job_before_the_new_one(site: Site) -> None:
    head = site.head("a", version="1")
    site.begun("a")
    site.kill_head(head)
    head = site.head("a", version="2")
    site.begun("a", 2)
    site.let_go("a")
    assert site.finish(head) == 0, site.text()
    site.check_nothing_left("a")
    assert [job["stat"] for job in site.jobs_of("a")] == ["EXIT", "DONE"]


def interrupt(head: "subprocess.Popen[bytes]") -> None:
    head.send_signal(signal.SIGINT)


def test_an_interrupt_leaves_the_jobs_and_the_same_command_attaches(site: Site) -> None:
    """One job runs, the other still waits for a host when the head goes; both end well without it."""
    slots = site.cluster.config["hosts"]
    site.cluster.configure(hosts=[{**slots[0], "slots": 1}])
    head = site.head("a", "b")
    wait_for(lambda: len(site.cluster.jobs()) == 2, "two jobs")
    site.says(": LSF job ", times=2)
    interrupt(head)
    assert site.finish(head) != 0
    assert "2 LSF jobs go on" in site.text()
    assert all(job["stat"] in ("PEND", "RUN") for job in site.cluster.jobs())
    site.cluster.configure(hosts=slots)
    head = site.head("a", "b")
    site.says("attached, not submitted again", times=2)
    site.let_go("a", "b")
    assert site.finish(head) == 0, site.text()
    site.check_nothing_left("a", "b")
    assert len(site.cluster.jobs()) == 2


def test_a_second_interrupt_kills_the_jobs(site: Site) -> None:
    site.cluster.configure(kill_interval=0.5)
    head = site.head("a", "b", **{"interrupt-pause": 10})
    site.begun("a")
    site.begun("b")
    site.says(": LSF job ", times=2)
    interrupt(head)
    site.says("2 LSF jobs go on")
    interrupt(head)
    assert site.finish(head) != 0
    assert all(job["stat"] == "EXIT" for job in site.cluster.jobs())
    assert not list((site.folder / ".snakemake/lsf-steady/jobs").glob("*.json"))


def test_interrupts_can_be_set_to_kill(site: Site) -> None:
    site.cluster.configure(kill_interval=0.5)
    head = site.head("a", interrupt="kill")
    site.begun("a")
    site.says(": LSF job ")
    interrupt(head)
    assert site.finish(head) != 0
    assert all(job["stat"] == "EXIT" for job in site.cluster.jobs())


def test_a_bsub_whose_answer_is_lost_makes_no_second_job(site: Site) -> None:
    site.cluster.break_command("bsub", times=1, after=True)
    head = site.head("a")
    site.begun("a")
    site.let_go("a")
    assert site.finish(head) == 0, site.text()
    site.check_nothing_left("a")
    assert len(site.cluster.calls("bsub")) == 1


def test_slow_empty_and_failing_answers_are_outlived(site: Site) -> None:
    site.cluster.break_command("bsub", times=2)
    head = site.head("a")
    site.begun("a")
    site.cluster.break_command("bjobs", times=4, empty=True)
    site.says("LSF answers again")
    site.cluster.break_command("bjobs", times=2, slow=1)
    site.let_go("a")
    assert site.finish(head) == 0, site.text()
    site.check_nothing_left("a")


def test_without_lsf_the_head_says_so_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lsf_site.PATH", "/usr/local/bin:/usr/bin:/bin")
    assert site.finish(site.head("a")) == 1
    assert "bsub, bjobs, bhist, bkill: not on PATH" in site.text()
