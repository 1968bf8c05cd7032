"""What lsf-steady asks of LSF and how it reads the answers: pure functions. Costs a second."""

import json
from itertools import pairwise
from pathlib import Path

import lsf_site  # noqa: F401  puts the fake on the path
import pytest
from fakelsf.cluster import DEFAULTS
from fakelsf.resources import RefusedError, check_request, minutes
from fakelsf.show import history
from fakelsf.submit import check_warning, parse
from hypothesis import given
from hypothesis import strategies as st
from snakemake_executor_plugin_lsf_steady import lsf
from snakemake_executor_plugin_lsf_steady.ending import Ending, Outcome, judge, read_outcome
from snakemake_executor_plugin_lsf_steady.lsf import NOT_FOUND, Answer
from snakemake_executor_plugin_lsf_steady.request import Request, bsub_arguments, group_of, walltime
from snakemake_executor_plugin_lsf_steady.settings import ExecutorSettings

V100 = "TeslaV100_SXM2_32GB"
TRAIN = {"runtime": 240, "mem_mb": 40000, "gpu": 1, "gpu_model": V100, "outcome": "state/outcome.json"}


def line(resources: dict[str, object], cores: int = 1, **settings: object) -> list[str]:
    request = Request("train.a", Path("/my work/a.log"), Path("/my work"), "python -m snakemake", cores, resources)
    return bsub_arguments(request, ExecutorSettings(**settings))  # type: ignore[arg-type]


def strings(arguments: list[str]) -> list[str]:
    """The -R strings."""
    return [value for flag, value in pairwise(arguments) if flag == "-R"]


def test_the_whole_line() -> None:
    assert line(TRAIN, warning_minutes=12) == [
        "bsub", "-J", "train.a", "-o", "/my work/a.log", "-cwd", "/my work", "-rn", "-W", "4:00",
        "-wa", "URG", "-wt", "12", "-n", "1", "-R", "span[hosts=1]", "-R", "rusage[mem=40000MB]",
        "-R", "rusage[ngpus_excl_p=1]", "-R", f"select[gpu_model0=={V100}]", "python -m snakemake",
    ]  # fmt: skip


def test_the_modern_gpu_dialect() -> None:
    arguments = line(TRAIN, gpu_dialect="gpu-option")
    assert arguments[arguments.index("-gpu") + 1] == f"num=1:mode=exclusive_process:gmodel={V100}"
    assert strings(arguments) == ["span[hosts=1]", "rusage[mem=40000MB]"]


@pytest.mark.parametrize(
    ("settings", "cores", "amount"),
    [
        ({}, 4, "8000MB"),
        ({"memory_mode": "per-core"}, 4, "2000MB"),
        ({"memory_unit": "GB"}, 1, "8GB"),
        ({"memory_unit": "none"}, 1, "8000"),
        ({"memory_unit": "KB"}, 1, "8192000KB"),
        ({"memory_unit": "GB", "memory_mode": "per-core"}, 3, "3GB"),
    ],
)
def test_memory_with_its_unit_per_core_or_per_job(settings: dict[str, str], cores: int, amount: str) -> None:
    assert f"rusage[mem={amount}]" in line({"mem_mb": 8000}, cores, **settings)


def test_a_job_without_gpu_asks_for_none() -> None:
    assert not [word for word in line({"mem_mb": 10, "gpu_model": V100}) if "gpu" in word]


def test_only_jobs_with_an_outcome_and_a_long_enough_walltime_are_warned() -> None:
    assert "-wa" not in line({"runtime": 240}, warning_minutes=12)
    assert "-wa" not in line({"runtime": 12, "outcome": "x"}, warning_minutes=12)


def test_extra_arguments_are_split_but_see_no_shell() -> None:
    arguments = line({"lsf_extra": '-R "select[mem>100 && ut<0.5]" -sla night', "lsf_queue": "gpu", "lsf_project": "p"})
    assert arguments[-5:-1] == ["-R", "select[mem>100 && ut<0.5]", "-sla", "night"]
    assert arguments[arguments.index("-q") + 1] == "gpu"
    assert arguments[arguments.index("-P") + 1] == "p"


