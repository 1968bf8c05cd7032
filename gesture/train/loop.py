"""Training one stage of one member in one session; read it from top to bottom.

Everything random is a pure function of (seed, step), so weights, optimiser slots and the step are the whole state:
a chain of interrupted sessions ends in the same bytes as one run.
"""

import json
import math
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gesture import __version__
from gesture.base import device_kind
from gesture.base.disk import is_refusal, refusal
from gesture.base.errors import GestureError, StoppedEarlyError
from gesture.base.files import atomic_folder, file_digest, read_manifest, remove_litter, sealed, write_json, write_text
from gesture.base.hardware import Hardware, hardware
from gesture.base.lease import Lease
from gesture.base.session import Session
from gesture.base.streams import Stream
from gesture.config.layout import HISTORY, LEDGER, MANIFEST, OPTIMISER, WEIGHTS
from gesture.config.schedule import rates
from gesture.config.settings import Training
from gesture.convert.reader import Records
from gesture.evaluate.predict import Predictor, build_member
from gesture.inputs.batch import Inputs
from gesture.inputs.feed import usual_workers
from gesture.inputs.order import steps_per_epoch
from gesture.inputs.pipeline import copied_ahead, training_batches
from gesture.networks.layers.network import GestureNetwork
from gesture.networks.layers.runtime import ahead_on, lag, pin
from gesture.train.checkpoint import Checkpoints
from gesture.train.devices import Devices, Weigh
from gesture.train.failures import check_weights, failures_said
from gesture.train.history import History
from gesture.train.ledger import Ledger, live_history
from gesture.train.optimiser import TwoRateAdam
from gesture.train.progress import Progress, say
from gesture.train.result_files import read_state, write_state
from gesture.train.stage import StageJob, finite_or_fail
from gesture.train.start import load_start
from gesture.train.unread import Done, Unread

LOSSES_PER_LINE = 50


@dataclass(frozen=True)
class Cadence:
    """When checkpoints are saved; no part of the result.

    Attributes:
        seconds: time between them [s].
        steps: most steps between them.
    """

    seconds: float = 600.0
    steps: float = math.inf


