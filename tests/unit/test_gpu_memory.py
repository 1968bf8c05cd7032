"""GPU memory that training takes, from the settings alone; benchmarks/gpu_memory.py compares it with TensorFlow."""

import json
from pathlib import Path
from typing import Any

import pytest

from gesture.base.errors import FailedForGoodError
from gesture.base.files import write_text
from gesture.cli import main
from gesture.config.digests import resolved
from gesture.config.gpu_memory import cards, need, remedies
from gesture.config.settings import Experiment, Variant, parse
from gesture.networks.memory import state_bytes, step_memory
from gesture.networks.smnet import SMnetSettings
from gesture.operate import memory
from gesture.train.out_of_memory import out_of_memory_said

ALL = ["rgb", "depth", "mask", "skeleton"]
ON_CARD = "OOM when allocating tensor with shape[16,16,80,80,64] and type float on /job:localhost/replica:0/task:0/{}"


class ResourceExhaustedError(Exception):
    """Called as TensorFlow's is."""


def experiment(network: dict[str, Any], modalities: list[str], **training: Any) -> Experiment:
    value = {
        "experiment": "trial",
        "data": {"dataset": "arrays", "folder": "raw", "options": {"classes": 3}},
        "training": {"stages": [{"epochs": 1, "learning_rate": 1e-3}], "batch_size": 4, **training},
        "variants": {"one": {"network": network, "modalities": modalities}},
    }
    return parse(value, "trial.yaml")


def variant(**training: Any) -> Variant:
    return experiment({"model": "smnet"}, ALL, **training).variants["one"]


def test_a_convolution_with_its_pool_by_hand() -> None:
    settings = SMnetSettings(widths=(2,), head_units=(1, 1, 1), recurrent_units=1, attention_length=1)
    made, pooled = 16 * 16 * 16 * 2 * 4, 16 * 8 * 8 * 2 * 4
    flat = 8 * 4 * 4 * 2
    head, recurrent = flat * 9 + 3 * 4, 3 * 4 * (2 + 40 + 5)
    # Behind the recurrent part comes the head, and behind it the convolution: its output, its ReLU, the pool.
    most = max(2 * made + pooled + head + recurrent, 4 * made + pooled)
    assert step_memory(settings, ["rgb"], 16, on_gpu=False).unit == most


def test_the_network_of_2019_takes_a_third_of_a_gigabyte_a_clip_beside_three_quarters_of_state() -> None:
    """In an experiment with two and with four clips resident memory grew by 335 MB a clip."""
    assert step_memory(SMnetSettings(), ALL, 80, on_gpu=False).unit == pytest.approx(335e6, rel=0.05)
    assert state_bytes(SMnetSettings(), ALL, 80) == pytest.approx(12 * 60.07e6, rel=0.01)


def test_half_types_and_recomputing_need_less_and_more_clips_more() -> None:
    whole = need(variant(), 80)
    assert need(variant(precision="float16"), 80).least < 0.7 * whole.least
    assert need(variant(gradient_checkpointing=True), 80).least < whole.least
    assert need(variant(batch_size=8), 80).units == 2 * whole.units
    assert need(variant(batch_size=8, devices=2), 80).units == whole.units


def test_a_batch_is_as_long_as_the_longest_recordings() -> None:
    assert need(variant(batch_size=2), 80, [10, 200, 30, 100]).units == (200 // 16 + 1) + (100 // 16 + 1)


def test_a_large_validation_batch_counts_although_it_keeps_nothing() -> None:
    assert need(variant(validation_batch_size=128), 80).least > need(variant(validation_batch_size=4), 80).least


def test_a_card_fits_tightly_when_convolutions_lack_workspace_there() -> None:
    found = need(variant(), 80)
    assert found.fits(found.ample)
    assert found.fits(found.least) is None
    assert found.fits(0.9 * found.least) is False
    assert cards(need(variant(batch_size=1024), 80)) == "none of 16, 24, 32, 40, 80 GB"


def test_every_remedy_says_what_it_would_need_and_that_is_less() -> None:
    texts = remedies(variant(batch_size=8), 80)
    assert [text.split(":")[0] for text in texts] == [
        "training.batch_size",
        "training.gradient_checkpointing",
        "training.precision",
    ]
    (only,) = remedies(variant(validation_batch_size=512, precision="float16"), 80)
    assert only.startswith("training.validation_batch_size: 256 (")
    assert "training.precision" not in " ".join(remedies(variant(precision="bfloat16"), 80))


def test_plan_shows_the_memory_of_each_variant_and_its_cards(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    one = experiment({"model": "smnet"}, ALL)
    write_text(tmp_path / "trial.yaml", json.dumps(resolved(one)))
    assert main(["plan", str(tmp_path / "trial.yaml"), "--directory", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "16, 24, 32, 40, 80 GB" in told
    assert "no records yet: sequences counted as 60 frames long" in told
    assert "not measured on a card" in told


@pytest.mark.parametrize(("megabytes", "level"), [(81559, "ok"), (7000, "problem")])
def test_doctor_compares_with_the_card_of_the_node(megabytes: int, level: str, tmp_path: Path) -> None:
    (found,) = memory.findings(experiment({"model": "smnet"}, ALL), tmp_path, ("Some GPU", megabytes))
    assert found.level == level
    assert f"Some GPU has {megabytes} MB" in found.what
    if level == "problem":
        assert "training.batch_size: 2" in found.todo
        assert "training.gradient_checkpointing: true" in found.todo


def test_variants_alike_are_one_finding(tmp_path: Path) -> None:
    one = experiment({"model": "tcn"}, ["skeleton"])
    two = one.model_copy(update={"variants": {"a": one.variants["one"], "b": one.variants["one"]}})
    (found,) = memory.findings(two, tmp_path, None)
    assert found.what.startswith("a, b: ")


def test_a_full_gpu_fails_for_good_with_numbers_and_what_to_change(tmp_path: Path) -> None:
    with (
        pytest.raises(FailedForGoodError) as raised,
        out_of_memory_said(variant(), 80, tmp_path / "manifest.json"),
    ):
        raise ResourceExhaustedError(ON_CARD.format("device:GPU:0 by allocator GPU_0_bfc [Op:Conv3D]"))
    told = str(raised.value)
    for part in (
        "shape[16,16,80,80,64]",
        "16 clips of",
        "training.batch_size: 2",
        "gradient_checkpointing",
        "float16",
        "--retry-failed",
    ):
        assert part in told
    assert "\n" not in told


@pytest.mark.parametrize(
    "error",
    [
        ResourceExhaustedError(ON_CARD.format("device:CPU:0 by allocator mklcpu")),
        ResourceExhaustedError(ON_CARD.format("device:CPU:0 by allocator gpu_host_bfc")),
        MemoryError("of the node"),
    ],
)
def test_memory_of_the_node_stays_what_it_was_a_job_of_another_size_may_have_it(
    error: Exception, tmp_path: Path
) -> None:
    with pytest.raises(type(error)), out_of_memory_said(variant(), 80, tmp_path / "manifest.json"):
        raise error


def test_a_library_that_finds_no_memory_on_the_card_counts_too(tmp_path: Path) -> None:
    with pytest.raises(FailedForGoodError), out_of_memory_said(variant(), 80, tmp_path / "manifest.json"):
        raise RuntimeError("cuDNN launch failure: CUDNN_STATUS_ALLOC_FAILED")