@given(st.integers(1, 100_000))
def test_every_walltime_is_one_that_lsf_takes(minutes: int) -> None:
    options, _ = parse(line({"runtime": minutes})[1:])
    hours, rest = map(int, options["W"].split(":"))
    assert hours * 60 + rest == minutes
    assert walltime(minutes - 0.5) == options["W"]


def test_two_members_never_share_a_group_and_names_hold_nothing_odd() -> None:
    groups = {group_of("/gesture", "me", "0" * 8, f"check points/x/{one}/outcome.json") for one in ("a-s1", "a-s2")}
    assert groups == {f"/gesture/me/00000000/check_points/x/{one}" for one in ("a-s1", "a-s2")}


# --- what the fake refuses, as LSF does


@pytest.mark.parametrize(
    "text",
    ["rusage[mem=]", "rusage[memory=5]", "rusage[mem=5XB]", "select[mem>>5]", "select[gpu_model==x]", "select[mem>5",
     "rusage[mem=1,mem=2]", "select[(mem>5]", "usage[mem=5]", "span[host=1]", "select[]", "select[mem>5 &&]"],
)  # fmt: skip
def test_the_fake_refuses_bad_resource_strings(text: str) -> None:
    with pytest.raises(RefusedError, match=r"Bad resource requirement syntax"):
        check_request({"R": [text]}, DEFAULTS)


@pytest.mark.parametrize(
    ("request_", "syntax"),
    [
        ({"R": ["rusage[ngpus_excl_p=1]"]}, "extend"),
        ({"R": [], "gpu": "num=1"}, "N"),
        ({"R": [], "gpu": "n=1"}, "extend"),
    ],
)
def test_the_fake_refuses_the_other_gpu_dialect(request_: dict[str, object], syntax: str) -> None:
    with pytest.raises(RefusedError):
        check_request(request_, {**DEFAULTS, "gpu_new_syntax": syntax})


def look_at(arguments: list[str]) -> None:
    options, _ = parse(arguments)
    check_warning(options, minutes(options.get("W", "4:00"), "RUNLIMIT"))


@pytest.mark.parametrize("words", ["-W 4h x", "-W 1:75 x", "-W 0 x", "-wa URG x", "-Z 1 x", "-n 1"])
def test_the_fake_refuses_bad_options(words: str) -> None:
    with pytest.raises(RefusedError):
        look_at(words.split())


def test_resource_strings_are_joined_as_lsf_does() -> None:
    one = check_request({"R": ["rusage[mem=4GB]", "rusage[ngpus_excl_p=1]", f"select[gpu_model0=={V100}]"]}, DEFAULTS)
    other = check_request({"R": [f"select[gpu_model0=={V100}] rusage[mem=4096,ngpus_excl_p=1]"]}, DEFAULTS)
    assert one["amounts"] == other["amounts"] == {"mem": 4096, "ngpus_excl_p": 1}
    assert one["models"] == other["models"] == [V100]


# --- reading answers


def test_answers_of_bjobs_with_noise_around_them() -> None:
    text = (
        "LSF is slow today\n101^a^RUN^-^-^4*node-3^65 second(s)\n"
        " 102^b^EXIT^140^TERM_RUNLIMIT: job killed.^node1:node1^7\n103^c^DONE^-^-^-^-\n104^"
    )
    assert lsf.parse_bjobs(text) == {
        "101": ("a", Answer("RUN", host="node-3", seconds=65)),
        "102": ("b", Answer("EXIT", 140, "TERM_RUNLIMIT: job killed.", "node1", 7)),
        "103": ("c", Answer("DONE")),
    }


