"""What follows from the settings: members, lengths, rates, folders, and what a change repeats."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import create_model

from gesture.base.errors import GestureError
from gesture.base.settings import Settings
from gesture.config import digests, layout, members, schedule
from gesture.config.settings import Experiment, Stage, Training, parse
from gesture.operate import costs

STAGES = [
    {"epochs": 2, "learning_rate": 1e-2},
    {"epochs": 2, "learning_rate": 1e-2},
    {"epochs": 1, "learning_rate": 1e-3},
]


def experiment(**changes: Any) -> Experiment:
    """Two variants, three members, three stages; some keys replaced."""
    value = {
        "experiment": "trial",
        "data": {"dataset": "synthetic", "options": {"preset": "tiny"}},
        "training": {"batch_size": 2, "stages": STAGES},
        "variants": {
            "skeleton": {"network": {"model": "tcn"}, "modalities": ["skeleton"], "seeds": [1, 5]},
            "depth": {"network": {"model": "smnet"}, "modalities": ["depth"]},
        },
    }
    return parse({**value, **changes}, "c.yaml")


def with_rate(stage: int, rate: float) -> Experiment:
    stages = [dict(one) for one in STAGES]
    stages[stage - 1]["learning_rate"] = rate
    return experiment(training={"batch_size": 2, "stages": stages})


def stage_digests(one: Experiment, member: str = "depth-s1") -> list[str]:
    who = members.members(one)[member]
    return [digests.stage_digest(one, who, stage) for stage in range(1, who.stages + 1)]


def test_each_seed_of_a_variant_is_one_member() -> None:
    assert list(members.members(experiment())) == ["skeleton-s1", "skeleton-s5", "depth-s1"]


def test_an_unknown_member_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(GestureError, match="did you mean 'depth-s1'"):
        members.member(experiment(), "deph-s1")


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_new_rate_changes_its_stage_and_those_after_it_only(stage: int) -> None:
    before, after = stage_digests(experiment()), stage_digests(with_rate(stage, 0.5))
    changed = [old != new for old, new in zip(before, after, strict=True)]
    assert changed == [number >= stage for number in (1, 2, 3)]


def test_a_change_of_one_variant_leaves_the_other_alone() -> None:
    wider = {
        "skeleton": {"network": {"model": "tcn", "width": 7}, "modalities": ["skeleton"]},
        "depth": {"network": {"model": "smnet"}, "modalities": ["depth"]},
    }
    changed = experiment(variants=wider)
    assert stage_digests(changed) == stage_digests(experiment())
    assert stage_digests(changed, "skeleton-s1") != stage_digests(experiment(), "skeleton-s1")


def test_more_seeds_name_and_title_leave_trained_members_alone() -> None:
    variants = {"depth": {"network": {"model": "smnet"}, "modalities": ["depth"], "seeds": [1, 2]}}
    assert stage_digests(experiment(variants=variants, report={"title": "x"})) == stage_digests(experiment())


def with_new_keys(kind: type[Settings]) -> type[Settings]:
    """The same settings in a later release: a new key in each, whose default changes nothing."""
    return create_model(f"Later{kind.__name__}", __base__=kind, new_key=(float, 0.0), new_list=(list[int], []))


@pytest.mark.parametrize("member", ["skeleton-s1", "depth-s1"])
def test_a_new_key_with_its_default_runs_nothing_again(member: str) -> None:
    one = experiment(training={"batch_size": 2, "stages": STAGES, "augmentation": {"speed": 0.1}})
    who = members.members(one)[member]
    old, training = who.variant, who.variant.training

    def later(settings: Settings, **parts: Any) -> Any:
        return with_new_keys(type(settings)).model_construct(**{**dict(settings), **parts})

    parts = {"augmentation": later(training.augmentation), "stages": [later(stage) for stage in training.stages]}
    variant = later(old, network=later(old.network), training=later(training, **parts))
    assert variant.network.new_key == variant.training.stages[0].new_key == 0.0
    for stage in (1, 2, 3):
        assert digests.stage_digest(one, replace(who, variant=variant), stage) == digests.stage_digest(one, who, stage)
    used = later(old, training=later(training, new_key=0.5))
    assert digests.stage_digest(one, replace(who, variant=used), 1) != digests.stage_digest(one, who, 1)
    for settings in (one.average, one.report, one.dataset_options):
        assert later(settings).identity() == settings.identity()


def test_networks_of_different_kinds_with_all_their_defaults_have_different_digests() -> None:
    made = {}
    for kind in ("tcn", "stgcn", "transformer"):
        one = experiment(variants={"skeleton": {"network": {"model": kind}, "modalities": ["skeleton"]}})
        made[kind] = stage_digests(one, "skeleton-s1")[0]
    assert len(set(made.values())) == 3


def test_a_default_that_is_written_out_changes_no_digest() -> None:
    written = experiment(
        training={"batch_size": 2, "stages": STAGES, "precision": "float32", "augmentation": {"mixup": 0}},
        average={"method": "mean"},
        data={"dataset": "synthetic", "options": {"preset": "tiny", "context_frames": 15}},
    )
    assert stage_digests(written) == stage_digests(experiment())
    assert digests.average_digest(written) == digests.average_digest(experiment())
    assert digests.records_name(written) == digests.records_name(experiment())


def test_held_out_subjects_change_training_but_not_the_records() -> None:
    held = experiment(data={"options": {"preset": "tiny"}, "holdout_subjects": ["3"]})
    assert digests.records_name(held) == digests.records_name(experiment())
    assert stage_digests(held) != stage_digests(experiment())


@pytest.mark.parametrize("data", [{"size": 40}, {"options": {"preset": "tiny", "context_frames": 3}}])
def test_what_changes_the_records_changes_their_folder(data: dict[str, Any]) -> None:
    given = {"options": {"preset": "tiny"}, **data}
    assert digests.records_name(experiment(data=given)) != digests.records_name(experiment())
    assert digests.raw_name(experiment(data=given)) == digests.raw_name(experiment())


def test_the_settings_file_is_named_after_its_content() -> None:
    assert layout.settings_file(experiment()) == layout.settings_file(experiment())
    assert layout.settings_file(experiment()) != layout.settings_file(with_rate(3, 0.5))


def test_settings_written_with_defaults_are_the_same_experiment() -> None:
    one = experiment()
    again = parse(digests.resolved(one), "resolved")
    assert layout.settings_file(again) == layout.settings_file(one)
    assert stage_digests(again) == stage_digests(one)


@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=5),
    batch=st.integers(1, 9),
    sequences=st.integers(1, 100),
)
def test_stages_follow_each_other_without_gap_or_overlap(lengths: list[int], batch: int, sequences: int) -> None:
    training = Training(stages=[Stage(epochs=epochs, learning_rate=1e-3) for epochs in lengths], batch_size=batch)
    bounds = [schedule.stage_bounds(training, stage, sequences) for stage in range(1, len(lengths) + 1)]
    assert bounds[0][0] == 0
    assert all(before[1] == after[0] for before, after in pairwise(bounds))
    assert bounds[-1][1] == sum(lengths) * -(-sequences // batch)


def test_rates_are_those_of_the_stage() -> None:
    stages = [Stage(steps=10, learning_rate=5e-5, pretrained_learning_rate=1e-5), Stage(steps=10, learning_rate=1e-5)]
    training = Training(stages=stages)
    assert schedule.rates(training, 1, 3, 8) == (5e-5, 1e-5)
    assert schedule.rates(training, 2, 13, 8) == (1e-5, 1e-5), (
        "without a rate of their own, pretrained parts learn as others"
    )


def test_warm_up_rises_from_the_very_first_step_and_ends() -> None:
    training = Training(stages=[Stage(steps=10, learning_rate=1.0)], warmup_steps=4)
    assert [schedule.rates(training, 1, step, 8)[0] for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("course", ["cosine", "exponential"])
def test_a_stage_falls_from_its_rate_to_its_final_rate_and_the_next_begins_at_its_own(course: str) -> None:
    stages = [
        Stage(epochs=2, learning_rate=1.0, final_learning_rate=0.1, pretrained_learning_rate=0.5),
        Stage(epochs=1, learning_rate=0.3),
    ]
    training = Training(stages=stages, batch_size=3, learning_rate_schedule=course)
    rates = [schedule.rates(training, 1, step, sequences=30) for step in range(20)]
    assert rates[0] == (1.0, 0.5)
    assert all(before[0] > after[0] > 0.1 for before, after in pairwise(rates))
    assert rates[-1][0] < 0.15
    assert all(pretrained == pytest.approx(main / 2) for main, pretrained in rates)
    half = {"cosine": 0.55, "exponential": 0.1**0.5}
    assert rates[10][0] == pytest.approx(half[course])
    assert schedule.rates(training, 2, 20, sequences=30) == (0.3, 0.3)


def test_the_plan_names_every_member_with_its_stages() -> None:
    text = costs.describe(experiment())
    assert "3 members, 9 training stages" in text
    assert "skeleton: 0.134 million weights, 4.0 million multiply-adds a sequence forward" in text
    assert "skeleton-s5: tcn on skeleton: 2 epochs at 0.01, 2 epochs at 0.01, 1 epochs at 0.001" in text
