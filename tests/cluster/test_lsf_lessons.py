"""What lsf-steady makes of a job's own word, and what its next tries do better. Made-up scheduler; costs a second."""

import dataclasses
import os
from itertools import pairwise
from pathlib import Path

import pytest
from lsf_made_up import HOUR, MINUTE, Clock, Run, Scheduler, attached, heads_death, write_outcome
from snakemake_executor_plugin_lsf_steady.lsf import NOT_FOUND, Answer, NoAnswerError, RefusedError
from snakemake_executor_plugin_lsf_steady.records import find
from snakemake_executor_plugin_lsf_steady.refusal import LONGEST

MEMORY = Answer("EXIT", 137, "TERM_MEMLIMIT: job killed after reaching LSF memory usage limit.", "node1", 1200)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ended(*answers: Answer, **more: object) -> Scheduler:
    """One whose jobs end like this, the first first, after twenty minutes; further ones are done."""
    return Scheduler(Clock(), [[(0, Answer("RUN")), (20, one)] for one in answers], **more)  # type: ignore[arg-type]


def write_model(text: str = "weights") -> None:
    Path("out").mkdir(exist_ok=True)
    Path("out/model").write_text(text)


def asked(run: Run, job: int, flag: str = "-R") -> list[str]:
    """Values of an option of the submission of a job, counted from 0."""
    return [value for one, value in pairwise(run.scheduler.jobs[job].line) if one == flag]


# --- the job's own word


@pytest.mark.parametrize("answer", [Answer("EXIT", 255), Answer("EXIT", 140, "TERM_RUNLIMIT: x"), Answer(NOT_FOUND)])
def test_a_job_that_said_it_was_done_is_done_whatever_lsf_says(answer: Answer) -> None:
    write_model()
    write_outcome("1", 0)
    run = Run(ended(answer))
    assert run.until_done().result
    assert (len(run.scheduler.jobs), run.failures) == (1, [])


@pytest.mark.parametrize("files", ["missing", "empty", "older than an input"])
def test_it_is_not_believed_without_whole_and_new_files(files: str) -> None:
    write_outcome("1", 0)
    Path("input").touch()
    if files != "missing":
        write_model("" if files == "empty" else "weights")
    if files == "older than an input":
        os.utime("out/model", (0, 0))
    run = Run(ended(Answer("EXIT", 255)))
    one = run.job(inputs=["input"])
    assert run.until_done(one).result
    assert len(run.scheduler.jobs) == 2
    assert f"it said that it was done, but out/model is {files.split(' than')[0]}" in run.failures[0]


def test_files_that_another_node_shows_late_are_waited_for() -> None:
    write_outcome("1", 0)
    run = Run(ended(Answer("EXIT", 255)))
    assert run.until_done(each=lambda: write_model() if run.scheduler.clock.now == 22 * MINUTE else None).result
    assert run.failures == []


def test_the_word_of_another_job_of_the_same_number_is_not_believed() -> None:
    write_model()
    write_outcome("1", 0, job_name="train.a-s1.anothername")
    run = Run(ended(Answer("EXIT", 255)))
    run.until_done()
    assert len(run.failures) == 1


@pytest.mark.parametrize("code", [2, 76])
def test_what_failed_for_good_is_not_tried_again_and_told_in_its_own_words(code: int) -> None:
    write_outcome("1", code, "loss is nan at step 12; lower the learning rate")
    run = Run(ended(Answer("EXIT", 1)))
    one = run.until_done()
    assert (one.result, one.final, len(run.scheduler.jobs)) == (False, True, 1)
    first, second = one.message.splitlines()
    assert first == "train member=a-s1: loss is nan at step 12; lower the learning rate"
    assert second == f"    LSF job 1, log: {one.record.log}"


# --- the queue


