"""Sessions on other kinds of devices: said, remembered, refused where asked; devices are made up, the CPU computes."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
import yaml
from made_up_arrays import settings_of, write_arrays
from test_training import Chain, make_records

from gesture.base import device_kind
from gesture.base.errors import GestureError, StoppedEarlyError, UnfitNodeError
from gesture.base.files import read_json, value_digest, write_json
from gesture.base.hardware import Device, Hardware
from gesture.cli import main
from gesture.config.digests import stage_digest
from gesture.config.members import member
from gesture.config.settings import parse
from gesture.evaluate import predict
from gesture.networks.layers.runtime import pin
from gesture.train import loop
from gesture.train.ledger import sessions
from gesture.train.stage import StageJob

V100 = Hardware((Device("Tesla V100", "7.0", 32768),), "EPYC", "550.54.15", "12.5.1", "9.10.2", False, "")
A100 = Hardware((Device("A100", "8.0", 40960),), "EPYC", "550.54.15", "12.5.1", "9.10.2", False, "")
NO_GPU = Hardware((), "EPYC", None, None, None, False, "libcusolver.so.11 cannot be opened")
ON_A100 = (
    "not byte-exact, continued on A100 (sm_80), cuDNN 9.10.2 from step {} (begun on Tesla V100 (sm_70), cuDNN 9.10.2)"
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return settings_of(write_arrays(tmp_path_factory.mktemp("arrays")))


@pytest.fixture(scope="module")
def records(settings: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_records(settings, tmp_path_factory.mktemp("records"))


@pytest.fixture
def chain(settings: dict, records: Path, tmp_path: Path) -> Chain:
    return Chain(settings, records, tmp_path, "joints-s1")


class Machine:
    """What TensorFlow is said to compute on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def has(self, found: Hardware) -> None:
        for module in (loop, predict):
            self._monkeypatch.setattr(module, "hardware", lambda: found)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def stopped_on(machine: Machine, found: Hardware, chain: Chain) -> None:
    """A session that ends after two of the stage's six steps."""
    machine.has(found)
    with pytest.raises(StoppedEarlyError):
        chain.run(1, 2)


def manifest(chain: Chain, stage: int) -> dict:
    return dict(read_json(chain.result(stage) / "manifest.json"))


def test_a_session_on_another_device_goes_on_and_manifest_and_ledger_say_so(
    machine: Machine, chain: Chain, capsys: pytest.CaptureFixture
) -> None:
    stopped_on(machine, V100, chain)
    machine.has(A100)
    chain.run(1)
    said = capsys.readouterr().out
    assert "going on from the checkpoint at step 2" in said
    assert "A100 (sm_80), cuDNN 9.10.2, and the steps before 2 were computed on Tesla V100" in said
    found = manifest(chain, 1)
    assert found["exactness"] == ON_A100.format(2)
    assert [(one["name"], one["step"]) for one in found["devices"]] == [("Tesla V100 (sm_70)", 0), ("A100 (sm_80)", 2)]
    assert found["hardware"] == json.loads(json.dumps(A100.as_json()))
    ledger = sessions(chain.live(1) / "sessions.jsonl")
    assert [one["device"] for one in ledger] == [V100.line(), A100.line()]
    assert [one["device_kind"]["name"] for one in ledger] == ["Tesla V100 (sm_70)", "A100 (sm_80)"]
    assert [one["exactness"] for one in ledger] == [None, ON_A100.format(2)]
    assert found["sessions"] == ledger


def test_the_stages_after_it_are_not_byte_exact_either(machine: Machine, chain: Chain) -> None:
    stopped_on(machine, V100, chain)
    machine.has(A100)
    chain.run(1)
    chain.run(2)
    assert manifest(chain, 2)["exactness"] == ON_A100.format(2)


def test_a_stage_whose_parent_was_trained_on_another_device_says_so(machine: Machine, chain: Chain) -> None:
    machine.has(V100)
    chain.run(1)
    assert manifest(chain, 1)["exactness"] is None
    machine.has(A100)
    with pytest.raises(StoppedEarlyError):
        chain.run(2, 1)
    machine.has(V100)
    chain.run(2)
    found = manifest(chain, 2)
    assert [(one["name"][:5], one["step"]) for one in found["devices"]] == [("Tesla", 0), ("A100 ", 6), ("Tesla", 7)]
    assert found["exactness"].startswith("not byte-exact, continued on A100 (sm_80), cuDNN 9.10.2 from step 6, Tesla")


