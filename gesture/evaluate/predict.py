"""Softmaxes of a trained member over a split, written as a predictions table."""

from collections import deque
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gesture.base import device_kind
from gesture.base.errors import GestureError
from gesture.base.files import read_manifest, require_digest
from gesture.base.hardware import hardware
from gesture.config.layout import MANIFEST, WEIGHTS
from gesture.config.members import Member, member
from gesture.config.settings import Experiment
from gesture.config.splits import stored_as, trained_on
from gesture.convert.reader import Records, digest_of
from gesture.evaluate.failures import failures_said
from gesture.evaluate.predictions import write_predictions
from gesture.inputs.batch import Inputs
from gesture.inputs.feed import usual_workers
from gesture.inputs.pipeline import copied_ahead, evaluation_batches
from gesture.networks.layers.build import build
from gesture.networks.layers.network import GestureNetwork
from gesture.networks.layers.runtime import ahead_on, lag, pin


def build_member(who: Member, records: Records, scope: AbstractContextManager[Any] | None = None) -> GestureNetwork:
    """The member's network with its initial weights, a pure function of settings and seed, made inside ``scope``."""
    # Keras numbers layer names through a process and writes them into the file: the bytes must not depend on that.
    keras.utils.clear_session()
    variant = who.variant
    size, classes = records.manifest["size"], len(records.class_names)
    precision, gradient_checkpointing = variant.training.precision, variant.training.gradient_checkpointing
    with scope or nullcontext():
        return build(variant.network, variant.modalities, classes, size, who.seed, precision, gradient_checkpointing)


def softmax_of(network: GestureNetwork, batch: dict[str, tf.Tensor]) -> tf.Tensor:
    """Softmaxes `(B, K)` float32 of the sequences of a batch."""
    logits, steps = network(batch, training=False)
    return tf.nn.softmax(network.scores(logits, steps))


class Predictor:
    """Evaluates a network on the same sequences any number of times."""

    def __init__(
        self,
        network: GestureNetwork,
        records: Records,
        positions: np.ndarray,
        inputs: Inputs,
        batch: int,
        workers: int = 1,
    ) -> None:
        """Nothing is read yet.

        Args:
            network: as it is when called.
            records: where the sequences are.
            positions: `(N,)`, rows of the index.
            inputs: what the network is fed.
            batch: sequences at once.
            workers: threads that make batches.
        """
        self._shape = (len(positions), len(records.class_names))
        # Made and compiled once: TensorFlow keeps 12 kB of every data set that was ever made from a generator.
        self._batches = evaluation_batches(records, positions, inputs, batch, workers)
        self._step = tf.function(partial(softmax_of, network), reduce_retracing=True)

    def __call__(self) -> np.ndarray:
        """Softmaxes of the sequences, `(N, K)` float32.

        Raises:
            FailedForGoodError: a record is damaged, or shapes do not fit.
        """
        found: list[np.ndarray] = []
        unread: deque[tf.Tensor] = deque()
        with failures_said("the predictions"):
            for batch in copied_ahead(self._batches, ahead_on()):
                unread.append(self._step(batch))
                if len(unread) > lag():
                    found.append(unread.popleft().numpy())
            found += [one.numpy() for one in unread]
        return np.concatenate(found) if found else np.zeros(self._shape, np.float32)


def evaluate(
    experiment: Experiment,
    records: Path,
    member_name: str,
    weights: Path,
    split: str,
    output: Path,
    threads: int,
    gpus: int = 0,
    workers: int | None = None,
) -> None:
    """Predicts every sequence that plays the role ``split`` and writes the table ``output`` with its manifest.

    Args:
        experiment: resolved settings.
        records: manifest of the records.
        member_name: who predicts.
        weights: result folder of the member's last stage.
        split: ``training``, ``validation`` (held-out subjects, if any, instead of the data set's own) or ``test``.
        output: CSV to write; its manifest goes beside it.
        threads: TensorFlow threads.
        gpus: that were asked for; 0 = it computes on the CPU.
        workers: threads that make batches; they change no byte. None = what this node has cores for.

    Raises:
        UnfitNodeError: there are fewer.
        GestureError: weights or records are missing, or belong to something else.
        FailedForGoodError: a record or the index is damaged; nothing is written.
    """
    who = member(experiment, member_name)
    trained = read_manifest(weights / MANIFEST, "train", member=str, fingerprint=dict, weights_sha256=str)
    data = Records(records)
    expected = digest_of(data.manifest, *trained_on(experiment.data))
    if trained["member"] != member_name or trained["fingerprint"].get("data") != expected:
        raise GestureError(f"{weights}: was trained as {trained['member']} on other records than {records}")
    precision = who.variant.training.precision
    pin(threads, precision=precision)
    here = hardware()
    device_kind.require(gpus, here)
    print(f"{member_name} on {split}: {here.line()}" + ("" if gpus or here.gpus else "; no GPU was asked for"))
    network = build_member(who, data)
    require_digest(weights / WEIGHTS, trained["weights_sha256"], "train")
    network.load_weights(weights / WEIGHTS)
    positions = data.positions(split, experiment.data)
    inputs, batch = Inputs.of(who.variant), who.variant.training.validation_batch_size
    workers = workers or usual_workers(threads, on_gpu=lag() > 0)
    softmaxes = Predictor(network, data, positions, inputs, batch, workers)()
    labels = data.labels(positions)
    manifest = {
        "step": "evaluate",
        "split": split,
        "member": member_name,
        "data_digest": digest_of(data.manifest, stored_as(split, experiment.data)),
        "checkpoint_digest": trained["weights_sha256"],
        "training_exactness": trained.get("exactness"),
        "device_kind": device_kind.kind_of(here, precision),
        "hardware": here.as_json(),
    }
    write_predictions(output, data.ids(positions), softmaxes, labels, manifest)
    known = labels >= 0
    if known.any():
        accuracy = float((softmaxes.argmax(1) == labels)[known].mean())
        print(f"{member_name} on {split}: accuracy {accuracy:.4f} of {int(known.sum())} labelled sequences")
    else:
        print(f"{member_name} on {split}: {len(positions)} sequences, no labels")
