"""One stage of one member as a job: its inputs, its folders, its fingerprint; free of TensorFlow."""

import math
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gesture.base.disk import is_refusal, refusal
from gesture.base.errors import FailedForGoodError, GestureError
from gesture.base.files import read_manifest, value_digest, write_json
from gesture.base.lease import Lease
from gesture.config.digests import stage_digest
from gesture.config.layout import INDEX, LEDGER, MANIFEST, OUTCOME
from gesture.config.members import Member, member
from gesture.config.schedule import stage_bounds
from gesture.config.settings import Experiment
from gesture.config.splits import trained_on
from gesture.convert.reader import digest_of, read_records_manifest
from gesture.legacy2019.weight_files import digest, start_files
from gesture.schedulers import job_id, job_name
from gesture.train.ledger import sessions
from gesture.train.out_of_memory import out_of_memory_said
from gesture.train.progress import say


@dataclass(frozen=True)
class StageJob:
    """What `gesture train` was asked to do.

    Attributes:
        experiment: resolved settings.
        member: who is trained.
        stage: 1-based.
        records: manifest of the records.
        parent: result folder of the stage before; None for stage 1.
        checkpoints: live state; never a declared output, so that a failed attempt keeps it.
        output: result folder.
        threads: TensorFlow threads; another number gives other bytes.
        gpus: GPUs that were asked for; 0 = it computes on the CPU.
        fingerprint: part -> digest of all that determines the result; a checkpoint of another one is not used.
    """

    experiment: Experiment
    member: Member
    stage: int
    records: Path
    parent: Path | None
    checkpoints: Path
    output: Path
    threads: int
    gpus: int = 0
    fingerprint: dict[str, str] = field(default_factory=dict)

    @classmethod
    def prepare(
        cls,
        experiment: Experiment,
        member_name: str,
        stage: int,
        records: Path,
        parent: Path | None,
        checkpoints: Path,
        output: Path,
        threads: int,
        gpus: int = 0,
    ) -> "StageJob":
        """Checks the request before anything costly begins.

        Raises:
            GestureError: an unknown member or stage, a missing parent, a modality that the records lack, fewer GPUs
                than `training.devices`.
        """
        who = member(experiment, member_name)
        if not 1 <= stage <= who.stages:
            raise GestureError(f"--stage {stage}: member {member_name} has stages 1 to {who.stages}")
        if (parent is None) != (stage == 1):
            raise GestureError(f"--previous: stage {stage} {'needs one' if stage > 1 else 'takes none'}")
        devices = who.variant.training.devices
        if 0 < gpus < devices:
            raise GestureError(
                f"training.devices: {devices} GPUs share a batch, and this job asks for {gpus} (--gpus); raise `gpu` "
                "(LSF, local) or `gres` (Slurm) of `train` in the profile, or lower the setting"
            )
        manifest = read_records_manifest(records)
        missing = [one for one in who.variant.modalities if one not in manifest["modalities"]]
        if missing:
            raise GestureError(
                f"variants.{who.variant_name}.modalities: {records} has no {', '.join(missing)} "
                f"(it has {', '.join(manifest['modalities'])})"
            )
        trained = _trained(parent, who.name, stage - 1) if parent else {}
        fingerprint = {
            "settings": stage_digest(experiment, who, stage),
            "data": digest_of(manifest, *trained_on(experiment.data)),
            "parent": trained.get("weights_sha256", ""),
            "threads": str(threads),
            "pretrained": digest(start_files(who.variant_name, who.variant)) if stage == 1 else "",
        }
        return cls(experiment, who, stage, records, parent, checkpoints, output, threads, gpus, fingerprint)

    @property
    def name(self) -> str:
        """Member and stage, as every line of the log begins."""
        return f"{self.member.name} stage {self.stage}"

    @property
    def digest(self) -> str:
        """The fingerprint as one digest."""
        return value_digest(self.fingerprint)

    def bounds(self, sequences: int) -> tuple[int, int]:
        """First step of the stage and the step after its last, counted from stage 1."""
        return stage_bounds(self.member.variant.training, self.stage, sequences)

    def is_done(self) -> bool:
        """True if the result is there and was made by this very job."""
        manifest = self.output / MANIFEST
        return manifest.exists() and read_manifest(manifest, "train").get("fingerprint") == self.fingerprint

    def refuse_if_failed_for_good(self) -> None:
        """Ends at once if an earlier attempt at the same job failed for good.

        Raises:
            FailedForGoodError: with the message of that attempt.
        """
        outcome = self.checkpoints / OUTCOME
        if not outcome.exists():
            return
        last = read_manifest(outcome, "train")
        same = last.get("fingerprint") == self.digest and last.get("records", self._stamp()) == self._stamp()
        if last.get("exit_code") == FailedForGoodError.exit_code and same:
            raise FailedForGoodError(last["message"])

    def _stamp(self) -> str:
        """What changes when damaged records are made anew, with the same bytes and digest as they should have had."""
        folder = self.records.parent
        stats = [
            (path.name, path.stat()) for path in sorted([*folder.glob("*.tfrecord"), folder / INDEX]) if path.exists()
        ]
        return value_digest([[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats])

    @contextmanager
    def outcome_of_attempt(self, lease: Lease) -> Iterator[None]:
        """Writes `outcome.json` however the block ends: no scheduler passes an exit code on.

        Once another writer has taken over, nothing is written: the outcome is its.

        Raises:
            FailedForGoodError: the GPU's memory ran out.
        """
        try:
            with out_of_memory_said(self.member.variant, self.experiment.data.size, self.records):
                yield
        except GestureError as error:
            self._write_outcome(lease, error.exit_code, str(error))
            raise
        except OSError as error:
            if not is_refusal(error):
                self._write_outcome(lease, 1, f"{type(error).__name__}: {error}")
                raise
            said = refusal(error, self.checkpoints)
            self._write_outcome(lease, said.exit_code, str(said))
            raise said from error
        except BaseException as error:
            self._write_outcome(lease, 1, f"{type(error).__name__}: {error}")
            raise
        self._write_outcome(lease, 0, "done")

    def _write_outcome(self, lease: Lease, exit_code: int, message: str) -> None:
        with suppress(OSError):
            if not lease.is_mine():
                return
        steps = [one["step"] + (one["steps"] or 0) for one in sessions(self.checkpoints / LEDGER)]
        value: dict[str, Any] = {
            "exit_code": exit_code,
            "message": message,
            "step": steps[-1] if steps else None,
            "job_id": job_id(),
            "job_name": job_name(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "fingerprint": self.digest,
            "records": self._stamp(),
        }
        try:
            write_json(self.checkpoints / OUTCOME, value)
        except OSError as error:  # the reason of ending matters more than that it could not be noted
            say(self.name, f"the outcome is not noted: {refusal(error, self.checkpoints / OUTCOME)}")


def _trained(folder: Path, member_name: str, stage: int) -> dict[str, Any]:
    """The manifest of the stage that is gone on from.

    Raises:
        FailedForGoodError: it is that of another member or stage.
        GestureError: it is missing or damaged.
    """
    manifest = read_manifest(folder / MANIFEST, "train", member=str, stage=int, weights_sha256=str)
    if (manifest["member"], manifest["stage"]) != (member_name, stage):
        raise FailedForGoodError(
            f"{folder / MANIFEST}: is that of {manifest['member']}, stage {manifest['stage']}, and not of "
            f"{member_name}, stage {stage}: remove the folder and run gesture train of that stage again"
        )
    return manifest


def finite_or_fail(loss: float, step: int, saved: int) -> None:
    """Stops training on a loss that is not a number.

    Args:
        loss: of the step.
        step: 0-based, counted from stage 1.
        saved: step of the newest checkpoint, or that the stage began at.

    Raises:
        FailedForGoodError: names the interval of steps in which it happened.
    """
    if not math.isfinite(loss):
        raise FailedForGoodError(
            f"loss is {loss} at step {step}, spoilt between steps {saved} and {step}; the checkpoint before is kept. "
            "Lower the learning rate, or set training.gradient_clip_norm, and run again"
        )