def test_what_stays_on_one_kind_of_device_is_exact_and_has_the_bytes_of_a_run_in_one(
    machine: Machine, chain: Chain, settings: dict, records: Path, tmp_path: Path
) -> None:
    stopped_on(machine, V100, chain)
    chain.run(1)
    assert manifest(chain, 1)["exactness"] is None
    whole = Chain(settings, records, tmp_path / "whole", "joints-s1")
    whole.run(1)
    assert chain.bytes(1) == whole.bytes(1)


def test_where_that_is_refused_the_checkpoint_waits_for_its_device(
    machine: Machine, chain: Chain, settings: dict, records: Path, tmp_path: Path
) -> None:
    stopped_on(machine, V100, chain)
    careful = {**settings, "training": {**settings["training"], "other_device": "refuse"}}
    refusing = Chain(careful, records, tmp_path, "joints-s1")
    machine.has(A100)
    with pytest.raises(GestureError, match=r"training\.other_device: this is A100 .* before 2 were computed on Tesla"):
        refusing.run(1)
    assert read_json(chain.live(1) / "outcome.json")["exit_code"] == 2
    machine.has(V100)
    refusing.run(1)
    assert manifest(chain, 1)["exactness"] is None
    assert sessions(chain.live(1) / "sessions.jsonl")[-1]["step"] == 2, "nothing was moved aside"


def test_refusing_other_devices_is_in_no_digest(settings: dict) -> None:
    digests = set()
    for value in ("continue", "refuse"):
        experiment = parse({**settings, "training": {**settings["training"], "other_device": value}}, "test")
        digests.add(stage_digest(experiment, member(experiment, "joints-s1"), 1))
    assert len(digests) == 1


def test_a_checkpoint_of_0_1_0_is_continued_and_nothing_is_said_of_what_is_not_known(
    machine: Machine, chain: Chain, capsys: pytest.CaptureFixture
) -> None:
    stopped_on(machine, V100, chain)
    for path in chain.live(1).glob("step-*/state.json"):
        state = {key: value for key, value in read_json(path).items() if key not in ("devices", "digest")}
        write_json(path, {**state, "digest": value_digest(state)})
    machine.has(A100)
    chain.run(1)
    said = capsys.readouterr().out
    assert "going on from the checkpoint at step 2" in said
    assert "which device the steps before 2 were computed on is not known" in said
    found = manifest(chain, 1)
    assert found["exactness"] is None
    assert [(one["name"], one["step"]) for one in found["devices"]] == [("A100 (sm_80)", 2)]


def command_of(chain: Chain, settings: dict, *more: str) -> list[str]:
    path = chain.folder / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    return [
        *("train", "--settings", str(path), "--records", str(chain.records), "--stage", "1", "--member", "joints-s1"),
        *("--checkpoints", str(chain.live(1)), "--output", str(chain.result(1)), *more),
    ]


