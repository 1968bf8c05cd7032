"""What the 2019 program did that one would not expect, one test each: reproduced by a setting, or mended.

`legacy: true` switches on what the numbers of 2019 need; what only wasted work or misled is mended for good.
"""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from made_up_arrays import settings_of, write_arrays
from test_models_smnet import batch_of, logits_of, tiny

from gesture.average.output import write_submission
from gesture.config.schedule import rates
from gesture.config.settings import Data, Training, parse
from gesture.convert.convert import convert
from gesture.convert.reader import Records
from gesture.download.download import download
from gesture.evaluate.predict import Predictor
from gesture.evaluate.predictions import read_predictions, write_predictions
from gesture.inputs.batch import Inputs
from gesture.inputs.order import batch_at, steps_per_epoch
from gesture.inputs.pictures import SkeletonPictures
from gesture.inputs.pipeline import training_batches
from gesture.inputs.skeleton import Skeleton
from gesture.legacy2019.softlabel import write_labels
from gesture.networks.smnet import SMnetSettings
from gesture.train.optimiser import TwoRateAdam


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    folder = tmp_path_factory.mktemp("quirks")
    experiment = parse(settings_of(write_arrays(folder / "arrays")), "c.yaml")
    download(experiment, folder / "raw.json", 1)
    convert(experiment, folder / "raw.json", folder / "records/manifest.json", 1)
    return Records(folder / "records/manifest.json")


def test_legacy_switches_all_on_that_the_numbers_of_2019_need():
    settings = SMnetSettings(legacy=True)
    assert (settings.layout, settings.score_divisor, settings.recurrent_dropout_always) == ("padded", "batch", True)
    assert SMnetSettings(legacy=True, recurrent_dropout_always=False).recurrent_dropout_always is False
    assert SMnetSettings(**settings.model_dump()) == settings


# ---- Settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("always", [False, True])
def test_recurrent_dropout_at_evaluation_only_where_asked(always: bool):
    network, batch = tiny(recurrent_dropout_always=always), batch_of([20])
    one, two = (network(batch, training=False)[0].numpy() for _ in range(2))
    assert np.array_equal(one, two) is not always


def test_soft_labels_depend_on_the_longest_of_the_batch_only_where_asked():
    alone, together = batch_of([3]), batch_of([3, 60])
    for divisor, equal in (("own", True), ("batch", False)):
        network = tiny(score_divisor=divisor)
        one, both = (network.scores(*network(batch)).numpy()[0] for batch in (alone, together))
        assert np.allclose(one, both, atol=1e-5) is equal
        assert one.argmax() == both.argmax(), "the class is the same"
        assert np.allclose(one, both * (1 if equal else 4), atol=1e-5)


def test_padding_clips_move_the_batch_statistics_only_where_asked():
    means = {}
    for layout in ("flat", "padded"):
        network = tiny(layout=layout)
        network(batch_of([50, 3], layout), training=True)
        means[layout] = network.encoders[0].norm.moving_mean.numpy()
    assert not np.allclose(means["flat"], means["padded"])


def test_scale_and_shift_of_the_stacks_are_trained_only_where_asked():
    fixed, trained = tiny(), tiny(train_stack_norm=True)
    assert len(trained.main_variables) - len(fixed.main_variables) == 3 * 3 * 2
    assert len(trained.pretrained_variables) == len(fixed.pretrained_variables) == 3 * 3 * 2


def test_validation_sequences_are_trained_on_only_where_asked(records: Records):
    apart, together = (records.positions("training", Data(train_on_validation=both)) for both in (False, True))
    assert set(together) - set(apart) == set(records.positions("validation", Data()))


def test_weight_decay_is_off_and_works_where_asked():
    def shrunk(**changes) -> float:
        network = tiny(["skeleton"])
        optimiser = TwoRateAdam(network, Training(stages=[{"steps": 1, "learning_rate": 0.1}], **changes))
        before = np.abs(network.logits.kernel.numpy()).sum()
        still = [tf.zeros_like(one.value) for one in optimiser.variables]
        optimiser.apply(still, tf.constant(0.1), tf.constant(0.1))
        return float(np.abs(network.logits.kernel.numpy()).sum() / before)

    assert shrunk() == 1
    assert shrunk(weight_decay=0.1) == pytest.approx(0.99)


# ---- Kept, since the weights of 2019 expect it -----------------------------------------------------------------------


@pytest.mark.parametrize(("length", "clips"), [(15, 1), (16, 2), (17, 2)])
def test_an_empty_clip_follows_a_multiple_of_16_frames_and_counts(length: int, clips: int):
    assert len(logits_of(tiny(), batch_of([length]))[0]) == clips


