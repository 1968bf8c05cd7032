"""Training one stage of one member in one session; read it from top to bottom.

Everything random is a pure function of (seed, step), so weights, optimiser slots and the step are the whole state:
a chain of interrupted sessions ends in the same bytes as one run.
"""

import json
import time
from typing import Any

import numpy as np
import tensorflow as tf

from gesture import __version__
from gesture.errors import StoppedEarlyError
from gesture.files import atomic_folder, file_digest, read_lines, write_json, write_text
from gesture.lease import Lease
from gesture.models.network import GestureNetwork
from gesture.models.predict import Predictor, build_member
from gesture.models.runtime import pin
from gesture.plan import rates
from gesture.records.batch import Inputs
from gesture.records.order import steps_per_epoch
from gesture.records.pipeline import training_batches
from gesture.records.reader import Records
from gesture.session import Session
from gesture.training.checkpoint import Checkpoints, read_state, write_state
from gesture.training.history import History
from gesture.training.ledger import Ledger, sessions
from gesture.training.optimiser import TwoRateAdam
from gesture.training.stage import HISTORY, LEDGER, MANIFEST, WEIGHTS, StageJob, finite_or_fail
from gesture.training.start import load_start

LOSSES_PER_LINE = 50
SECONDS_PER_LINE = 30.0


