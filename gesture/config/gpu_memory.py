"""What training a variant takes of a GPU's memory, and on which cards it fits; predicted, see `docs/gpu.md`."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from gesture.base.text import size
from gesture.config.layout import INDEX
from gesture.config.settings import Variant
from gesture.networks.base import USUAL_LENGTH
from gesture.networks.memory import evaluation_bytes, state_bytes, step_memory
from gesture.networks.smnet import FRAMES

CARDS = (16, 24, 32, 40, 80)  # GiB
# CUDA's context, code and handles of cuDNN and cuBLAS: what TensorFlow leaves free [bytes; read, not measured].
RESERVE = 1.5 * 2**30
# TensorFlow gives a convolution no more than this [bytes].
WORKSPACE = 4 * 2**30
# What TensorFlow's allocator takes, over the tensors: 1.05 to 1.27 in all, on a CPU, by `benchmarks/gpu_memory.py`.
SLACK = 1.3
# A card sold with 16 GB shows 16,160 MiB.
SHOWN = 0.98


@dataclass(frozen=True)
class Need:
    """Memory of one GPU while a variant trains [bytes].

    Attributes:
        state: weights, Adam's moments, averaged weights.
        fixed: of a step, whatever the batch: gradients, weights in a half type.
        unit: of a step, for each clip (SMnet) or sequence (the others).
        units: clips or sequences of the largest step.
        kind: `clip` or `sequence`.
        validation: of a whole batch that is only evaluated.
        workspace: that convolutions would use at most if they find it; without it they are slower.
    """

    state: float
    fixed: float
    unit: float
    units: int
    kind: str
    validation: float
    workspace: float

    @property
    def least(self) -> float:
        """Without workspace; below it training runs out of memory [bytes]."""
        return RESERVE + SLACK * (self.state + max(self.fixed + self.units * self.unit, self.validation))

    @property
    def ample(self) -> float:
        """With all workspace: more memory than this changes nothing [bytes]."""
        return self.least + self.workspace

    def fits(self, card: float) -> bool | None:
        """True on a card of so many bytes with all workspace, None only without, False not at all."""
        if self.least > card:
            return False
        return True if self.ample <= card else None


def need(variant: Variant, image: int, lengths: Sequence[int] = ()) -> Need:
    """What a GPU needs for a variant.

    Args:
        variant: network and training.
        image: height and width of the stored images [px].
        lengths: of the recordings that train [frames]; none: as long as those of ChaLearn LAP 2014 are on average.
    """
    network, training = variant.network, variant.training
    given = (network, variant.modalities, image)
    precision = "float32" if training.precision == "tf32" else training.precision
    together = training.gradient_clip_norm is not None or precision == "float16" or training.devices > 1
    step = step_memory(*given, precision, training.gradient_checkpointing, together)
    own = ceil(training.batch_size / training.devices)
    units, validated = _units(variant, own, lengths), _units(variant, training.validation_batch_size, lengths)
    return Need(
        state=state_bytes(*given, averaged=training.ema_decay > 0),
        fixed=step.fixed,
        unit=step.unit,
        units=units,
        kind=network.unit,
        validation=validated * evaluation_bytes(*given, precision),
        workspace=min(WORKSPACE, max(units, validated) * step.unrolled),
    )


def lengths_of(records: Path) -> list[int]:
    """Frames of every recording, from the index beside a manifest of records; none if it is not there (yet)."""
    index = records.with_name(INDEX)
    if not index.exists():
        return []
    with index.open(encoding="utf-8", newline="") as file:
        return [int(row["frames"]) for row in csv.DictReader(file) if row.get("frames")]


def _units(variant: Variant, sequences: int, lengths: Sequence[int]) -> int:
    """Clips or sequences that a GPU computes at once, at most."""
    if variant.network.unit != "clip":
        return sequences
    clips = sorted((length // FRAMES + 1 for length in lengths), reverse=True) or [USUAL_LENGTH // FRAMES + 1]
    if any(one.options.get("padded") for one in variant.network.inputs(variant)) or len(clips) < sequences:
        return sequences * clips[0]
    return sum(clips[:sequences])  # batches hold sequences of about one length


def cards(found: Need) -> str:
    """The cards that it fits, such as `24 (tight), 32, 40, 80 GB`."""
    names = []
    for card in CARDS:
        fits = found.fits(card * 2**30 * SHOWN)
        if fits is not False:
            names.append(f"{card}" if fits else f"{card} (tight)")
    return f"{', '.join(names)} GB" if names else f"none of {', '.join(map(str, CARDS))} GB"


def said(variant: Variant, found: Need) -> str:
    """The need as a line of text."""
    training = variant.training
    how = f"{training.precision}, gradient_checkpointing" if training.gradient_checkpointing else training.precision
    return (
        f"{size(found.least)} of a GPU ({how}: {size(found.state + found.fixed)} of weights, Adam and gradients, "
        f"{found.units} {found.kind}s of {size(found.unit)}; {size(found.validation)} to validate), "
        f"up to {size(found.ample)} with workspace; fits {cards(found)}"
    )


def remedies(variant: Variant, image: int, lengths: Sequence[int] = ()) -> list[str]:
    """Settings that need less, each with what it would need; those that save nothing are left out."""
    training, now = variant.training, need(variant, image, lengths)
    half, fewer = max(training.devices, training.batch_size // 2), max(1, training.validation_batch_size // 2)
    changes: dict[str, dict[str, object]] = {
        f"training.batch_size: {half}": {"batch_size": half},
        "training.gradient_checkpointing: true": {"gradient_checkpointing": True},
        f"training.validation_batch_size: {fewer}": {"validation_batch_size": fewer},
    }
    if training.precision not in ("float16", "bfloat16"):
        changes["training.precision: float16 (bfloat16 on A100 and later)"] = {"precision": "float16"}
    found = []
    for text, change in changes.items():
        other = variant.model_copy(update={"training": training.model_copy(update=change)})
        least = need(other, image, lengths).least
        if least - RESERVE < 0.97 * (now.least - RESERVE):
            found.append(f"{text} ({size(least)})")
    return found