def test_biases_before_a_batch_norm_exist_and_change_nothing_in_training():
    network, batch = tiny(["rgb"], dropout=0, recurrent_dropout=0), batch_of([20, 30])
    before = network(batch, training=True)[0].numpy()
    network.encoders[0].stack.convolutions[0].bias.assign_add([0.5, -2.0])
    assert np.allclose(network(batch, training=True)[0], before, atol=1e-4)
    assert not np.allclose(network(batch, training=False)[0], tiny(["rgb"])(batch, training=False)[0], atol=1e-4)


# ---- Mended ----------------------------------------------------------------------------------------------------------


def test_both_optimisers_see_the_gradients_of_the_same_weights():
    """In 2019 the stacks' gradients might be taken after the heads had moved."""
    batch, labels = batch_of([20, 30]), tf.constant([0, 1])

    def gradients(network, variables):
        with tf.GradientTape() as tape:
            loss = network.loss(*network(batch), labels)
        return tape.gradient(loss, [one.value for one in variables])

    def moved(race: bool) -> np.ndarray:
        network = tiny(["rgb"])
        optimiser = TwoRateAdam(network, Training(stages=[{"steps": 1, "learning_rate": 0.1}]))
        first = gradients(network, optimiser.variables)
        if race:
            for variable, gradient in zip(network.main_variables, first, strict=False):
                variable.assign_sub(0.1 * tf.sign(gradient))
            main = len(network.main_variables)
            first[main:] = gradients(network, network.pretrained_variables)
        optimiser.apply(first, tf.constant(0.1), tf.constant(0.01))
        # The first moment, for the size of Adam's first step says nothing of the gradient's.
        return np.concatenate([one.numpy().ravel() for one in optimiser._adams[1]._momentums])

    network = tiny(["rgb"])
    clean = np.concatenate([one.numpy().ravel() for one in gradients(network, network.pretrained_variables)])
    assert np.allclose(moved(race=False), 0.1 * clean, rtol=1e-5, atol=1e-8)
    assert not np.allclose(moved(race=True), 0.1 * clean, rtol=1e-2, atol=1e-8)


def test_every_step_trains_and_an_epoch_loses_nothing(records: Records):
    """In 2019 the step that met the end of the data trained nothing, and each line of the log cost a batch."""
    positions = records.positions("training", Data())
    training = Training(stages=[{"epochs": 2, "learning_rate": 0.1}], batch_size=5)
    steps = steps_per_epoch(len(positions), training.batch_size)
    inputs = Inputs((Skeleton(),))
    batches = list(training_batches(records, positions, inputs, training, 1, range(2 * steps)))
    assert len(batches) == 2 * steps
    assert sum(len(batch["length"]) for batch in batches) == 2 * len(positions)
    seen = np.concatenate([batch_at(step, len(positions), training.batch_size, seed=1) for step in range(steps)])
    assert sorted(seen) == list(range(len(positions)))


def test_a_short_last_batch_counts_as_what_it_is(records: Records):
    """In 2019 the accuracy was divided by batches times their size."""
    positions = records.positions("test", Data())
    network = tiny(["skeleton"])
    inputs = Inputs((SkeletonPictures(),))
    whole, by_two = (Predictor(network, records, positions, inputs, batch)() for batch in (3, 2))
    assert len(positions) == len(by_two) == 3
    assert np.allclose(whole, by_two, atol=1e-6)


def test_a_submission_names_ids_and_that_of_2019_ranks(tmp_path: Path):
    softmaxes = np.array([[0.1, 0.9], [0.8, 0.2]], np.float32)
    write_predictions(tmp_path / "member.csv", [7, 3], softmaxes, None, {})
    table = read_predictions(tmp_path / "member.csv")
    write_submission(tmp_path / "ours.csv", table)
    write_labels(tmp_path / "theirs.csv", table.chosen)
    assert (tmp_path / "ours.csv").read_text().split() == ["Id,y", "3,1", "7,2"]
    assert (tmp_path / "theirs.csv").read_text().split() == ["Id,y", "1,1", "2,2"]


def test_an_exponential_schedule_counts_every_step_once():
    """In 2019 the counter that it followed went up by two a step."""
    training = Training(
        stages=[{"steps": 500, "learning_rate": 1e-2, "final_learning_rate": 0.97e-2}],
        learning_rate_schedule="exponential",
    )
    at_half, at_end = (rates(training, 1, step, sequences=4)[0] for step in (250, 500))
    assert at_half == pytest.approx(1e-2 * 0.97**0.5)
    assert at_end == pytest.approx(0.97e-2)


# Elsewhere: the doubled step counter and its lost additions (test_restore_start.py), skipped frames, which are refused
# (test_restore.py), and the evaluation that ended in a TypeError: here it is a command of its own.
