"""Damaged weights, optimiser slots, checkpoints and files of pretrained weights, read as training does; TensorFlow."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import keras
import made_up_torch
import numpy as np
import pytest
import tensorflow as tf
from harness import Subject
from mutations import BYTES, JSON
from test_fuzz_files import digest, of

from gesture.base.errors import GestureError
from gesture.base.files import file_digest, sealed, write_json
from gesture.base.lease import Lease
from gesture.config.settings import Stage, Training
from gesture.legacy2019.pretrained import read_convolutions
from gesture.networks.layers.build import build
from gesture.networks.smnet import CONVOLUTIONS
from gesture.networks.tcn import TcnSettings
from gesture.train.checkpoint import Checkpoints
from gesture.train.optimiser import TwoRateAdam
from gesture.train.result_files import read_state, write_state

Check = Callable[[Subject], None]
FINGERPRINT = {"settings": "s", "data": "d"}
TRAINING = Training(stages=[Stage(steps=1, learning_rate=0.1)])


# ---- Results of a stage ---------------------------------------------------------------------------------------------


def network_and_optimiser(seed: int) -> tuple[Any, TwoRateAdam]:
    keras.utils.clear_session()
    network = build(TcnSettings(width=4, blocks=1), ("skeleton",), classes=3, image_size=16, seed=seed)
    return network, TwoRateAdam(network, TRAINING)


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """What a stage leaves."""
    write_state(tmp_path, *network_and_optimiser(1))
    manifest = {
        "weights_sha256": file_digest(tmp_path / "model.weights.h5"),
        "optimiser_sha256": file_digest(tmp_path / "optimiser.h5"),
    }
    write_json(tmp_path / "manifest.json", sealed(manifest))
    return tmp_path


def reading_state() -> Callable[[Path], str]:
    network, optimiser = network_and_optimiser(2)

    def read(folder: Path) -> str:
        read_state(folder, network, optimiser)
        return digest([one.numpy() for one in (*network.weights, *optimiser.state)])

    return read


def test_weights(check: Check, stage: Path) -> None:
    check(Subject("weights", stage, ["model.weights.h5"], reading_state(), BYTES, cases=40))


def test_optimiser_slots(check: Check, stage: Path) -> None:
    check(Subject("optimiser slots", stage, ["optimiser.h5"], reading_state(), BYTES, cases=40))


def test_manifests_of_stages(check: Check, stage: Path) -> None:
    check(Subject("stage's digests", stage, ["manifest.json"], reading_state(), JSON, cases=40))


def test_weights_and_slots_without_a_digest(check: Check, stage: Path) -> None:
    """As 0.1.0 left slots: a changed number passes, but nothing ends in a traceback."""
    (stage / "manifest.json").unlink()
    network, optimiser = network_and_optimiser(2)

    def read(folder: Path) -> str:
        digests = {"weights_sha256": file_digest(folder / "model.weights.h5")}
        write_json(folder / "manifest.json", digests)
        read_state(folder, network, optimiser)
        return digest([one.numpy() for one in (*network.weights, *optimiser.state)])

    files = ["optimiser.h5", "model.weights.h5"]
    check(Subject("HDF5 without a digest", stage, files, read, BYTES, vouched=False, cases=60))


# ---- Checkpoints ----------------------------------------------------------------------------------------------------


def state_of(number: int) -> SimpleNamespace:
    values = [keras.Variable(np.full(300, number, np.float32))]
    return SimpleNamespace(weights=values, state=values)


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """Checkpoints of steps 10, 20 and 30, the first the best."""
    with Lease(tmp_path) as lease:
        checkpoints = Checkpoints(tmp_path, lease, FINGERPRINT)
        for number in (10, 20, 30):
            state: Any = state_of(number)
            checkpoints.save(state, state, number, best=number == 10)
    return tmp_path


def restored(folder: Path) -> str:
    """What a session goes on from; a checkpoint that is passed over is told."""
    with Lease(folder) as lease:
        checkpoints = Checkpoints(folder, lease, FINGERPRINT)
        state: Any = state_of(-1)
        step = checkpoints.restore(state, state)
    if checkpoints.remarks:
        raise GestureError("\n".join(checkpoints.remarks))
    return digest([step, state.weights[0].numpy()])


def test_checkpoints(check: Check, live: Path) -> None:
    check(Subject("checkpoints", live, of(live, "step-*/state.bin"), restored, BYTES))


def test_states_of_checkpoints(check: Check, live: Path) -> None:
    check(Subject("checkpoints' states", live, of(live, "step-*/state.json"), restored, JSON))


def test_pointers(check: Check, live: Path) -> None:
    check(Subject("pointers", live, of(live, "LAST-*.json"), restored, JSON))


# ---- Weights from elsewhere -----------------------------------------------------------------------------------------


def c3d() -> dict[str, np.ndarray]:
    """Convolutions of the smallest widths."""
    rng = np.random.default_rng(0)
    found = {}
    for name, fan_in, width in zip(CONVOLUTIONS, (3, *[2] * 7), [2] * 8, strict=True):
        found[f"wc{name}"] = rng.normal(size=(3, 3, 3, fan_in, width)).astype(np.float32)
        found[f"bc{name}"] = rng.normal(size=width).astype(np.float32)
    return found


def write_keras(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name, one in c3d().items():
            file[f"conv{name[2:]}/{'kernel' if one.ndim == 5 else 'bias'}:0"] = one


def torch_state() -> dict[str, np.ndarray]:
    parts = {"w": "weight", "b": "bias"}
    return {
        f"conv{key[2:]}.{parts[key[0]]}": one.transpose(4, 3, 0, 1, 2) if one.ndim == 5 else one
        for key, one in c3d().items()
    }


def write_tensorflow(path: Path) -> None:
    tensors = {f"var_name/{name}": one for name, one in c3d().items()}
    names = list(tensors)
    values = [tf.constant(tensors[name]) for name in names]
    tf.raw_ops.SaveV2(prefix=str(path), tensor_names=names, shape_and_slices=[""] * len(names), tensors=values)


def write_tensorflow_1(path: Path) -> None:
    shutil.copy(Path(__file__).parents[1] / "data/smnet/pretrained_v1/c3d_sk.chkp", path)


FORMS: dict[str, Callable[[Path], None]] = {
    "c3d.h5": write_keras,
    "c3d.pth": lambda path: made_up_torch.write_zip(path, torch_state()),
    "c3d.pickle": lambda path: made_up_torch.write_pickles(path, torch_state()),
    "c3d.ckpt": write_tensorflow,
    "c3d.chkp": write_tensorflow_1,
}


@pytest.mark.parametrize("name", FORMS)
def test_pretrained_weights(check: Check, tmp_path: Path, name: str) -> None:
    FORMS[name](tmp_path / name)

    def read(folder: Path) -> str:
        tensors, others = read_convolutions(folder / name)
        return digest([tensors, others])

    files = [path.name for path in sorted(tmp_path.iterdir())]
    check(Subject(f"pretrained {name}", tmp_path, files, read, BYTES, vouched=False, cases=40))
