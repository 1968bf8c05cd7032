"""What an experiment costs: steps, sessions, GPU-hours, disk, makespan."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesture.base.files import write_json, write_text
from gesture.cli import main
from gesture.config import digests
from gesture.config.settings import Experiment, parse
from gesture.operate.costs import (
    MARGIN,
    START_UP,
    StageCost,
    makespan,
    measured,
    sessions_needed,
    stage_costs,
    training_sequences,
)

HOUR = 3600.0


def experiment(**data: Any) -> Experiment:
    stages = [{"epochs": 3, "learning_rate": 1e-3}, {"steps": 50, "learning_rate": 1e-4}]
    variant = {"network": {"model": "tcn"}, "modalities": ["skeleton"], "seeds": [1, 2]}
    value = {"experiment": "trial", "training": {"stages": stages, "batch_size": 4}, "variants": {"bones": variant}}
    return parse(
        {**value, "data": {"dataset": "arrays", "folder": "raw", "options": {"classes": 3}, **data}},
        "trial.yaml",
    )


def write_index(one: Experiment, root: Path) -> None:
    rows = ["id,split,label,subject", "1,training,3,a", "2,training,,a", "3,training,1,b", "1,validation,2,c"]
    write_text(root / "records" / digests.records_name(one) / "index.csv", "\n".join([*rows, "1,test,,d"]) + "\n")


@pytest.mark.parametrize(
    ("data", "count"), [({}, 2), ({"holdout_subjects": ["b"]}, 1), ({"train_on_validation": True}, 3)]
)
def test_the_sequences_that_train_are_counted_as_training_does(data: dict, count: int, tmp_path: Path) -> None:
    one = experiment(**data)
    write_index(one, tmp_path)
    assert training_sequences(one, tmp_path) == count


def test_without_records_steps_of_epochs_are_not_known_but_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write_text(tmp_path / "trial.yaml", json.dumps(digests.resolved(experiment())))
    assert main(["plan", str(tmp_path / "trial.yaml"), "--directory", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "run up to `convert`, or give --sequences" in told
    assert "no session has measured these steps yet" in told


def test_a_measured_session_gives_the_time_of_all_stages_of_its_variant(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    one = experiment()
    write_index(one, tmp_path)
    start = {"event": "start", "time": "t", "host": "h", "job": None, "step": 0, "first": 0, "last": 3}
    end = {"event": "end", "time": "t", "reason": "deadline", "step": 40, "steps": 40, "seconds": 80.0}
    write_text(
        tmp_path / "checkpoints/trial/bones-s1/stage1/sessions.jsonl", json.dumps(start) + "\n" + json.dumps(end)
    )
    write_json(tmp_path / "results/trial/train/bones-s1/stage1/manifest.json", {"parameters": 1_000_000})
    assert measured(one, tmp_path)["bones"].step_seconds == 2.0
    write_text(tmp_path / "trial.yaml", json.dumps(digests.resolved(one)))
    assert main(["plan", str(tmp_path / "trial.yaml"), "--directory", str(tmp_path), "--gpus", "2"]) == 0
    told = capsys.readouterr().out
    assert ["bones-s2", "2", "50", "1:40", "1"] in [line.split() for line in told.splitlines()]
    assert "4 sessions of at most 4:00:00" in told
    assert "disk: 48.0 MB of results, up to 72.0 MB of live checkpoints" in told


def test_a_stage_longer_than_the_walltime_takes_several_sessions() -> None:
    useful = 4 * HOUR - START_UP - MARGIN
    assert [sessions_needed(seconds, 4 * HOUR) for seconds in (0, 1, useful, useful + 1, 10 * useful)] == [
        1, 1, 1, 2, 10,
    ]  # fmt: skip


def test_the_steps_of_epochs_follow_from_sequences_and_batch() -> None:
    costs = stage_costs(experiment(), 9, lambda member: 2.0, 4 * HOUR)
    assert [(one.member, one.steps, one.seconds) for one in costs[:2]] == [
        ("bones-s1", 9, 18.0), ("bones-s1", 50, 100.0),
    ]  # fmt: skip


chains = st.lists(st.lists(st.floats(1, 1e5), min_size=1, max_size=4), min_size=1, max_size=12)


def costs_of(lengths: list[list[float]], walltime: float = math.inf) -> list[StageCost]:
    return [
        StageCost(f"m{number}", stage, 1, seconds, sessions_needed(seconds, walltime))
        for number, chain in enumerate(lengths)
        for stage, seconds in enumerate(chain, 1)
    ]


@given(chains, st.integers(1, 20))
def test_a_makespan_is_at_least_its_longest_chain_and_its_share_of_all_work(
    lengths: list[list[float]], gpus: int
) -> None:
    whole = [sum(chain) + START_UP * len(chain) for chain in lengths]
    found = makespan(costs_of(lengths), gpus)
    assert found >= max(max(whole), sum(whole) / gpus) * (1 - 1e-9)
    assert found <= sum(whole) * (1 + 1e-9)
