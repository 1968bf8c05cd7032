"""What bsub answers among all that it prints, and what is to be changed then. Costs a second."""

from pathlib import Path

import pytest
from snakemake_executor_plugin_lsf_steady import lsf
from snakemake_executor_plugin_lsf_steady.answer import Kind, read
from snakemake_executor_plugin_lsf_steady.refusal import LONGEST, setting_to_change
from snakemake_executor_plugin_lsf_steady.request import Request, bsub_arguments
from snakemake_executor_plugin_lsf_steady.settings import ExecutorSettings

# What sites print around LSF's answer: words of every kind of trouble.
BANNER = (
    "*** NOTICE: /scratch is temporary storage; for communication with the team write to hpc@site.\n"
    "*** If LSF does not respond, try again later. Bad options and a closed queue: see the manual.\n"
)
PERMANENT = [
    "No such queue. Job not submitted.",
    "gpu: No such queue. Job not submitted.",
    "Bad resource requirement syntax. Job not submitted.",
    "Failed in an LSF library call: Bad resource requirement syntax. Job not submitted.",
    "RUNLIMIT: Cannot exceed queue's hard limit(s). Job not submitted.",
    "User cannot use the queue. Job not submitted.",
    "User permission denied. Job not submitted.",
    "Request aborted by esub. Job not submitted.",
    "Bad job name. Job not submitted.",
    "Too many processors requested. Job not submitted.",
    "Queue only accepts interactive jobs. Job not submitted.",
    "Bad host name, host group name or cluster name. Job not submitted.",
]
TEMPORARY = [
    "Queue has been closed. Job not submitted.",
    "normal: Queue has been closed. Job not submitted.",
    "The destination queue has reached its job limit. Job not submitted.",
    "Queue does not have enough per-user job slots. Job not submitted.",
    "Contacting batch daemon: Communication timeout. Job not submitted.",
    "Master batch daemon internal error. Job not submitted.",
    "Failed in an LSF library call: LIM is down; try later. Job not submitted.",
    "Cannot allocate memory. Job not submitted.",
    "No job Id can be used now. Job not submitted.",
    "Pending job threshold reached. Job not submitted.",
]


@pytest.mark.parametrize("around", ["", BANNER])
@pytest.mark.parametrize(
    ("words", "kind"),
    [
        *((one, Kind.PERMANENT) for one in PERMANENT),
        *((one, Kind.TEMPORARY) for one in TEMPORARY),
        ("The moon is full. Job not submitted.", Kind.UNKNOWN),
    ],
)
def test_the_answer_is_read_and_not_the_banner(words: str, kind: Kind, around: str) -> None:
    for printed in (f"{around}{words}\n", f"{words}\n{around}"):
        for reply in (read("", printed, 255), read(printed, "", 255)):
            assert (reply.kind, reply.words) == (kind, words)
            assert reply.told == around.strip()


def test_the_last_of_several_answers_counts() -> None:
    said = (
        "Queue has been closed. Job not submitted.\nretrying with the default queue\nNo such queue. Job not submitted."
    )
    assert read("", said, 255).kind is Kind.PERMANENT


def test_a_job_that_was_named_was_taken_whatever_else_was_printed() -> None:
    assert read("Job <17> is submitted to queue <gpu>.\n", BANNER, 0).words == "17"
    assert read("Job <17> is submitted to default queue <gpu>.\n", BANNER, 255).words == "17"
    both = read("e.g. Job <1> is submitted to queue <x>.\n", "No such queue. Job not submitted.\n", 255)
    assert both.kind is Kind.PERMANENT


@pytest.mark.parametrize(
    "words", ["bsub: illegal option -- Z", "Usage: bsub [-h] [-V]", "-Z: Bad option. Job not submitted."]
)
def test_an_unreadable_command_line_is_refused_for_good(words: str) -> None:
    assert read("", f"{BANNER}{words}\n", 255).kind is Kind.PERMANENT


