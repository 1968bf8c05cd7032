"""Several devices that share each batch: two logical CPUs, which `conftest.py` makes. About 40 s in all."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_arrays import settings_of, write_arrays
from test_training import WEIGHTS, Cadence, Chain, make_records

from gesture.base.errors import GestureError, StoppedEarlyError
from gesture.config.digests import stage_digest
from gesture.config.members import member
from gesture.config.settings import parse
from gesture.networks.layers.blocks import BatchNorm
from gesture.train.devices import Batch, Devices, part_of


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Networks with and without dropout and batch norm; twelve sequences in a batch of eleven and one of one."""
    settings = settings_of(write_arrays(tmp_path_factory.mktemp("arrays")))
    exact = {"model": "transformer", "frames": 6, "width": 4, "heads": 1, "blocks": 1, "dropout": 0.0}
    variants = {"joints": settings["variants"]["joints"], "exact": {"network": exact, "modalities": ["skeleton"]}}
    training = {
        "batch_size": 11,
        "stages": [{"steps": 3, "learning_rate": 1e-3}],
        "gradient_clip_norm": 0.5,
        "ema_decay": 0.9,
    }
    return {**settings, "variants": variants, "training": training}


@pytest.fixture(scope="module")
def records(small: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_records(small, tmp_path_factory.mktemp("records"))


def on(devices: int, small: dict) -> dict:
    return {**small, "training": {**small["training"], "devices": devices}}


def test_a_run_on_two_devices_that_is_interrupted_ends_in_the_same_bytes(
    small: dict, records: Path, tmp_path: Path
) -> None:
    whole, chain = (Chain(on(2, small), records, tmp_path / name, "joints-s1") for name in ("whole", "chain"))
    whole.run(1)
    with pytest.raises(StoppedEarlyError):
        chain.run(1, stop_after=2, cadence=Cadence(0))
    chain.run(1)
    assert chain.bytes(1) == whole.bytes(1)


def test_without_dropout_and_batch_norm_two_devices_go_the_way_of_one(
    small: dict, records: Path, tmp_path: Path
) -> None:
    plain = {**small, "training": {**small["training"], "ema_decay": 0.0}}
    chains = [Chain(on(count, plain), records, tmp_path / str(count), "exact-s1") for count in (1, 2)]
    for chain in chains:
        chain.run(1)
    # Adam's moments are the gradients: other sequences, or a sum of wrong size, would show in them first.
    for name, tolerance in zip(WEIGHTS, (1e-6, 1e-7), strict=True):
        one, two = (arrays_of(chain.result(1) / name) for chain in chains)
        for arrays in (one, two):  # a softmax does not see its keys' bias: Adam makes a step of mere rounding
            arrays.pop("body/attention_block/queries_keys_values/vars/1", None)
        assert one.keys() == two.keys()
        for key in one:
            np.testing.assert_allclose(two[key], one[key], rtol=1e-4, atol=tolerance, err_msg=key)


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, one: found.update({name: one[()]}) if isinstance(one, h5py.Dataset) else None)
    return found


@given(st.lists(st.integers(1, 3), min_size=1, max_size=7), st.integers(1, 4), st.booleans())
@settings(max_examples=30, deadline=None)
def test_the_parts_of_a_batch_are_the_batch_in_order(clips: list[int], devices: int, padded: bool) -> None:
    counts = [max(clips)] * len(clips) if padded else clips
    owners = np.repeat(np.arange(len(clips)), counts)
    batch = {"clips": tf.constant(clips), "label": tf.range(len(clips)), "rgb": tf.constant(owners[:, None])}
    parts = [part_of(batch, tf.constant(number), devices, padded) for number in range(devices)]
    own = [part for part, is_own in parts if is_own]
    assert np.concatenate([part["label"] for part in own]).tolist() == list(range(len(clips)))
    assert len(own) == min(devices, len(clips))
    for part, _ in parts:
        label, count = part["label"].numpy(), part["clips"].numpy()
        shown = np.full(len(count), count.max()) if padded else count
        assert part["rgb"].numpy()[:, 0].tolist() == np.repeat(label, shown).tolist()


def test_an_array_that_is_of_no_kind_of_input_is_not_cut_by_guess() -> None:
    batch = {"clips": tf.constant([1, 2]), "label": tf.range(2), "nonesuch": tf.zeros((3, 1))}
    with pytest.raises(GestureError, match="'nonesuch' is not a kind of input"):
        part_of(batch, tf.constant(0), 2, False)


@pytest.mark.parametrize("labels", [[5], [5, 1], [5, 1, 3]])
def test_the_devices_losses_add_up_to_the_mean_over_the_batch(labels: list[int]) -> None:
    batch = {"label": tf.constant(labels), "clips": tf.ones(len(labels), tf.int32)}

    def loss(part: Batch, seeds: tf.Tensor, weigh) -> tf.Tensor:
        return weigh(tf.reduce_mean(tf.cast(part["label"], tf.float32)), part["clips"])

    devices = Devices(2, padded=False)
    found = tf.function(lambda: devices.run(loss, batch, tf.zeros((2, 1, 2), tf.int64)))()
    assert float(found) == pytest.approx(np.mean(labels))


def test_each_device_draws_dropout_masks_of_its_own_and_moving_statistics_are_their_mean() -> None:
    devices = Devices(2, padded=False)
    with devices.scope():
        norm = BatchNorm(momentum=0.0, fused=False)
        norm.build((None, 1))
    batch = {"label": tf.constant([0, 0, 8]), "clips": tf.ones(3, tf.int32)}

    def seeds_as_loss(part: Batch, seeds: tf.Tensor, weigh) -> tf.Tensor:
        norm(tf.cast(part["label"], tf.float32)[:, None], training=True)
        return tf.cast(seeds[0, 0], tf.float32)

    found = tf.function(lambda: devices.run(seeds_as_loss, batch, tf.constant([[[3, 0]], [[40, 0]]], tf.int64)))()
    assert float(found) == 43
    assert float(norm.moving_mean.numpy()[0]) == 2  # of 0 on the first device, and 4 on the second


@pytest.mark.parametrize(
    ("change", "message"),
    [({"devices": 12}, "cannot share a batch of 11"), ({"devices": 2, "augmentation": {"mixup": 1}}, "mixup")],
)
def test_what_devices_cannot_share_is_refused(small: dict, change: dict, message: str) -> None:
    with pytest.raises(GestureError, match=message):
        parse({**small, "training": {**small["training"], **change}}, "test")


def test_only_more_than_one_device_changes_what_a_stage_depends_on(small: dict) -> None:
    one, explicit, two = (parse(value, "test") for value in (small, on(1, small), on(2, small)))
    digests = [stage_digest(each, member(each, "joints-s1"), 1) for each in (one, explicit, two)]
    assert digests[0] == digests[1] != digests[2]
