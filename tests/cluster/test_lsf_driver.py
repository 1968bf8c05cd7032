"""The rules of lsf-steady against a made-up scheduler and clock: weekends in milliseconds. Costs a second."""

import os
from itertools import product
from pathlib import Path

import pytest
from lsf_made_up import HOUR, MINUTE, Clock, Run, Scheduler, attached, heads_death, write_outcome
from snakemake_executor_plugin_lsf_steady.lsf import NOT_FOUND, Answer, NoAnswerError, RefusedError

RUN_LIMIT = "TERM_RUNLIMIT: job killed after reaching LSF run time limit."
# State of a first job, by minutes since its submission; the last one lasts. Every later job: RUN, then DONE.
STORIES: dict[str, list[tuple[float, Answer]]] = {
    "DONE": [(0, Answer("PEND")), (5, Answer("RUN")), (60, Answer("DONE"))],
    "PROV and WAIT": [(0, Answer("PROV")), (5, Answer("WAIT")), (10, Answer("RUN")), (60, Answer("DONE"))],
    "EXIT": [(0, Answer("RUN")), (60, Answer("EXIT", 3))],
    "RUNLIMIT": [(0, Answer("RUN")), (240, Answer("EXIT", 140, RUN_LIMIT))],
    "MEMLIMIT": [(0, Answer("RUN")), (20, Answer("EXIT", 137, "TERM_MEMLIMIT: job killed"))],
    "OWNER": [(0, Answer("RUN")), (20, Answer("EXIT", 130, "TERM_OWNER: job killed by owner."))],
    "UNKWN then RUN": [(0, Answer("RUN")), (10, Answer("UNKWN")), (100, Answer("RUN")), (200, Answer("DONE"))],
    "UNKWN for good": [(0, Answer("RUN")), (10, Answer("UNKWN"))],
    "ZOMBI": [(0, Answer("RUN")), (10, Answer("ZOMBI"))],
    "PSUSP": [(0, Answer("PSUSP")), (600, Answer("RUN")), (660, Answer("DONE"))],
    "USUSP": [(0, Answer("RUN")), (10, Answer("USUSP")), (600, Answer("RUN")), (660, Answer("DONE"))],
    "SSUSP": [(0, Answer("RUN")), (10, Answer("SSUSP")), (600, Answer("RUN")), (660, Answer("DONE"))],
    "USUSP for good": [(0, Answer("RUN")), (10, Answer("USUSP"))],
    "forgotten": [(0, Answer("RUN")), (30, Answer(NOT_FOUND)), (35, Answer("RUN")), (60, Answer("DONE"))],
    "lost": [(0, Answer("RUN")), (30, Answer(NOT_FOUND))],
}
KILLED = {"UNKWN for good", "ZOMBI", "USUSP for good"}
FAILS = {"EXIT", "MEMLIMIT", "OWNER", "lost", *KILLED}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("story", "minutes"), list(product(STORIES, [0, 1, 5, 30])))
def test_every_misfortune_in_every_outage_ends_well(story: str, minutes: float) -> None:
    """Done once, no two jobs at a time, none left over, retried exactly where something failed."""
    scheduler = Scheduler(Clock(), [STORIES[story]], outage=(8 * MINUTE, (8 + minutes) * MINUTE))
    run = Run(scheduler)
    if story == "RUNLIMIT":
        write_outcome("1")
    one = run.until_done()
    assert one.result
    assert len(run.failures) == (story in FAILS)
    assert len(scheduler.jobs) == 1 + (story in FAILS or story == "RUNLIMIT")
    assert scheduler.alive() == 0
    assert bool(scheduler.kills) == (story in KILLED or story == "lost")


@pytest.mark.parametrize("start", [0, 29, 59, 60, 61])
def test_an_outage_at_any_time_does_no_harm(start: float) -> None:
    scheduler = Scheduler(Clock(), [STORIES["EXIT"]], outage=(start * MINUTE, (start + 600) * MINUTE))
    run = Run(scheduler)
    assert run.until_done().result
    assert len(scheduler.jobs) == 2


