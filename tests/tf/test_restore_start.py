"""Training goes on from a checkpoint of the 2019 program as if it had never stopped."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf
import yaml
from made_up_arrays import settings_of, write_arrays

from gesture.base.errors import GestureError
from gesture.cli import main
from gesture.config.settings import Training, Variant, parse
from gesture.legacy2019.weights import adam_moments, variables_by_name
from gesture.networks.layers.build import build
from gesture.networks.layers.smnet import SMnet
from gesture.train.optimiser import TwoRateAdam
from gesture.train.stage import StageJob
from gesture.train.start import load_start

NETWORK = {"model": "smnet", "widths": [2, 3, 2], "head_units": [3, 4, 3], "recurrent_units": 4, "dropout": 0}
MODALITIES = ["rgb", "depth", "mask", "skeleton"]
STAGES = [{"steps": 2, "learning_rate": 1e-2, "pretrained_learning_rate": 1e-3}]


def variant(**changes) -> Variant:
    given = {"network": NETWORK | {"recurrent_dropout": 0}, "modalities": MODALITIES, "training": {"stages": STAGES}}
    return Variant(**given | changes)


def network_of(seed: int, modalities=MODALITIES) -> SMnet:
    network = build(variant().network, modalities, classes=3, image_size=16, seed=seed)
    assert isinstance(network, SMnet)
    return network


def batch_of(seed: int) -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(seed)
    shape = (3, 16, 16, 16)
    return {
        "clips": tf.constant([2, 1]),
        "label": tf.constant([0, 2]),
        "rgb": tf.constant(rng.standard_normal((*shape, 3), np.float32)),
        "depth": tf.constant(rng.random((*shape, 1), np.float32)),
        "skeleton_image": tf.constant(rng.standard_normal((*shape, 3), np.float32)),
    }


def step(network: SMnet, optimiser: TwoRateAdam, seed: int) -> None:
    batch = batch_of(seed)
    with tf.GradientTape() as tape:
        logits, steps = network(batch, training=True)
        loss = network.loss(logits, steps, batch["label"])
    gradients = tape.gradient(loss, [one.value for one in optimiser.variables])
    optimiser.apply(gradients, tf.constant(1e-2), tf.constant(1e-3))


def save_2019(path: Path, network: SMnet, optimiser: TwoRateAdam | None, steps: int) -> Path:
    """Writes a checkpoint as the 2019 program does: variables, both Adam slots of each, and the step counted double."""
    named = variables_by_name(network)
    tensors = {name: variable.numpy() for name, variable in named.items()}
    if optimiser is not None:
        names = {id(variable): name for name, variable in named.items()}
        adams = zip((network.main_variables, network.pretrained_variables), optimiser._adams, strict=True)
        for variables, adam in adams:
            for one, first, second in zip(variables, adam._momentums, adam._velocities, strict=True):
                tensors |= {f"{names[id(one)]}/Adam": first.numpy(), f"{names[id(one)]}/Adam_1": second.numpy()}
    tensors["Training/global_step"] = np.int32(1 + 2 * steps)
    keys = list(tensors)
    values = [tf.constant(tensors[key]) for key in keys]
    tf.raw_ops.SaveV2(prefix=str(path), tensor_names=keys, shape_and_slices=[""] * len(keys), tensors=values)
    return path


def test_a_step_after_the_start_is_the_step_that_would_have_followed(tmp_path: Path):
    whole = network_of(seed=1)
    optimiser = TwoRateAdam(whole, variant().training)
    step(whole, optimiser, 1)
    step(whole, optimiser, 2)
    path = save_2019(tmp_path / "model-5", whole, optimiser, steps=2)
    step(whole, optimiser, 3)

    resumed = network_of(seed=2)
    later = TwoRateAdam(resumed, variant().training)
    said = load_start(variant(start=str(path), blue_first=False), resumed, later)
    assert said.endswith("model-5 of 2019, after 2 steps there")
    step(resumed, later, 3)
    for name, variable in variables_by_name(whole).items():
        assert np.array_equal(variable, variables_by_name(resumed)[name]), name
    assert [int(adam.iterations) for adam in later._adams] == [3, 3]


def test_blue_first_turns_the_colour_kernel_over_and_its_slots_with_it(tmp_path: Path):
    network = network_of(seed=1)
    optimiser = TwoRateAdam(network, variant().training)
    step(network, optimiser, 1)
    path = save_2019(tmp_path / "model-3", network, optimiser, steps=1)
    (steps, *plain), (_, *turned) = (adam_moments(network, path, blue_first) for blue_first in (False, True))
    assert steps == 1
    for before, after in zip(plain, turned, strict=True):
        for name in before:
            expected = before[name][:, :, :, ::-1] if name == "C3D_model/c3d_var/wc1" else before[name]
            assert np.array_equal(after[name], expected)


def test_lost_additions_of_the_unlocked_counter_are_made_good(tmp_path: Path):
    network = network_of(seed=1)
    optimiser = TwoRateAdam(network, variant().training)
    for counter, steps in ((1, 0), (63581, 31790), (82280, 41140)):
        path = save_2019(tmp_path / f"model-{counter}", network, optimiser, steps=(counter - 1) / 2)
        assert adam_moments(network, path)[0] == steps


def test_averaged_weights_begin_at_the_loaded_ones(tmp_path: Path):
    network = network_of(seed=1)
    path = save_2019(tmp_path / "model-9", network, TwoRateAdam(network, variant().training), steps=4)
    resumed = network_of(seed=2)
    optimiser = TwoRateAdam(resumed, Training(stages=STAGES, ema_decay=0.9))
    load_start(variant(start=str(path), blue_first=False), resumed, optimiser)
    with optimiser.averaged_weights():
        assert np.array_equal(resumed.logits.kernel, network.logits.kernel)


def test_a_checkpoint_without_slots_is_refused_and_changes_nothing(tmp_path: Path):
    network = network_of(seed=1)
    path = save_2019(tmp_path / "model-1", network, None, steps=0)
    resumed = network_of(seed=2)
    before = resumed.get_weights()
    with pytest.raises(GestureError, match=r"model-1: does not fit.*no tensor .*/Adam.*it has"):
        load_start(variant(start=str(path)), resumed, TwoRateAdam(resumed, variant().training))
    assert all(np.array_equal(a, b) for a, b in zip(resumed.get_weights(), before, strict=True))


def test_a_stage_starts_from_it_and_is_to_be_made_again_when_it_changes(tmp_path: Path, capsys):
    network = network_of(1, ["skeleton"])
    path = save_2019(tmp_path / "model-3", network, TwoRateAdam(network, variant().training), steps=1)
    settings = settings_of(write_arrays(tmp_path / "arrays"))
    settings["training"] = {"batch_size": 4, "stages": STAGES}
    settings["variants"] = {"clips": {"network": NETWORK, "modalities": ["skeleton"], "start": str(path)}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
    given = ["--settings", str(tmp_path / "c.yaml")]
    main(["download", *given, "--output", str(tmp_path / "raw.json")])
    main(["convert", *given, "--raw", str(tmp_path / "raw.json"), "--output", str(tmp_path / "records/manifest.json")])
    given += ["--records", str(tmp_path / "records/manifest.json"), "--member", "clips-s1", "--stage", "1"]
    train = ["train", *given, "--checkpoints", str(tmp_path / "live"), "--output", str(tmp_path / "result")]

    assert main(train) == 0
    assert "model-3 of 2019, after 1 steps there" in capsys.readouterr().out
    with h5py.File(tmp_path / "result/optimiser.h5") as file:
        assert int(file["main/0000"][()]) == 1 + STAGES[0]["steps"]
    assert main(train) == 0
    assert "done already" in capsys.readouterr().out

    save_2019(path, network, TwoRateAdam(network, variant().training), steps=2)
    job = StageJob.prepare(
        parse(settings, "c.yaml"), "clips-s1", 1, tmp_path / "records/manifest.json", None, tmp_path / "live",
        tmp_path / "result", threads=1,
    )  # fmt: skip
    assert not job.is_done()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": "model-1", "pretrained": "c3d"}, r"give either `pretrained` .* or `start`"),
        ({"start": "model-1", "network": {"model": "tcn"}, "modalities": ["skeleton"]}, r"start: network 'tcn'"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(tmp_path: Path, changes: dict, message: str):
    settings = settings_of(tmp_path)
    settings["variants"] = {"clips": {"network": NETWORK, "modalities": MODALITIES} | changes}
    with pytest.raises(GestureError, match=message):
        parse(settings, "c.yaml")
