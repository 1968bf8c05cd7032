"""The configuration: what is refused and in which words, what variants inherit, what survives writing and reading."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gesture.base.errors import GestureError
from gesture.catalog import FORMATS, NETWORKS
from gesture.config import digests
from gesture.config.settings import load, parse


def configuration(**changes: Any) -> dict[str, Any]:
    """A small valid configuration with some keys replaced."""
    return {
        "experiment": "trial",
        "data": {"dataset": "synthetic", "options": {"preset": "tiny"}},
        "training": {
            "batch_size": 2,
            "stages": [{"epochs": 2, "learning_rate": 1e-3}, {"epochs": 1, "learning_rate": 1e-4}],
        },
        "variants": {
            "skeleton": {"network": {"model": "tcn"}, "modalities": ["skeleton"]},
            "fusion": {
                "network": {"model": "smnet"},
                "modalities": ["rgb", "depth", "mask"],
                "training": {"batch_size": 1},
            },
        },
        **changes,
    }


def variant(**changes: Any) -> dict[str, Any]:
    """The configuration with the fusion variant changed."""
    value = configuration()
    value["variants"]["fusion"].update(changes)
    return value


def problems(value: Any) -> list[str]:
    with pytest.raises(GestureError) as caught:
        parse(value, "c.yaml")
    return str(caught.value).splitlines()


def test_a_variant_inherits_training_and_replaces_key_by_key() -> None:
    experiment = parse(configuration(), "c.yaml")
    assert experiment.variants["skeleton"].training.batch_size == 2
    assert experiment.variants["fusion"].training.batch_size == 1
    assert experiment.variants["fusion"].training.stages == experiment.training.stages


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            variant(modalities=["rgb", "dpeth"]),
            "variants.fusion.modalities[1]: 'dpeth' is not a modality (rgb, depth, mask, skeleton); "
            "did you mean 'depth'?",
        ),
        (configuration(traning={}), "traning: 'traning' is not a known key (experiment, data, training, variants, "
         "average, report); did you mean 'training'?"),
        (configuration(data={"dataset": "sinthetic"}),
         f"data.dataset: 'sinthetic' is not a data set ({', '.join(FORMATS)}); did you mean 'synthetic'?"),
        (configuration(data={"options": {"preset": "tinny"}}),
         "data.options.preset: 'tinny' is not a preset (tiny, demo, default); did you mean 'tiny'?"),
        (configuration(data={"dataset": "arrays", "folder": "x"}), "data.options.classes: is missing"),
        (configuration(data={"dataset": "montalbano2014"}),
         "data: data set 'montalbano2014' needs `folder`: the folder with its raw files, "
         "or `download`: where to get them"),
        (configuration(data={"folder": "x"}), "data: data set 'synthetic' is made, not read: remove `folder`"),
        (configuration(training={"stages": [{"epochs": 1, "steps": 9, "learning_rate": 1}]}),
         "training.stages[0]: give either `epochs` or `steps`"),
        (configuration(training={"stages": []}), "training.stages: needs at least 1 entry"),
        (configuration(training={"batch_size": 4}), "training.stages: is missing"),
        (configuration(training=[]), "training: should be a mapping of keys, got []"),
        (configuration(experiment="../up"), "experiment: should start with a letter or digit and have only letters, "
         "digits, dot, dash, underscore, got '../up'"),
        (configuration(experiment="x" * 101), "experiment: is too long: at most 100 characters are allowed"),
        (variant(network={"model": "smnett"}),
         f"variants.fusion.network: 'smnett' is not a network ({', '.join(NETWORKS)}); did you mean 'smnet'?"),
        (variant(network={}), "variants.fusion.network: `model` is missing"),
        (variant(network={"model": "tcn", "streams": ["bonez"]}),
         "variants.fusion.network.streams[0]: 'bonez' is not a stream (joints, bones, velocity, path); "
         "did you mean 'bones'?"),
        (variant(network={"model": "tcn"}, modalities=["skeleton", "rgb"]),
         "variants.fusion: modalities: network 'tcn' takes skeleton alone, got skeleton, rgb"),
        (variant(network={"model": "cnn_tcn"}, modalities=["depth", "skeleton"]),
         "variants.fusion: modalities: network 'cnn_tcn' takes depth, mask and maybe skeleton, got depth, skeleton"),
        (variant(network={"model": "transformer", "width": 30, "heads": 4}, modalities=["skeleton"]),
         "variants.fusion.network: width 30 is no multiple of heads 4"),
        (variant(network={"model": "smnet", "encoder": "r2plus1d"}, pretrained="weights"),
         "variants.fusion: pretrained: only `encoder: c3d` has the convolutions of such a file; remove the key"),
        (variant(modalities=["rgb", "mask"]),
         "variants.fusion: modalities: mask is what depth is cut out by: add depth or remove mask, got rgb, mask"),
        (variant(seeds=[3, 3]), "variants.fusion.seeds: has repeated entries: 3, 3"),
        (variant(seeds=[-1]), "variants.fusion.seeds[0]: should be greater than or equal to 0, got -1"),
        (variant(training={"augmentation": {"mixup": 0.4}}),
         "variants.fusion: training.augmentation.mixup: sequences of network 'smnet' have no common length to blend "
         "them at; set it to 0"),
        (variant(training={"gradient_clip_norm": float("inf")}),
         "variants.fusion.training.gradient_clip_norm: should be a finite number, got inf"),
    ],
)  # fmt: skip
def test_each_problem_is_one_line_with_place_and_advice(value: dict[str, Any], expected: str) -> None:
    assert problems(value) == [f"c.yaml: {expected}"]


def test_all_problems_are_told_at_once() -> None:
    value = variant(modalities=["dpeth"], seeds=[1, 1])
    value["data"].update(size=8, options={"preset": "tinny"})
    value["training"]["bacth"] = 3
    places = [line.split(": ")[1] for line in problems(value)]
    assert places == [
        "data.size",
        "training.bacth",
        "variants.fusion.modalities[0]",
        "variants.fusion.seeds",
        "data.options.preset",
    ]


@pytest.mark.parametrize("name", ["ensemble", "two words", "new\nline", "-dash", "", "x" * 101])
def test_a_variant_name_that_could_not_be_a_file_name_is_refused(name: str) -> None:
    value = configuration()
    value["variants"][name] = value["variants"]["skeleton"]
    (line,) = problems(value)
    assert "variant name" in line


@pytest.mark.parametrize("text", [None, "a: [1", "- 1", "a: 1\na: 2", "7"])
def test_an_unreadable_file_is_one_line_that_names_it(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(GestureError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_numbers_from_the_command_line_come_as_text_and_are_understood() -> None:
    value = configuration(data={"size": "48", "train_on_validation": "true", "holdout_subjects": [7]})
    data = parse(value, "c.yaml").data
    assert (data.size, data.train_on_validation, data.holdout_subjects) == (48, True, ["7"])


@given(
    rate=st.floats(min_value=1e-12, max_value=1.0),
    steps=st.integers(0, 10**9),
    subjects=st.lists(st.text(max_size=5), max_size=3),
    title=st.none() | st.text(max_size=20),
)
def test_resolved_settings_survive_writing_and_reading(
    rate: float, steps: int, subjects: list[str], title: str | None
) -> None:
    value = configuration(
        training={"stages": [{"steps": steps, "learning_rate": rate}]},
        report={"title": title},
        data={"holdout_subjects": subjects},
    )
    experiment = parse(value, "c.yaml")
    text = yaml.safe_dump(digests.resolved(experiment), sort_keys=False)
    assert parse(yaml.safe_load(text), "resolved") == experiment


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["experiment", "data", "training", "variants", "average", "report"]),
)
def test_no_value_of_a_key_ends_in_a_traceback(value: Any, key: str) -> None:
    try:
        lines = [f"c.yaml: {parse(configuration(**{key: value}), 'c.yaml').experiment}"]
    except GestureError as error:
        lines = str(error).split("\n")
    assert all(line.startswith("c.yaml: ") for line in lines)