def test_a_closed_queue_is_waited_for_with_growing_pauses() -> None:
    closed = NoAnswerError("normal: Queue has been closed. Job not submitted.")
    run = Run(Scheduler(Clock(), [], bsub_says=[closed] * 1000), submit_limit=720)
    one = run.until_done()
    assert (one.final, len(run.failures)) == (True, 1)
    assert "it last said: normal: Queue has been closed. Job not submitted.\n    bsub line: bsub -J" in one.message
    assert 12 * HOUR <= run.scheduler.clock.now < 12.2 * HOUR
    assert run.scheduler.bsubs < 90


def test_a_queue_that_opens_again_costs_nothing() -> None:
    closed = NoAnswerError("Queue has been closed. Job not submitted.")
    run = Run(Scheduler(Clock(), [], bsub_says=[closed] * 20))
    assert run.until_done().result
    assert (run.failures, len(run.scheduler.jobs)) == ([], 1)


def test_a_refusal_is_final_and_says_line_words_and_setting() -> None:
    error = RefusedError("Bad resource requirement syntax. Job not submitted.", "*** welcome")
    run = Run(Scheduler(Clock(), [], bsub_says=[error] * 5))
    one = run.until_done()
    assert (len(run.failures), run.scheduler.bsubs) == (1, 1)
    lines = one.message.splitlines()
    assert lines[0].endswith(
        "LSF refuses the job, and would again: Bad resource requirement syntax. Job not submitted."
    )
    assert lines[1].startswith("    change in the profile: lsf-steady-memory-unit: none, if")
    assert lines[2].startswith("    bsub line: bsub -J train.a-s1.")
    assert lines[2].endswith("-R 'rusage[mem=1000MB]' -R 'rusage[ngpus_excl_p=1]' 'snakemake ...'")
    assert lines[3:] == ["    bsub also said: *** welcome"]


def test_a_job_that_waits_long_is_told_once_with_lsfs_reason(caplog: pytest.LogCaptureFixture) -> None:
    run = Run(Scheduler(Clock(), [[(0, Answer("PEND")), (300, Answer("RUN")), (400, Answer("DONE"))]]))
    assert run.until_done().result
    told = [one for one in caplog.messages if "waited in the queue" in one]
    assert len(told) == 1
    assert "LSF job 1 has waited in the queue for 60 min; LSF's reason: Job's requirements for resource" in told[0]


# --- nodes


def test_a_node_on_which_a_job_dies_at_once_is_left_out_for_its_next_tries() -> None:
    run = Run(ended(Answer("EXIT", 1, "", "node1", 7), Answer("EXIT", 1, "", "node2", 59)))
    assert run.until_done().result
    assert not [one for one in asked(run, 0) if "hname" in one]
    assert "select[hname!='node1']" in asked(run, 1)
    assert "select[hname!='node1' && hname!='node2']" in asked(run, 2)


@pytest.mark.parametrize(
    "answer",
    [Answer("EXIT", 1, "", "node1", 61), Answer("EXIT", 130, "TERM_OWNER: job killed by owner.", "node1", 5),
     Answer("EXIT", 1, "", "node1"), Answer("EXIT", 1, "", "", 5)],
)  # fmt: skip
def test_a_node_is_not_blamed_for_what_it_did_not_do(answer: Answer) -> None:
    run = Run(ended(answer))
    assert run.until_done().result
    assert not [one for one in asked(run, 1) if "hname" in one]


def test_a_node_that_a_program_calls_unfit_is_left_at_no_cost_and_by_other_jobs_with_gpus_too() -> None:
    run = Run(ended(Answer("EXIT", 1, "", "node1", 300)))
    write_outcome("1", 71, "no usable GPU on node1: CUDA_ERROR_NO_DEVICE", host="node1")
    assert run.until_done(retries=0).result
    assert run.failures == []
    assert "select[hname!='node1']" in asked(run, 1)
    assert run.until_done(run.job("another")).result
    assert "select[hname!='node1']" in asked(run, 2)
    run.gpus = 0
    assert run.until_done(run.job("without a GPU")).result
    assert not [one for one in asked(run, 3) if "hname" in one]