def test_a_gpu_that_was_asked_for_and_is_not_there_ends_the_job_before_it_touches_a_checkpoint(
    machine: Machine, chain: Chain, settings: dict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    stopped_on(machine, V100, chain)
    checkpoints = {path: path.read_bytes() for path in chain.live(1).glob("step-*/*")}
    machine.has(NO_GPU)
    monkeypatch.setattr("gesture.base.session.Session.catch_signals", lambda session: None)
    monkeypatch.setattr("gesture.schedulers.gpu_locks.visible", list)
    capsys.readouterr()
    assert main(command_of(chain, settings, "--gpus", "1")) == 71
    said = capsys.readouterr()
    reason = "1 GPU was asked for, and there is none: libcusolver.so.11 cannot be opened"
    assert said.err == f"gesture train: {reason}\n"
    assert "CPU" not in said.out
    outcome = read_json(chain.live(1) / "outcome.json")
    assert (outcome["exit_code"], outcome["message"], outcome["host"]) == (71, reason, socket.gethostname())
    assert {path: path.read_bytes() for path in chain.live(1).glob("step-*/*")} == checkpoints
    chain.job(1).refuse_if_failed_for_good()


def test_fewer_gpus_than_asked_for_are_refused(machine: Machine, chain: Chain) -> None:
    machine.has(V100)
    experiment = chain.experiment
    job = StageJob.prepare(
        experiment, "joints-s1", 1, chain.records, None, chain.live(1), chain.result(1), threads=1, gpus=2
    )
    with pytest.raises(UnfitNodeError, match=r"2 GPUs were asked for, and TensorFlow finds 1: 1 x Tesla V100"):
        loop.train(job, None, None, None)  # type: ignore[arg-type]  # it comes to none of them


def test_more_devices_in_the_settings_than_the_job_asks_for_are_the_users_mistake(
    settings: dict, records: Path, tmp_path: Path
) -> None:
    two = parse({**settings, "training": {**settings["training"], "devices": 2}}, "test")
    with pytest.raises(
        GestureError, match=r"training\.devices: 2 GPUs share a batch, and this job asks for 1"
    ) as error:
        StageJob.prepare(two, "joints-s1", 1, records, None, tmp_path / "a", tmp_path / "b", threads=1, gpus=1)
    assert error.value.exit_code == 2


def test_the_first_line_of_a_session_names_the_device_and_that_no_gpu_was_asked_for(
    machine: Machine, chain: Chain, capsys: pytest.CaptureFixture
) -> None:
    machine.has(NO_GPU)
    chain.run(1)
    assert capsys.readouterr().out.splitlines()[0] == "joints-s1 stage 1: CPU: EPYC; no GPU was asked for"
    machine.has(V100)
    chain.run(2)
    assert capsys.readouterr().out.splitlines()[0] == f"joints-s1 stage 2: {V100.line()}"


def test_evaluation_refuses_and_names_its_device_too(
    machine: Machine, chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    machine.has(V100)
    chain.run(1)
    machine.has(A100)
    chain.run(2)
    capsys.readouterr()
    arguments = (chain.experiment, chain.records, "joints-s1", chain.result(2), "test", tmp_path / "test.csv")
    predict.evaluate(*arguments, threads=1, gpus=1)
    assert capsys.readouterr().out.startswith(f"joints-s1 on test: {A100.line()}\n")
    table = read_json(tmp_path / "test.json")
    assert table["device_kind"] == device_kind.kind_of(A100, "float32")
    assert table["hardware"]["gpus"][0]["name"] == "A100"
    assert table["training_exactness"] == ON_A100.format(6)
    (tmp_path / "test.csv").unlink()
    machine.has(NO_GPU)
    with pytest.raises(UnfitNodeError, match=r"libcusolver\.so\.11 cannot be opened"):
        predict.evaluate(*arguments, threads=1, gpus=1)
    assert not (tmp_path / "test.csv").exists()


def test_float32_means_float32_unless_tf32_is_asked_for() -> None:
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    for precision, expected in (("tf32", True), ("float32", False), ("float16", False)):
        pin(1, precision=precision)
        assert enabled() is expected


def test_on_a_cpu_tf32_computes_as_float32(settings: dict, records: Path, tmp_path: Path) -> None:
    weights = []
    for precision in ("float32", "tf32"):
        changed = {**settings, "training": {**settings["training"], "precision": precision}}
        one = Chain(changed, records, tmp_path / precision, "joints-s1")
        one.run(1)
        weights.append(one.bytes(1))
        kind = {"name": "CPU", "cudnn": None, "tf32": False, "precision": precision}
        assert manifest(one, 1)["devices"] == [{**kind, "step": 0}]
    assert weights[0] == weights[1]


def test_tensorflow_is_imported_without_tf32_and_without_trying_out_convolutions() -> None:
    script = (
        "import os; from gesture.base.tensorflow import import_tensorflow; import_tensorflow()\n"
        "import tensorflow as tf\n"
        "print(tf.config.experimental.tensor_float_32_execution_enabled(), os.environ['TF_CUDNN_USE_AUTOTUNE'])"
    )
    environment = {key: value for key, value in os.environ.items() if key != "TF_CUDNN_USE_AUTOTUNE"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["False", "0"]