def test_a_history_of_two_jobs_of_one_number_is_that_of_the_name() -> None:
    whole = {"id": 7, "user": "me", "command": "echo", "queue": "q", "cwd": "/x", "started": 1.0, "pid": 5,
             "exit_code": None, "reason": None, "host": "node2"}  # fmt: skip
    text = "\n".join(
        [*history({**whole, "name": "theirs", "stat": "RUN"}), *history({**whole, "name": "ours", "stat": "DONE"})]
    )
    assert lsf.parse_bhist(text, "ours") == Answer("DONE", host="node2")
    assert lsf.parse_bhist(text, "other") == Answer(NOT_FOUND)


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({"stat": "DONE"}, Answer("DONE", host="node1")),
        ({"stat": "RUN"}, Answer("RUN", host="node1")),
        ({"stat": "PEND", "started": None}, Answer("PEND")),
        ({"stat": "EXIT", "exit_code": 3}, Answer("EXIT", 3, host="node1")),
        (
            {"stat": "EXIT", "exit_code": 140, "reason": "TERM_RUNLIMIT"},
            Answer("EXIT", 140, "TERM_RUNLIMIT: job killed after reaching LSF run time limit.", "node1"),
        ),
    ],
)
@pytest.mark.parametrize("length", [1, 40, 61, 300])
def test_histories_are_read_wherever_their_lines_break(job: dict[str, object], expected: Answer, length: int) -> None:
    whole = {"id": 7, "name": "n" * length, "user": "me", "command": "echo", "queue": "q", "cwd": "/x" * length,
             "started": 1.0, "pid": 5, "exit_code": None, "reason": None, **job}  # fmt: skip
    assert lsf.parse_bhist("\n".join(history(whole)), whole["name"]) == expected


def test_an_empty_history_is_no_answer() -> None:
    assert lsf.parse_bhist("No matching job found\n", "a") == Answer(NOT_FOUND)


# --- how a job ended


@pytest.mark.parametrize(
    ("answer", "code", "ours", "expected"),
    [
        (Answer("EXIT", 255), 0, False, Ending.DONE),
        (Answer("EXIT", 130, "TERM_OWNER: x"), 0, False, Ending.DONE),
        (Answer("EXIT", 1), 75, False, Ending.CONTINUES),
        (Answer("EXIT", 140, "TERM_RUNLIMIT"), 75, False, Ending.CONTINUES),
        (Answer("EXIT", 130, "TERM_OWNER: x"), 75, False, Ending.FAILED),
        (Answer("EXIT", 130, "TERM_OWNER: x"), 75, True, Ending.CONTINUES),
        (Answer("EXIT", 1), 76, False, Ending.FINAL),
        (Answer("EXIT", 1), 2, False, Ending.FINAL),
        (Answer("EXIT", 1), 71, False, Ending.UNFIT_NODE),
        (Answer("EXIT", 1), 1, False, Ending.FAILED),
        (Answer("EXIT", 140, "TERM_RUNLIMIT"), None, False, Ending.UNCLEAR),
        (Answer("EXIT", 137), None, False, Ending.UNCLEAR),
        (Answer("EXIT", 137, "TERM_MEMLIMIT: x"), None, False, Ending.FAILED),
        (Answer("EXIT", 130, "TERM_OWNER: x"), None, False, Ending.FAILED),
        (Answer("EXIT", 3), None, False, Ending.FAILED),
    ],
)
def test_the_jobs_own_outcome_is_the_truth(answer: Answer, code: int | None, ours: bool, expected: Ending) -> None:
    own = None if code is None else Outcome(code, "", "7")
    assert judge(answer, own, ours) is expected


@pytest.mark.parametrize(
    ("outcome", "its"),
    [
        (Outcome(0, "", "7"), True),
        (Outcome(0, "", "7", "train.a.0123"), True),
        (Outcome(0, "", "6", "train.a.0123"), False),
        (Outcome(0, "", "7", "train.a.4567"), False),
    ],
)
def test_an_outcome_is_of_a_job_by_number_and_name(outcome: Outcome, its: bool) -> None:
    assert outcome.is_of("7", "train.a.0123") is its


@pytest.mark.parametrize("text", ["", "{", "[]", '{"exit_code": 75}', '{"exit_code": "x", "job_id": "7"}'])
def test_a_damaged_outcome_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "outcome.json").write_text(text)
    assert read_outcome(str(tmp_path / "outcome.json")) is None
    assert read_outcome(str(tmp_path / "missing.json")) is None
    assert read_outcome(None) is None


def test_the_outcome_of_the_trainer_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "outcome.json"
    path.write_text(
        json.dumps({"exit_code": 75, "message": "m", "step": 4, "job_id": "7", "pid": 1, "fingerprint": "f"})
    )
    assert read_outcome(str(path)) == Outcome(75, "m", "7")
