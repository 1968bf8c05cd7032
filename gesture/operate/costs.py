"""What an experiment will cost before it is submitted: steps, sessions, GPU-hours, disk, how long it takes.

The time of a step is measured, never guessed: from the ledgers of stages that ran, or given by the user.
"""

import csv
import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gesture.base.files import read_manifest
from gesture.base.text import aligned, clock, size
from gesture.config.layout import INDEX, LEDGER, MANIFEST, Layout, raw_folder, records_folder
from gesture.config.members import Member, members
from gesture.config.schedule import stage_bounds
from gesture.config.settings import Experiment, Stage, Variant
from gesture.config.splits import plays
from gesture.train.ledger import sessions

# Until training begins: Python, TensorFlow, weights, the first trace of the graph [s].
START_UP = 60.0
# What a trainer keeps free before the walltime, see `Session.margin` [s].
MARGIN = 60.0
# float32 weights and two Adam slots of each parameter; two checkpoints and one being written [bytes].
STATE_BYTES = 12
LIVE_CHECKPOINTS = 3


@dataclass(frozen=True)
class StageCost:
    """One stage of one member.

    Attributes:
        member: its name.
        stage: 1-based.
        steps: its length; None where the number of training sequences is not known.
        seconds: its length; None where the time of a step is not known.
        sessions: batch jobs of one walltime it takes.
    """

    member: str
    stage: int
    steps: int | None
    seconds: float | None
    sessions: int | None


@dataclass(frozen=True)
class Measured:
    """What earlier runs of a variant showed.

    Attributes:
        step_seconds: time of a step, all of a session counted [s].
        parameters: numbers in the network; None where no stage has ended yet.
    """

    step_seconds: float
    parameters: int | None


def training_sequences(experiment: Experiment, root: Path) -> int | None:
    """Number of training sequences by the index of the records; None while there is none."""
    index = records_folder(experiment, root) / INDEX
    if not index.exists():
        return None
    with index.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return sum(plays("training", one["split"], one["subject"], bool(one["label"]), experiment.data) for one in rows)


def measured(experiment: Experiment, root: Path) -> dict[str, Measured]:
    """Variant -> figures of all its stages that ran below ``root``."""
    layout = Layout(experiment.experiment, root)
    steps: dict[str, int] = {}
    seconds: dict[str, float] = {}
    parameters: dict[str, int] = {}
    for member in members(experiment).values():
        name = member.variant_name
        for stage in range(1, member.stages + 1):
            for one in sessions(layout.live(member.name, stage) / LEDGER):
                if one.get("steps") and one.get("seconds"):
                    steps[name] = steps.get(name, 0) + one["steps"]
                    seconds[name] = seconds.get(name, 0.0) + one["seconds"]
            manifest = layout.results.stage(member.name, stage) / MANIFEST
            if manifest.exists():
                parameters[name] = read_manifest(manifest, "train", parameters=int)["parameters"]
    return {name: Measured(seconds[name] / steps[name], parameters.get(name)) for name in steps}


def stage_costs(
    experiment: Experiment, sequences: int | None, step_seconds: Callable[[Member], float | None], walltime: float
) -> list[StageCost]:
    """The cost of every stage, members in the order of the configuration.

    Args:
        experiment: resolved settings.
        sequences: number of training sequences; None if not known.
        step_seconds: time of a step of a member [s]; None if not known.
        walltime: time limit of a batch job [s].
    """
    found = []
    for member in members(experiment).values():
        training, pace = member.variant.training, step_seconds(member)
        for number in range(1, member.stages + 1):
            known = sequences is not None or all(one.steps is not None for one in training.stages[:number])
            steps = None
            if known:
                first, last = stage_bounds(training, number, sequences or 0)
                steps = last - first
            seconds = None if steps is None or pace is None else steps * pace
            jobs = None if seconds is None else sessions_needed(seconds, walltime)
            found.append(StageCost(member.name, number, steps, seconds, jobs))
    return found


def sessions_needed(seconds: float, walltime: float) -> int:
    """Batch jobs that a stage takes; both in seconds, start-up and margin of each job included.

    A walltime too short for a start gives the number for a job that does one second of work.
    """
    useful = max(1.0, walltime - START_UP - MARGIN)
    return max(1, math.ceil(seconds / useful))