def test_the_host_of_the_outcome_counts_where_lsf_names_none() -> None:
    run = Run(ended(Answer("EXIT", 1)))
    write_outcome("1", 71, "no usable GPU", host="node9")
    assert run.until_done().result
    assert "select[hname!='node9']" in asked(run, 1)


def test_unfit_nodes_have_a_limit() -> None:
    run = Run(ended(*[Answer("EXIT", 1, "", f"node{number}", 5) for number in range(9)]), max_moves=3)
    run.until_done(retries=0, each=lambda: write_outcome(str(len(run.scheduler.jobs)), 71, "no usable GPU"))
    assert len(run.scheduler.jobs) == 4
    assert "it said: no usable GPU" in run.failures[0]


def test_nodes_are_not_left_out_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    """A cluster with one node: the next try would wait for another one until somebody looks."""
    stories = [[(0, Answer("RUN")), (1, Answer("EXIT", 1, "", "node1", 7))], [(0, Answer("PEND"))]]
    run = Run(Scheduler(Clock(), stories))
    assert run.until_done().result
    assert "select[hname!='node1']" in asked(run, 1)
    assert not [one for one in asked(run, 2) if "hname" in one]
    assert "bkill after 30 min in the queue without node1: submitted anew with them" in caplog.text
    assert len(run.failures) == 1


def test_a_new_head_still_knows_the_lessons_of_a_job_that_lives() -> None:
    run = Run(ended(Answer("EXIT", 1, "", "node1", 7)))
    one = run.job()
    run.driver.take(one)
    while one.result is None:
        run.driver.round([one])
        run.scheduler.clock.now += 30
    run.driver.round([run.job(avoid=one.record.avoid)])
    after = heads_death(run)
    assert attached(after).record.avoid == ["node1"]


# --- memory


def test_a_job_killed_for_memory_asks_for_half_as_much_again_up_to_the_limit() -> None:
    run = Run(ended(MEMORY, MEMORY, MEMORY), memory_limit=2000)
    assert run.until_done().result
    wanted = [next(one for one in asked(run, job) if "mem=" in one) for job in range(4)]
    assert wanted == [f"rusage[mem={mb}MB]" for mb in (1000, 1500, 2000, 2000)]


def test_without_a_limit_it_asks_for_the_same() -> None:
    run = Run(ended(MEMORY))
    assert run.until_done().result
    assert "rusage[mem=1000MB]" in asked(run, 1)


# --- requests, records


def test_a_command_too_long_for_lsf_goes_into_a_file(folder: Path) -> None:
    run = Run(Scheduler(Clock(), []))
    one = dataclasses.replace(run.job(), command="echo " + "x" * LONGEST)
    assert run.until_done(one).result
    shell, script = run.scheduler.jobs[0].line[-1].split()
    assert shell == "sh"
    assert Path(script).read_text().strip() == one.command


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"rule": "train"}', "\x00" * 40, '{"rule": 1, "wildcards": {}, "outputs": [], '
             '"identity": "x"}', "[" * 100_000]
)  # fmt: skip
def test_a_damaged_record_is_named_and_passed_over(text: str) -> None:
    run = Run(Scheduler(Clock(), []))
    record = run.job().record
    record.path.parent.mkdir(parents=True)
    record.path.write_text(text)
    said: list[str] = []
    assert find(record.outputs, said.append) is None
    assert len(said) == 1
    assert str(record.path) in said[0]
    assert "passed over" in said[0]


def test_a_changed_job_group_is_used_at_the_next_submission() -> None:
    run = Run(ended(Answer("EXIT", 140, "TERM_RUNLIMIT: x")))
    first = run.job(group="/old/a")
    first.record.group = "/old/a"
    run.driver.round([first])
    after = heads_death(run)
    write_outcome("1")
    assert after.until_done(attached(after, group="/new/a")).result
    assert [asked(run, job, "-g") for job in (0, 1)] == [["/old/a"], ["/new/a"]]