def train(job: StageJob, lease: Lease, session: Session, cadence: Cadence, workers: int | None = None) -> None:
    """Trains the stage to its end, or saves and stops when the session must end.

    Args:
        job: what to train and where its files are.
        lease: the right to write its checkpoints.
        session: walltime and signals.
        cadence: when checkpoints are saved.
        workers: threads that make batches; they change no byte. None = what this node has cores for.

    Raises:
        StoppedEarlyError: the walltime or a signal ended the session; the checkpoint is saved.
        UnfitNodeError: there are fewer GPUs than were asked for; nothing was touched.
        FailedForGoodError: the loss is no number, a record is damaged, or shapes do not fit.
        HeldByAnotherError: another writer has taken over.
    """
    # ---- device: what was asked for, or not at all ------------------------------------------------------------
    training, seed = job.member.variant.training, job.member.seed
    pin(job.threads, training.devices, training.precision)
    here = hardware()
    device_kind.require(max(job.gpus, training.devices if here.gpus else 0), here)
    say(job.name, here.line() + ("" if job.gpus or here.gpus else "; no GPU was asked for"))

    # ---- data: which sequences train and validate -------------------------------------------------------------
    workers = workers or usual_workers(job.threads, on_gpu=lag() > 0)
    records = Records(job.records)
    positions = records.positions("training", job.experiment.data)
    first, last = job.bounds(len(positions))
    epoch_steps = steps_per_epoch(len(positions), training.batch_size)

    # ---- state: network, optimiser, and the step they stand at ------------------------------------------------
    inputs = Inputs.of(job.member.variant)
    devices = Devices(training.devices, inputs.padded)
    network = build_member(job.member, records, devices.scope())
    with devices.scope():
        devices.prepare(network)
        optimiser = TwoRateAdam(network, training)
    checkpoints = Checkpoints(job.checkpoints, lease, job.fingerprint)
    start = saved = _restore(job, checkpoints, network, optimiser, first)
    device = _device(job, here, checkpoints, start)
    say(job.name, f"steps {start} to {last}, {len(positions)} sequences, {epoch_steps} steps an epoch")

    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger(job.checkpoints / LEDGER, lease, job.digest, start, (first, last), device))
        history = stack.enter_context(closing(History(job.checkpoints, start, lease)))
        progress = stack.enter_context(closing(Progress(job.name, start, first, last)))
        session.saw_save(_seconds(checkpoints.trial, network, optimiser))

        # ---- steps --------------------------------------------------------------------------------------------
        validator = _Validator(network, records, inputs, job, workers)
        made = training_batches(records, positions, inputs, training, seed, range(start, last), workers)
        batches = copied_ahead(made, ahead_on(devices.count))
        step_function = _compile(network, optimiser, training, devices, made.element_spec)
        saved_at = time.monotonic()
        best = True  # the start is, as long as nothing was validated
        losses: list[float] = []
        unread = Unread(lag())

        def read_losses(everything: bool) -> Done | None:
            """Notes the steps whose loss is known, and gives the newest; a checkpoint comes after all of them."""
            newest = None
            with failures_said(step):
                for newest in unread.done(everything):
                    finite_or_fail(newest.loss, newest.step, saved)
                    optimiser.check_scale(newest.step, newest.scale)
                    losses.append(newest.loss)
                    ledger.did(newest.step + 1, newest.samples)
            return newest

        def note_losses() -> None:
            if losses:
                entry = {"stage": job.stage, "step": done, "epoch": (done - 1) // epoch_steps, "rate": main_rate}
                entry |= {"loss": float(np.mean(losses)), "steps": len(losses), **optimiser.scale_noted()}
                history.append(kind="train", **entry)
                losses.clear()

        for step in range(start, last):
            began = time.monotonic()
            main_rate, pretrained_rate = rates(training, job.stage, step, len(positions))
            with failures_said(step):
                batch = next(batches)
                seeds = _dropout_seeds(network, seed, step, devices.count)
                loss_and_scale = step_function(batch, seeds, main_rate, pretrained_rate)
            unread.called(step, loss_and_scale, len(batch["label"]), began)
            done = step + 1
            epoch_ends = done % epoch_steps == 0 or done == last
            line_ends = epoch_ends or len(losses) + len(unread) == LOSSES_PER_LINE
            newest = read_losses(everything=line_ends)
            if line_ends:
                note_losses()
            best = epoch_ends and validator(optimiser, history, progress, done, step // epoch_steps)
            if newest is not None:
                progress.update(newest.step + 1, newest.loss)
            if step > start:  # the first step also traces the graph
                session.saw_step(time.monotonic() - began + unread.seconds())
            reason = session.reason_to_stop() if done < last else None
            due = time.monotonic() - saved_at > cadence.seconds or done - saved >= cadence.steps
            due |= session.take_reminder()
            if reason or ((best or due) and done < last):
                read_losses(everything=True)
                note_losses()
                session.saw_save(_seconds(checkpoints.save, network, optimiser, done, best))
                saved, saved_at = done, time.monotonic()
            if reason:
                ledger.end(reason)
                hint = f" ({session.room()})" if reason == "deadline" and done == start + 1 else ""
                raise StoppedEarlyError(f"{reason}: saved at step {done} of {last}{hint}; run the same command again")

        # ---- result -------------------------------------------------------------------------------------------
        chosen = last
        if training.select == "best" and not best:
            chosen = checkpoints.load_best(network, optimiser)
            say(job.name, f"the result is that of step {chosen}, the best by validation")
        check_weights(network, last)
        ledger.end("done")
        origin = {"devices": checkpoints.devices, "exactness": device["exactness"], "hardware": here.as_json()}
        try:
            _export(job, network, optimiser, chosen, ledger, lease, origin)
        except OSError as error:
            if not is_refusal(error):
                raise
            if chosen == last:  # else the network is that of an earlier step, whose checkpoint there is
                checkpoints.save(network, optimiser, last, best)
            kept = "the stage is trained, its checkpoint is kept: then run the same command again"
            raise GestureError(f"{refusal(error, job.output)}; {kept}") from error
    checkpoints.remove_all()
    say(job.name, f"done: {job.output}")


def _restore(
    job: StageJob, checkpoints: Checkpoints, network: GestureNetwork, optimiser: TwoRateAdam, first: int
) -> int:
    """Where a run starts, in this order; returns the step.

    1. its own newest valid checkpoint;
    2. the one before, or the best by validation, if that is damaged;
    3. the result of the stage before: weights and optimiser slots;
    4. in stage 1, a checkpoint of 2019 or pretrained convolutions;
    5. initial weights, a pure function of settings and seed.

    A checkpoint counts only if recipe, settings, data, stage before and threads are those of this job. Walltime,
    memory and the cadence of saving may change at any time.
    """
    step = checkpoints.restore(network, optimiser)
    for remark in checkpoints.remarks:
        say(job.name, remark)
    if step is not None:
        say(job.name, f"going on from the checkpoint at step {step}")
        return step
    if job.parent is not None:
        with failures_said(first):
            read_state(job.parent, network, optimiser)
        say(job.name, f"starting from {job.parent}")
    elif remark := load_start(job.member.variant, network, optimiser):
        say(job.name, remark)
    return first


def _device(job: StageJob, here: Hardware, checkpoints: Checkpoints, start: int) -> dict[str, Any]:
    """What is noted of this session's device; checkpoints remember from now on that it was this kind.

    What a result was computed on before is known from the checkpoint, else from the stage before.

    Raises:
        GestureError: it was another kind, and `training.other_device` refuses that.
    """
    training = job.member.variant.training
    parent = read_manifest(job.parent / MANIFEST, "train") if job.parent else {}
    past = checkpoints.devices or parent.get("devices", [])
    kind = device_kind.kind_of(here, training.precision, training.devices)
    checkpoints.devices = device_kind.continued(past, kind, start)
    if past and len(checkpoints.devices) > len(past):
        before = device_kind.words(past[-1])
        change = f"{device_kind.words(kind)}, and the steps before {start} were computed on {before}"
        if training.other_device == "refuse":
            raise GestureError(
                f"training.other_device: this is {change}: ask for that device, or set it to `continue` "
                "(the result is then not byte-exact)"
            )
        say(job.name, f"goes on with {change}: from here on not byte-exact")
    if start and not past:
        say(job.name, f"which device the steps before {start} were computed on is not known: 0.1.0 did not note it")
    exactness = device_kind.exactness(checkpoints.devices)
    return {"device": here.line(), "device_kind": kind, "exactness": exactness}


def _compile(
    network: GestureNetwork, optimiser: TwoRateAdam, training: Training, devices: Devices, batch_spec: Any
) -> Any:
    """The training step as one graph with one trace for all batch shapes; it gives loss and loss scale, `(2,)`."""
    generators = network.seed_generators
    scalar = tf.TensorSpec((), tf.float32)
    seeds_spec = tf.TensorSpec((devices.count, len(generators), 2), tf.int64)

    def on_device(batch: Any, seeds: tf.Tensor, weigh: Weigh, rate: tf.Tensor, pretrained_rate: tf.Tensor) -> tf.Tensor:
        for number, generator in enumerate(generators):
            generator.state.assign(tf.cast(seeds[number], generator.state.dtype))
        with tf.GradientTape() as tape:
            logits, steps = network(batch, training=True)
            loss = weigh(network.loss(logits, steps, batch["label"], training.label_smoothing, batch), steps)
            scaled = optimiser.scaled(loss)
        gradients = tape.gradient(scaled, [one.value for one in optimiser.variables])
        optimiser.apply(gradients, rate, pretrained_rate)
        return loss

    @tf.function(input_signature=[batch_spec, seeds_spec, scalar, scalar])
    def step(batch: Any, seeds: tf.Tensor, rate: tf.Tensor, pretrained_rate: tf.Tensor) -> tf.Tensor:
        loss = devices.run(on_device, batch, seeds, rate, pretrained_rate)
        return tf.stack([loss, optimiser.scale_now()])

    return step


def _dropout_seeds(network: GestureNetwork, seed: int, step: int, devices: int) -> np.ndarray:
    """State of all dropout generators, `(devices, generators, 2)` int64: a function of (seed, step, device) alone."""
    count = devices * len(network.seed_generators)
    words = np.random.SeedSequence(Stream.DROPOUT.entropy(seed, step)).generate_state(2 * count)
    return words.astype(np.int64).reshape(devices, -1, 2)


class _Validator:
    """Loss and accuracy on the validation set at the end of an epoch."""

    def __init__(self, network: GestureNetwork, records: Records, inputs: Inputs, job: StageJob, workers: int) -> None:
        positions = records.positions("validation", job.experiment.data)
        self._positions = positions[records.labels(positions) >= 0]
        if job.member.variant.training.select == "best" and not len(self._positions):
            raise GestureError("training.select: `best` needs labelled validation sequences, and there are none")
        self._labels = records.labels(self._positions)
        batch = job.member.variant.training.validation_batch_size
        self._predictor = Predictor(network, records, self._positions, inputs, batch, workers)
        self._job = job

    def __call__(self, optimiser: TwoRateAdam, history: History, progress: Progress, step: int, epoch: int) -> bool:
        """Notes and says both; True if no epoch before was better."""
        if not len(self._positions):
            return False
        with optimiser.averaged_weights():
            softmaxes = self._predictor()
        chosen = softmaxes[np.arange(len(self._labels)), self._labels]
        loss = float(-np.log(np.maximum(chosen, 1e-12)).mean())
        accuracy = float((softmaxes.argmax(1) == self._labels).mean())
        best = history.is_best(accuracy, loss)
        history.append(kind="validation", stage=self._job.stage, step=step, epoch=epoch, loss=loss, accuracy=accuracy)
        progress.say(f"epoch {epoch + 1}: validation loss {loss:.4f}, accuracy {accuracy:.4f}")
        return best


def _export(
    job: StageJob,
    network: GestureNetwork,
    optimiser: TwoRateAdam,
    step: int,
    ledger: Ledger,
    lease: Lease,
    origin: dict[str, Any],
) -> None:
    """Puts weights, optimiser slots, history and manifest under their final names, all at once.

    Raises:
        HeldByAnotherError: another writer has taken over; its result is left alone.
    """
    lease.require()
    remove_litter(job.output.parent, job.output.name + ".*")
    if not job.is_done():
        shutil.rmtree(job.output, ignore_errors=True)
    try:
        with atomic_folder(job.output) as partial:
            _write_result(partial, job, network, optimiser, step, ledger, lease, origin)
            lease.require()
    except OSError:
        lease.require()
        if not job.is_done():
            raise
        # What an overtaken writer put there between its last check and its rename is as whole as ours.


def _write_result(
    folder: Path,
    job: StageJob,
    network: GestureNetwork,
    optimiser: TwoRateAdam,
    step: int,
    ledger: Ledger,
    lease: Lease,
    origin: dict[str, Any],
) -> None:
    write_state(folder, network, optimiser)
    write_text(folder / HISTORY, "".join(json.dumps(one) + "\n" for one in live_history(job.checkpoints)))
    manifest = {
        "member": job.member.name,
        "stage": job.stage,
        "step": step,
        "fingerprint": job.fingerprint,
        "settings_digest": job.fingerprint["settings"],
        "weights_sha256": file_digest(folder / WEIGHTS),
        "optimiser_sha256": file_digest(folder / OPTIMISER),
        "history_sha256": file_digest(folder / HISTORY),
        "code_version": __version__,
        "tensorflow": tf.__version__,
        **network.describe(),
        **origin,
        "lease": lease.token,
        "sessions": ledger.sessions(),
    }
    write_json(folder / MANIFEST, sealed(manifest))


def _seconds(action: Callable[..., None], *arguments: Any) -> float:
    """How long an action took [s]."""
    began = time.monotonic()
    action(*arguments)
    return time.monotonic() - began