def test_a_job_whose_kill_has_no_effect_is_killed_by_force_and_not_retried_before() -> None:
    scheduler = Scheduler(Clock(), [STORIES["UNKWN for good"]], dies=lambda kills: kills >= 3)
    run = Run(scheduler)
    assert run.until_done().result
    assert scheduler.kills == [False, False, True]
    assert "killed after UNKWN for 120 min" in run.failures[0]


def test_a_suspension_that_comes_and_goes_never_reaches_the_limit() -> None:
    story = [(20.0 * n, Answer("USUSP" if n % 2 else "RUN")) for n in range(40)] + [(800.0, Answer("DONE"))]
    scheduler = Scheduler(Clock(), [story])
    assert Run(scheduler, suspended_limit=30).until_done().result
    assert not scheduler.kills


def test_a_lost_answer_of_bsub_makes_no_second_job() -> None:
    scheduler = Scheduler(Clock(), [], bsub_says=[NoAnswerError("taken, but the answer got lost")])
    assert Run(scheduler).until_done().result
    assert len(scheduler.jobs) == 1


def test_a_failed_bsub_is_tried_again_under_the_same_name() -> None:
    scheduler = Scheduler(Clock(), [], bsub_says=[NoAnswerError("not taken")] * 4)
    run = Run(scheduler)
    assert run.until_done().result
    assert not run.failures
    assert len(scheduler.jobs) == 1


def test_bsub_is_not_tried_for_ever() -> None:
    scheduler = Scheduler(Clock(), [], bsub_says=[NoAnswerError("not taken")] * 1000)
    run = Run(scheduler, submit_limit=60)
    run.until_done(retries=0)
    assert "LSF took no job for 60 min (submit-limit); it last said: not taken\n" in run.failures[0]
    assert len(run.failures) == 1


def test_a_refused_request_fails_at_once_with_the_words_of_lsf() -> None:
    scheduler = Scheduler(Clock(), [], bsub_says=[RefusedError("gpu: no such resource")])
    run = Run(scheduler)
    run.until_done(retries=0)
    assert run.failures[0].startswith(
        "train member=a-s1: LSF refuses the job, and would again: gpu: no such resource\n"
    )
    assert scheduler.clock.now == 0


def test_a_stage_continues_over_many_walltimes_without_a_failure() -> None:
    scheduler = Scheduler(Clock(), [STORIES["RUNLIMIT"] for _ in range(7)])
    run = Run(scheduler)
    one = run.until_done(each=lambda: write_outcome(str(len(scheduler.jobs))))
    assert one.result
    assert not run.failures
    assert (len(scheduler.jobs), one.record.sessions) == (8, 8)


def test_sessions_have_a_limit_of_their_own() -> None:
    scheduler = Scheduler(Clock(), [STORIES["RUNLIMIT"] for _ in range(9)])
    run = Run(scheduler, max_sessions=3)
    run.until_done(retries=0, each=lambda: write_outcome(str(len(scheduler.jobs))))
    assert len(scheduler.jobs) == 3
    assert "3 sessions are the limit" in run.failures[0]


def test_the_outcome_of_another_job_is_not_believed() -> None:
    write_outcome("4711")
    run = Run(Scheduler(Clock(), [STORIES["RUNLIMIT"]]))
    run.until_done()
    assert "TERM_RUNLIMIT" in run.failures[0]


def test_an_outcome_that_comes_late_still_counts() -> None:
    """At SIGUSR2 the Snakemake inside the job dies at once and the trainer saves on: EXIT comes before the outcome."""
    scheduler = Scheduler(Clock(), [STORIES["RUNLIMIT"]])
    run = Run(scheduler, outcome_wait=2)

    def late() -> None:
        if scheduler.clock.now == 241 * MINUTE:
            write_outcome("1")

    assert run.until_done(each=late).result
    assert not run.failures


