"""What there is to compute on, and why no GPU: from made-up answers, and from a stub driver without TensorFlow."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import stub_driver
from gpu_env import fatbin

from gesture.base import cards, cuda_libraries, hardware
from gesture.base.driver import Driver
from gesture.base.hardware import Device, Hardware, why_no_gpu

H100 = Device("NVIDIA H100 80GB HBM3", "9.0", 81559)
V100 = Device("Tesla V100-SXM2-32GB", "7.0", 32768)
GOOD = Driver("550.54.15", (12, 4), (81559,), ("default",), "")


def with_gpus(*gpus: Device) -> Hardware:
    return Hardware(gpus, "AMD EPYC", "550.54.15", "12.5.1", "9.10.2", False, "")


def test_the_line_names_all_that_shapes_the_bytes() -> None:
    line = "1 x NVIDIA H100 80GB HBM3 (sm_90, 80 GB), driver 550.54.15, CUDA 12.5.1, cuDNN 9.10.2, TF32 off"
    assert with_gpus(H100).line() == line
    assert with_gpus(V100, V100, H100).line().startswith("2 x Tesla V100-SXM2-32GB (sm_70, 32 GB), 1 x NVIDIA H100")
    assert Hardware((), "AMD EPYC", None, None, None, False, "no driver").line() == "CPU: AMD EPYC"


def test_the_json_can_be_written_and_read() -> None:
    found = with_gpus(H100)
    value = json.loads(json.dumps(found.as_json()))
    assert value["gpus"] == [{"name": "NVIDIA H100 80GB HBM3", "compute_capability": "9.0", "memory_mb": 81559}]
    assert value["cudnn"] == "9.10.2"


def test_the_first_thing_that_is_missing_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    none = Driver("550.54.15", (12, 4), (), (), "the NVIDIA driver 550.54.15 sees no device")
    no_driver = Driver(None, None, (), (), "no NVIDIA driver: libcuda.so.1: cannot open")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(cuda_libraries, "installed", dict)
    monkeypatch.setattr(cuda_libraries, "mapped", dict)
    assert "built without CUDA" in why_no_gpu(None, GOOD)
    assert why_no_gpu("12.5.1", no_driver) == no_driver.reason
    assert why_no_gpu("12.5.1", none) == none.reason
    old = Driver("470.82", (11, 4), (32768,), ("default",), "")
    assert why_no_gpu("12.5.1", old) == "driver 470.82 is too old: it knows CUDA 11.4, and R525 or newer is needed"
    assert "make env GPU=1" in why_no_gpu("12.5.1", GOOD), "no CUDA libraries"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES is ''" in why_no_gpu("12.5.1", none)


def test_a_library_that_cannot_be_opened_is_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "libcudnn.so.9").write_bytes(b"not a library")
    opened = {name: tmp_path / name for name in cuda_libraries.LOADER if name != "libcudnn.so.9"}
    monkeypatch.setattr(cuda_libraries, "installed", lambda: {"libcudnn.so.9": tmp_path / "libcudnn.so.9"})
    monkeypatch.setattr(cuda_libraries, "mapped", lambda: opened)
    assert why_no_gpu("12.5.1", GOOD).startswith("libcudnn.so.9 cannot be opened: ")


def test_without_nvidia_packages_nothing_is_opened() -> None:
    script = "from gesture.base import cuda_libraries as c; c.installed = dict; c.open_installed(); print(c.mapped())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "{}\n"


def test_the_first_folder_of_the_path_that_has_a_library_counts(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "two/libcudnn.so.9").touch()
    path = f"{tmp_path}/missing::{tmp_path}/one:{tmp_path}/two"
    assert cuda_libraries.first_on_path("libcudnn.so.9", path) == tmp_path / "two/libcudnn.so.9"
    assert cuda_libraries.first_on_path("libcudart.so.12", path) is None


@pytest.fixture(scope="module")
def ask_stub(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Driver]:
    """What the driver says in a fresh process with these variables."""
    folder = stub_driver.build(tmp_path_factory.mktemp("stub"))

    def ask(**variables: str) -> Driver:
        script = "from gesture.base.driver import driver; print(repr(driver()))"
        environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), **variables}
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return eval(done.stdout, {"Driver": Driver})

    return ask


@pytest.mark.needs("cc")
def test_the_driver_is_asked_through_its_own_library(ask_stub: Callable[..., Driver]) -> None:
    exclusive = {"STUB_CUDA_MODE": "3", "STUB_CUDA_DEVICES": "2", "STUB_CUDA_VERSION": "12.4"}
    found = ask_stub(**stub_driver.card("7.0", STUB_CUDA_DRIVER="550.54.15", **exclusive))
    assert found == Driver("550.54.15", (12, 4), (32768, 32768), ("exclusive process",) * 2, "")
    assert ask_stub(STUB_CUDA_DEVICES="4", CUDA_VISIBLE_DEVICES="1,3").memory_mb == (81559, 81559)


@pytest.mark.needs("cc")
def test_a_driver_without_devices_says_why(ask_stub: Callable[..., Driver]) -> None:
    assert ask_stub(STUB_CUDA_DEVICES="0").reason == "the NVIDIA driver 575.57.08 sees no device"
    assert "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)" in ask_stub(STUB_CUDA_INIT="803").reason
    assert ask_stub(LD_LIBRARY_PATH="").reason.startswith("no NVIDIA driver: ")


def test_a_card_between_two_that_are_known_is_like_the_older_one() -> None:
    assert cards.card("8.7") == cards.card("8.6")
    assert cards.card("12.1") == cards.card("12.0")
    assert cards.card("6.1") is None
    h100 = cards.card("9.0")
    assert h100 is not None
    assert (h100.driver, h100.compiled) == (555, True)


def test_the_cpu_has_a_name() -> None:
    assert hardware.cpu_model()


def entry(kind: int, architecture: int, ptx: tuple[int, int] = (0, 0)) -> bytes:
    payload = b"\0" * 16
    return fatbin.ENTRY.pack(kind, 0, 64, len(payload), 0, 0, ptx[1], ptx[0], architecture).ljust(64, b"\0") + payload


def container(*entries: bytes) -> bytes:
    body = b"".join(entries)
    return fatbin.CONTAINER.pack(0xBA55ED50, 1, 16, len(body)) + body


def test_code_is_read_from_the_containers_of_a_library(tmp_path: Path) -> None:
    """Two modules as TensorFlow has them, one that is PTX for every card, and the magic number by chance."""
    both = container(entry(2, 70), entry(2, 80), entry(2, 90), entry(1, 90, (8, 3)))
    most = container(entry(2, 70), entry(2, 80), entry(1, 90, (8, 5)))
    always = container(entry(1, 50, (8, 8)))
    chance = b"ELF " + struct.pack("<I", 0xBA55ED50) + b"\0" * 24
    (tmp_path / "lib.so").write_bytes(chance + both + b"\0" * 8 + most + always)
    found = fatbin.modules(tmp_path / "lib.so")
    assert len(found) == 3
    said = {card: str(fatbin.code(found, card)) for card in [(7, 0), (7, 5), (8, 6), (9, 0), (10, 0), (6, 0)]}
    assert said == {
        (7, 0): "native", (7, 5): "native", (8, 6): "native",
        (9, 0): "1 native + 1 PTX", (10, 0): "PTX", (6, 0): "none",
    }  # fmt: skip
    assert fatbin.code(found, (9, 0)).isa == (8, 5)