def makespan(costs: Sequence[StageCost], gpus: int) -> float:
    """Time until the last stage ends, on so many GPUs without waits or failures [s].

    A GPU that is free takes the next stage that is ready, in the order of the configuration.
    """
    chains: dict[str, list[float]] = {}
    for one in costs:
        chains.setdefault(one.member, []).append((one.seconds or 0.0) + START_UP * (one.sessions or 1))
    ready = [(0.0, order, 0) for order in range(len(chains))]
    free = [0.0] * gpus
    lengths, end = list(chains.values()), 0.0
    while ready:
        since, order, stage = heapq.heappop(ready)
        done = max(since, heapq.heappop(free)) + lengths[order][stage]
        heapq.heappush(free, done)
        end = max(end, done)
        if stage + 1 < len(lengths[order]):
            heapq.heappush(ready, (done, order, stage + 1))
    return end


def describe_costs(
    experiment: Experiment, costs: Sequence[StageCost], parameters: Mapping[str, int | None], gpus: int, walltime: float
) -> str:
    """The costs as a table and totals; says what is not known and how to learn it."""
    rows = [["member", "stage", "steps", "time", "sessions"]]
    rows += [[one.member, str(one.stage), _text(one.steps), _time(one.seconds), _text(one.sessions)] for one in costs]
    lines = aligned(rows)
    if any(one.steps is None for one in costs):
        lines.append("steps are not known before the records are there: run up to `convert`, or give --sequences")
    if any(one.seconds is None for one in costs):
        lines.append("no session has measured these steps yet: train a stage first, or give --step-seconds")
        return "\n".join(lines)
    hours = sum((one.seconds or 0) + START_UP * (one.sessions or 1) for one in costs) / 3600
    jobs = sum(one.sessions or 0 for one in costs)
    lines.append(
        f"{jobs} sessions of at most {clock(walltime)}, {hours:.2f} GPU-hours; "
        f"one GPU: {clock(makespan(costs, 1))}, {gpus} GPUs: {clock(makespan(costs, gpus))}, "
        f"critical path: {clock(makespan(costs, len(members(experiment))))}"
    )
    known = [parameters.get(one.variant_name) for one in members(experiment).values()]
    if all(known):
        results = sum(
            STATE_BYTES * (parameters[one.variant_name] or 0) * one.stages for one in members(experiment).values()
        )
        live = gpus * LIVE_CHECKPOINTS * STATE_BYTES * max(count or 0 for count in known)
        lines.append(f"disk: {size(results)} of results, up to {size(live)} of live checkpoints")
    return "\n".join(lines)


def _text(value: int | None) -> str:
    return "?" if value is None else str(value)


def _time(seconds: float | None) -> str:
    return "?" if seconds is None else clock(seconds)


def describe(experiment: Experiment) -> str:
    """The plan as a table: one line a member, its stages with their lengths and rates."""
    everyone = members(experiment)
    jobs = sum(one.stages for one in everyone.values())
    lines = [
        f"experiment {experiment.experiment}: {len(everyone)} members, {jobs} training stages",
        f"raw files  {raw_folder(experiment)}",
        f"records    {records_folder(experiment)}",
    ]
    for one in everyone.values():
        stages = ", ".join(_stage_text(stage) for stage in one.variant.training.stages)
        lines.append(f"  {one.name}: {one.variant.network.name} on {'+'.join(one.variant.modalities)}: {stages}")
    lines += [f"  {name}: {_cost_text(variant, experiment.data.size)}" for name, variant in experiment.variants.items()]
    return "\n".join(lines)


def _cost_text(variant: Variant, size: int) -> str:
    network = variant.network
    weights = network.kernel_weights(variant.modalities, size) / 1e6
    count = network.multiply_adds(variant.modalities, size) / 1e6
    return (
        f"{weights:,.3f} million weights, {count:,.1f} million multiply-adds a {network.unit} forward "
        "(training: about three times as many)"
    )


def _stage_text(stage: Stage) -> str:
    length = f"{stage.steps} steps" if stage.steps is not None else f"{stage.epochs} epochs"
    final = f" to {stage.final_learning_rate:g}" if stage.final_learning_rate else ""
    return (
        f"{length} at {stage.learning_rate:g}"
        + (f"/{stage.pretrained_learning_rate:g}" if stage.pretrained_learning_rate else "")
        + final
    )
