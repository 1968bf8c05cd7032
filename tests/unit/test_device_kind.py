"""What is remembered of devices, what is said of a change, and what is refused; from made-up devices."""

import pytest

from gesture.base import device_kind
from gesture.base.errors import UnfitNodeError
from gesture.base.hardware import Device, Hardware

V100 = Device("Tesla V100-SXM2-32GB", "7.0", 32768)
A100 = Device("NVIDIA A100-SXM4-40GB", "8.0", 40960)


def with_gpus(*gpus: Device, cudnn: str = "9.10.2", tf32: bool = False, reason: str = "") -> Hardware:
    return Hardware(gpus, "AMD EPYC", "550.54.15", "12.5.1", cudnn, tf32, reason)


CPU = with_gpus(reason="libcudnn.so.9 cannot be opened")


def test_the_kind_is_model_cudnn_tf32_and_precision() -> None:
    expected = {"name": "NVIDIA A100-SXM4-40GB (sm_80)", "cudnn": "9.10.2", "tf32": True, "precision": "tf32"}
    assert device_kind.kind_of(with_gpus(A100, tf32=True), "tf32") == expected
    assert device_kind.kind_of(CPU, "float32") == {"name": "CPU", "cudnn": None, "tf32": False, "precision": "float32"}


def test_only_devices_that_compute_count() -> None:
    both = with_gpus(V100, A100)
    assert device_kind.kind_of(both, "float32", 1)["name"] == "Tesla V100-SXM2-32GB (sm_70)"
    assert device_kind.kind_of(both, "float32", 2)["name"].count("sm_") == 2


def test_memory_and_driver_are_no_part_of_it() -> None:
    other = Hardware((Device(A100.name, "8.0", 81920),), "Intel", "575.1", "12.5.1", "9.10.2", False, "")
    assert device_kind.kind_of(other, "float32") == device_kind.kind_of(with_gpus(A100), "float32")


def test_going_on_with_the_same_kind_changes_nothing() -> None:
    kind = device_kind.kind_of(with_gpus(V100), "float32")
    chain = device_kind.continued([], kind, 0)
    assert device_kind.continued(chain, kind, 50) == chain == [{**kind, "step": 0}]
    assert device_kind.exactness(chain) is None
    assert device_kind.exactness([]) is None, "a result of 0.1.0"


@pytest.mark.parametrize("other", [CPU, with_gpus(A100), with_gpus(V100, cudnn="9.8.0"), with_gpus(V100, tf32=True)])
def test_any_difference_ends_the_exactness_and_is_named(other: Hardware) -> None:
    chain = device_kind.continued([], device_kind.kind_of(with_gpus(V100), "float32"), 0)
    kind = device_kind.kind_of(other, "float32")
    for step in (120, 130):
        chain = device_kind.continued(chain, kind, step)
    said = device_kind.exactness(chain)
    assert said == (
        f"not byte-exact, continued on {device_kind.words(kind)} from step 120 "
        "(begun on Tesla V100-SXM2-32GB (sm_70), cuDNN 9.10.2)"
    )


@pytest.mark.parametrize(
    ("count", "found", "message"),
    [
        (1, CPU, "1 GPU was asked for, and there is none: libcudnn.so.9 cannot be opened"),
        (2, with_gpus(V100), "2 GPUs were asked for, and TensorFlow finds 1: 1 x Tesla V100"),
    ],
)
def test_fewer_gpus_than_asked_for_make_the_node_unfit(count: int, found: Hardware, message: str) -> None:
    with pytest.raises(UnfitNodeError) as error:
        device_kind.require(count, found)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 71


def test_as_many_as_asked_for_or_more_will_do() -> None:
    device_kind.require(0, CPU)
    device_kind.require(1, with_gpus(V100, V100))