def test_a_job_killed_by_its_owner_does_not_continue() -> None:
    write_outcome("1")
    run = Run(Scheduler(Clock(), [STORIES["OWNER"]]))
    run.until_done()
    assert "TERM_OWNER" in run.failures[0]


def test_the_failure_names_job_log_reason_and_last_lines() -> None:
    scheduler = Scheduler(Clock(), [STORIES["MEMLIMIT"]])
    run = Run(scheduler)
    one = run.job()

    def log() -> None:
        if one.record.log and not run.failures:
            Path(one.record.log).write_text("epoch 3\nstep 12\n")

    run.until_done(one, each=log)
    for words in ("LSF job 1", "TERM_MEMLIMIT", "exit code 137", "log: /", "step 12"):
        assert words in run.failures[0]


@pytest.mark.parametrize("rounds", [1, 5, 50])
def test_a_new_head_attaches_to_the_job_of_the_old_one(rounds: int) -> None:
    run = Run(Scheduler(Clock(), [STORIES["DONE"]]))
    one = run.job()
    for _ in range(rounds):
        run.driver.round([one])
        run.scheduler.clock.now += 30
    after = heads_death(run)
    assert after.until_done(attached(after)).result
    assert len(run.scheduler.jobs) == 1


@pytest.mark.parametrize("taken", [True, False])
def test_a_head_killed_within_bsub_leaves_no_doubt(taken: bool) -> None:
    """The intention is on disk; the new head asks for the name before it submits."""
    scheduler = Scheduler(Clock(), [], bsub_says=[NoAnswerError("lost" if taken else "not taken")])
    run = Run(scheduler)
    run.driver.round([run.job()])
    assert len(scheduler.jobs) == taken
    after = heads_death(run)
    assert after.until_done(attached(after)).result
    assert len(scheduler.jobs) == 1


def finished_without_a_head(folder: Path) -> Run:
    run = Run(Scheduler(Clock(), [STORIES["DONE"]]))
    run.driver.round([run.job()])
    run.scheduler.clock.now += 2 * HOUR
    return heads_death(run)


def test_the_result_of_a_job_that_ended_without_a_head_is_taken(folder: Path) -> None:
    after = finished_without_a_head(folder)
    (folder / "out").mkdir()
    (folder / "out/model").write_text("weights")
    assert after.until_done(attached(after)).result
    assert len(after.scheduler.jobs) == 1


@pytest.mark.parametrize("files", ["missing", "older than an input"])
def test_it_is_not_taken_if_its_files_are(folder: Path, files: str) -> None:
    after = finished_without_a_head(folder)
    (folder / "input").write_text("records")
    if files != "missing":
        (folder / "out").mkdir()
        (folder / "out/model").write_text("weights")
        (folder / "input").touch()
        os.utime(folder / "out/model", (0, 0))
    assert after.until_done(attached(after, inputs=["input"])).result
    assert len(after.scheduler.jobs) == 2


def test_a_job_of_other_params_is_ended_before_todays_is_submitted() -> None:
    run = Run(Scheduler(Clock(), [STORIES["USUSP for good"]]))
    run.driver.round([run.job("yesterday")])
    after = heads_death(run)
    one = after.until_done(attached(after, "today"))
    assert one.result
    assert one.record.identity == "today"
    assert len(run.scheduler.jobs) == 2
    assert run.scheduler.kills


def test_a_job_that_failed_while_no_head_watched_is_submitted_anew() -> None:
    run = Run(Scheduler(Clock(), [STORIES["EXIT"]]))
    run.driver.round([run.job()])
    run.scheduler.clock.now += 2 * HOUR
    after = heads_death(run)
    assert after.until_done(attached(after)).result
    assert not after.failures