def train(job: StageJob, lease: Lease, session: Session, save_every: float) -> None:
    """Trains the stage to its end, or saves and stops when the session must end.

    Args:
        job: what to train and where its files are.
        lease: the right to write its checkpoints.
        session: walltime and signals.
        save_every: time between checkpoints [s].

    Raises:
        StoppedEarlyError: the walltime or a signal ended the session; the checkpoint is saved.
        FailedForGoodError: the loss is no number, or a record is damaged.
        HeldByAnotherError: another writer has taken over.
    """
    # ---- data: which sequences train and validate -------------------------------------------------------------
    pin(job.threads)
    training, seed = job.member.variant.training, job.member.seed
    records = Records(job.records)
    positions = records.positions("training", job.experiment.data)
    first, last = job.bounds(len(positions))
    epoch_steps = steps_per_epoch(len(positions), training.batch)

    # ---- state: network, optimiser, and the step they stand at ------------------------------------------------
    network = build_member(job.member, records)
    optimiser = TwoRateAdam(network, training)
    checkpoints = Checkpoints(job.checkpoints, lease, job.fingerprint)
    start = _restore(job, checkpoints, network, optimiser, first)
    history = History(job.checkpoints / HISTORY)
    replayed = history.rewind(start)
    ledger = Ledger(job.checkpoints / LEDGER, start, (first, last), replayed)
    _say(job, f"steps {start} to {last}, {len(positions)} sequences, {epoch_steps} steps an epoch")

    # ---- steps ------------------------------------------------------------------------------------------------
    inputs = Inputs.of(job.member.variant)
    validator = _Validator(network, records, inputs, job)
    batches = training_batches(records, positions, inputs, training, seed, range(start, last))
    step_function = _compile(network, optimiser, training.label_smoothing, batches.element_spec)
    saved_at = said_at = time.monotonic()
    losses: list[float] = []
    done = start

    def note_losses() -> None:
        if losses:
            entry = {"stage": job.stage, "step": done, "epoch": (done - 1) // epoch_steps, "rate": main_rate}
            history.append(kind="train", loss=float(np.mean(losses)), steps=len(losses), **entry)
            losses.clear()

    def save() -> None:
        note_losses()
        began = time.monotonic()
        checkpoints.save(network, optimiser, done)
        session.saw_save(time.monotonic() - began)

    for step, batch in zip(range(start, last), batches, strict=True):
        began = time.monotonic()
        main_rate, pretrained_rate = rates(training, job.stage, step, len(positions))
        loss = step_function(batch, _dropout_seeds(network, seed, step), main_rate, pretrained_rate)
        losses.append(float(loss))
        done = step + 1
        finite_or_fail(losses[-1], step)

        epoch_ends = done % epoch_steps == 0 or done == last
        if len(losses) == LOSSES_PER_LINE or epoch_ends:
            note_losses()
        if epoch_ends:
            with optimiser.averaged_weights():
                validator(history, done, step // epoch_steps)
        if time.monotonic() - said_at > SECONDS_PER_LINE or epoch_ends:
            said_at = time.monotonic()
            _say(job, _progress(done, start, first, last, float(loss), session))
        if step > start:  # the first step also traces the graph
            session.saw_step(time.monotonic() - began)
        reason = session.reason_to_stop()
        if reason is not None and done < last:
            save()
            ledger.end(done, reason)
            raise StoppedEarlyError(f"{reason}: saved at step {done} of {last}; run the same command again to go on")
        if time.monotonic() - saved_at > save_every:
            save()
            saved_at = time.monotonic()

    # ---- result -----------------------------------------------------------------------------------------------
    ledger.end(done, "done")
    lease.require()
    _export(job, network, optimiser, done, ledger)
    checkpoints.remove_all()
    _say(job, f"done: {job.output}")


def _restore(
    job: StageJob, checkpoints: Checkpoints, network: GestureNetwork, optimiser: TwoRateAdam, first: int
) -> int:
    """Where a run starts, in this order; returns the step.

    1. its own newest valid checkpoint, or the one before if that is damaged;
    2. the result of the stage before: weights and optimiser slots;
    3. in stage 1, a checkpoint of 2019 or pretrained convolutions;
    4. initial weights, a pure function of settings and seed.
    """
    step, remarks = checkpoints.restore(network, optimiser)
    for remark in remarks:
        _say(job, remark)
    if step is not None:
        _say(job, f"going on from the checkpoint at step {step}")
        return step
    if job.parent is not None:
        read_state(job.parent, network, optimiser)
        _say(job, f"starting from {job.parent}")
    elif remark := load_start(job.member.variant, network, optimiser):
        _say(job, remark)
    return first


def _compile(network: GestureNetwork, optimiser: TwoRateAdam, label_smoothing: float, batch_spec: Any) -> Any:
    """The training step as one graph with one trace for all batch shapes."""
    generators = network.seed_generators
    scalar = tf.TensorSpec((), tf.float32)
    seeds_spec = tf.TensorSpec((len(generators), 2), tf.int64)

    @tf.function(input_signature=[batch_spec, seeds_spec, scalar, scalar])
    def step(batch: Any, seeds: tf.Tensor, rate: tf.Tensor, pretrained_rate: tf.Tensor) -> tf.Tensor:
        for number, generator in enumerate(generators):
            generator.state.assign(tf.cast(seeds[number], generator.state.dtype))
        with tf.GradientTape() as tape:
            logits, steps = network(batch, training=True)
            loss = network.loss(logits, steps, batch["label"], label_smoothing)
        gradients = tape.gradient(loss, [one.value for one in optimiser.variables])
        optimiser.apply(gradients, rate, pretrained_rate)
        return loss

    return step


def _dropout_seeds(network: GestureNetwork, seed: int, step: int) -> np.ndarray:
    """State of every dropout generator at a step, `(generators, 2)` int64: a function of (seed, step) alone."""
    count = len(network.seed_generators)
    words = np.random.SeedSequence([seed, step, 2]).generate_state(2 * count)
    return words.astype(np.int64).reshape(count, 2)


class _Validator:
    """Loss and accuracy on the validation set at the end of an epoch."""

    def __init__(self, network: GestureNetwork, records: Records, inputs: Inputs, job: StageJob) -> None:
        positions = records.positions("validation", job.experiment.data)
        self._positions = positions[records.labels(positions) >= 0]
        self._labels = records.labels(self._positions)
        self._predictor = Predictor(network, records, inputs, job.member.variant.training.validation_batch)
        self._job = job

    def __call__(self, history: History, step: int, epoch: int) -> None:
        if not len(self._positions):
            return
        softmaxes = self._predictor(self._positions)
        chosen = softmaxes[np.arange(len(self._labels)), self._labels]
        loss = float(-np.log(np.maximum(chosen, 1e-12)).mean())
        accuracy = float((softmaxes.argmax(1) == self._labels).mean())
        history.append(kind="validation", stage=self._job.stage, step=step, epoch=epoch, loss=loss, accuracy=accuracy)
        _say(self._job, f"epoch {epoch + 1}: validation loss {loss:.4f}, accuracy {accuracy:.4f}")


def _export(job: StageJob, network: GestureNetwork, optimiser: TwoRateAdam, step: int, ledger: Ledger) -> None:
    """Puts weights, optimiser slots, history and manifest under their final names, the manifest last."""
    with atomic_folder(job.output) as partial:
        write_state(partial, network, optimiser)
        lines = read_lines(job.checkpoints / HISTORY)
        write_text(partial / HISTORY, "".join(json.dumps(one) + "\n" for one in lines))
        manifest = {
            "member": job.member.name,
            "stage": job.stage,
            "step": step,
            "fingerprint": job.fingerprint,
            "settings_digest": job.fingerprint["settings"],
            "weights_sha256": file_digest(partial / WEIGHTS),
            "code_version": __version__,
            "tensorflow": tf.__version__,
            **network.describe(),
            "sessions": sessions(ledger.path),
        }
        write_json(partial / MANIFEST, manifest)


def _progress(done: int, start: int, first: int, last: int, loss: float, session: Session) -> str:
    pace = (done - start) / max(session.elapsed, 1e-9)
    left = time.strftime("%H:%M:%S", time.gmtime((last - done) / max(pace, 1e-9)))
    return f"step {done - first} of {last - first}, loss {loss:.4f}, {pace:.1f} steps/s, {left} left"


def _say(job: StageJob, text: str) -> None:
    print(f"{job.member.name} stage {job.stage}: {text}", flush=True)