@pytest.mark.parametrize("printed", ["", BANNER, "LSF is down. Please wait ...\n"])
def test_what_holds_no_answer_is_unknown(printed: str) -> None:
    reply = read("", printed, 255)
    assert reply.kind is Kind.UNKNOWN
    assert reply.words


def test_bsub_is_called_and_its_refusal_raised(tmp_path: Path) -> None:
    script = tmp_path / "bsub"
    script.write_text(f"#!/bin/sh\ncat <<'END' >&2\n{BANNER}gpu: No such queue. Job not submitted.\nEND\nexit 255\n")
    script.chmod(0o755)
    with pytest.raises(lsf.RefusedError, match=r"^gpu: No such queue\. Job not submitted\.$") as refusal:
        lsf.submit([str(script)], 60)
    assert refusal.value.told == BANNER.strip()


# --- what to change


GPU = {"gpu": 1, "mem_mb": 8000}
SYNTAX = "Bad resource requirement syntax. Job not submitted."


@pytest.mark.parametrize(
    ("words", "resources", "settings", "named"),
    [
        (SYNTAX, {"mem_mb": 8000}, {}, "lsf-steady-memory-unit: none"),
        (SYNTAX, GPU, {}, "lsf-steady-gpu-dialect: gpu-option, if LSF_GPU_NEW_SYNTAX is on"),
        (SYNTAX, GPU, {"gpu_dialect": "gpu-option"}, "lsf-steady-gpu-dialect: resource-strings"),
        (SYNTAX, {"lsf_extra": "-R x"}, {}, "lsf_extra"),
        ("Bad GPU requirement: x. Job not submitted.", GPU, {}, "lsf-steady-gpu-dialect: gpu-option"),
        ("No such queue. Job not submitted.", {}, {}, "lsf_queue"),
        ("RUNLIMIT: Cannot exceed queue's hard limit(s). Job not submitted.", {}, {}, "runtime"),
        ("MEMLIMIT: Cannot exceed queue's hard limit(s). Job not submitted.", {}, {}, "mem_mb"),
        ("Bad/empty job group name. Job not submitted.", {}, {}, "lsf-steady-job-group"),
    ],
)
def test_a_refusal_names_the_setting_to_change(
    words: str, resources: dict[str, object], settings: dict[str, str], named: str
) -> None:
    assert named in setting_to_change(words, resources, ExecutorSettings(**settings))


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"mem_mb": "40GB"}, r"resource mem_mb='40GB': expected a number of MB"),
        ({"mem_mb": -1}, "mem_mb=-1"),
        ({"runtime": "4:00"}, "expected a number of minutes"),
        ({"gpu": "two"}, "expected a number of GPUs"),
        ({"gpu": 1, "gpu_model": "Tesla V100"}, "gpu_model='Tesla V100'.*lshosts -gpu"),
        ({"lsf_extra": "-R 'select[x"}, "lsf_extra.*No closing quotation"),
        ({"lsf_project": "p" * 60}, "lsf_project has 60 characters, LSF takes 59"),
    ],
)
def test_what_no_lsf_could_take_is_refused_in_one_line_before_bsub(resources: dict[str, object], words: str) -> None:
    with pytest.raises(lsf.RefusedError, match=words) as refusal:
        bsub_arguments(Request("a", Path("/a.log"), Path("/a"), "true", 1, resources), ExecutorSettings())
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("what", ["name", "log", "folder", "command", "group"])
def test_what_is_too_long_is_refused_with_what_to_shorten(what: str) -> None:
    parts = {"name": "a", "log": "/a.log", "folder": "/a", "command": "true", "group": "/g"}
    parts[what] = "/" + LONGEST * "x"
    request = Request(parts["name"], Path(parts["log"]), Path(parts["folder"]), parts["command"], 1, {}, parts["group"])
    with pytest.raises(lsf.RefusedError, match=r"has 4095 characters, LSF takes (4094|512): (shorten|work)"):
        bsub_arguments(request, ExecutorSettings())
