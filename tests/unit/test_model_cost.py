"""Multiply-adds from the settings alone; tests/tf/test_models_zoo.py compares them with the networks built."""

import pytest

from gesture.catalog import NETWORKS
from gesture.networks.cnn_tcn import CnnTcnSettings
from gesture.networks.smnet import SMnetSettings, layers_of
from gesture.networks.tcn import TcnSettings


def test_c3d_costs_what_its_paper_says() -> None:
    """38.5 billion for a clip of 112x112 (Tran et al. 2018, table 1, count a multiply-add as one FLOP)."""
    assert SMnetSettings().multiply_adds(["rgb"], 112) == pytest.approx(38.5e9, rel=0.01)


def test_the_network_of_2019_has_its_sixty_million_weights_in_kernels() -> None:
    weights = SMnetSettings().kernel_weights(["rgb", "depth", "mask", "skeleton"], 80)
    assert weights == pytest.approx(60_070_420, rel=0.001)


def test_a_mask_costs_nothing_and_every_stream_something() -> None:
    modalities = ["depth", "mask", "skeleton", "rgb"]
    costs = [SMnetSettings().multiply_adds(modalities[:count], 80) for count in (1, 2, 3, 4)]
    assert costs[0] == costs[1] < costs[2] < costs[3]


def test_a_small_network_by_hand() -> None:
    settings = TcnSettings(frames=5, streams=("path",), width=2, blocks=2, kernel=3)
    # Entry, then two convolutions at 5 frames and two at 3.
    assert settings.multiply_adds(["skeleton"], 80) == 5 * 3 * 2 + 2 * 5 * 3 * 4 + 2 * 3 * 3 * 4


def test_pictures_by_hand() -> None:
    settings = CnnTcnSettings(frames=4, person=16, widths=(2, 4), features=3, width=2, blocks=1, kernel=1)
    # 5x5 to 8x8 of 2 channels, 3x3 to 8x8 of 4, pooled to 4x4; change doubles the features.
    picture = 64 * 25 * 3 * 2 + 64 * 9 * 2 * 4 + 16 * 4 * 3
    assert settings.multiply_adds(["depth", "mask"], 80) == 4 * (picture + 6 * 2 + 2 * 4)


@pytest.mark.parametrize("fusion", ["early", "late", "attention"])
def test_adding_the_skeleton_costs_less_than_the_pictures(fusion: str) -> None:
    settings = CnnTcnSettings.model_validate({"fusion": fusion})
    alone, both = (settings.multiply_adds(["depth", "mask", *more], 80) for more in ([], ["skeleton"]))
    assert alone < both < 1.05 * alone


def test_a_factorised_convolution_has_as_many_weights_as_a_whole_one() -> None:
    """For 64 to 64 channels the paper's formula gives 144 between the halves."""
    assert layers_of("r2plus1d", [64, 64], channels=64) == [
        ("", (1, 3, 3), 144), ("1", (3, 1, 1), 64), ("", (1, 3, 3), 144), ("2", (3, 1, 1), 64),
    ]  # fmt: skip
    assert 9 * 64 * 144 + 3 * 144 * 64 == 27 * 64 * 64


@pytest.mark.parametrize("model", NETWORKS)
def test_every_network_has_a_cost_with_its_defaults(model: str) -> None:
    settings = NETWORKS[model].model_validate({"model": model})
    modalities = {"smnet": ["rgb"], "cnn_tcn": ["depth", "mask"]}.get(model, ["skeleton"])
    assert settings.multiply_adds(modalities, 80) > 1e5
    assert settings.unit == ("clip" if model == "smnet" else "sequence")
