"""A cluster in the head: how long an experiment takes with walltimes, queue waits and nodes that fail.

Sessions are simulated one by one; everything random comes from one seeded generator, so a simulation repeats itself.
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from gesture.base.text import clock
from gesture.operate.costs import MARGIN, START_UP, StageCost

DAY = 86400.0


@dataclass(frozen=True)
class Cluster:
    """What the jobs meet.

    Attributes:
        gpus: jobs that run at once.
        walltime: time limit of a job [s].
        queue_wait: mean time from submission to the earliest start, exponentially distributed [s].
        failures_per_day: part of the nodes that fail in a day.
        repair: time that a failed node is away [s].
        save_every: time between checkpoints [s].
    """

    gpus: int
    walltime: float
    queue_wait: float = 0.0
    failures_per_day: float = 0.0
    repair: float = 3600.0
    save_every: float = 600.0


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        makespan: until the last stage ended [s].
        busy: GPU time of all sessions [s].
        start_up: of it, spent before training began [s].
        lost: of it, work done after a failed session's last checkpoint [s].
        sessions: jobs that started.
        failures: of them, ended by a node.
        ideal: makespan of the same GPUs if every member ran until it is done, with no limit, wait or failure [s].
    """

    makespan: float = 0.0
    busy: float = 0.0
    start_up: float = 0.0
    lost: float = 0.0
    sessions: int = 0
    failures: int = 0
    ideal: float = 0.0


@dataclass(order=True)
class _Job:
    """A member's next session, in the queue since `ready` at the latest."""

    ready: float
    order: int
    stages: list[float] = field(compare=False)  # work left in each stage [s]


def simulate(costs: Sequence[StageCost], cluster: Cluster, seed: int) -> Outcome:
    """Runs all stages, each session on the GPU that is free first.

    Args:
        costs: stages with known lengths, each member's in order.
        cluster: what the jobs meet.
        seed: of waits and failures.
    """
    rng = random.Random(seed)
    chains: dict[str, list[float]] = {}
    for one in costs:
        chains.setdefault(one.member, []).append(one.seconds or 0.0)
    outcome = Outcome(ideal=_until_done([sum(chain) + START_UP for chain in chains.values()], cluster.gpus))
    queue = [_Job(_wait(rng, cluster), order, chain) for order, chain in enumerate(chains.values())]
    heapq.heapify(queue)
    free = [0.0] * cluster.gpus
    while queue:
        job = heapq.heappop(queue)
        start = max(job.ready, heapq.heappop(free))
        end, node_back = _session(job, start, cluster, rng, outcome)
        heapq.heappush(free, node_back)
        outcome.makespan = max(outcome.makespan, end)
        if job.stages:
            heapq.heappush(queue, _Job(end + _wait(rng, cluster), job.order, job.stages))
    return outcome


def _session(job: _Job, start: float, cluster: Cluster, rng: random.Random, outcome: Outcome) -> tuple[float, float]:
    """Runs one session; takes what it finished from the job. Returns when it ends and when the node is free [s]."""
    useful = min(job.stages[0], max(1.0, cluster.walltime - START_UP - MARGIN))
    length = START_UP + useful
    rate = cluster.failures_per_day / DAY
    failure = rng.expovariate(rate) if rate else float("inf")
    outcome.sessions += 1
    if failure < length:
        worked = max(0.0, failure - START_UP)
        lost = worked % cluster.save_every
        job.stages[0] -= worked - lost
        outcome.failures += 1
        outcome.lost += lost
        outcome.busy += failure
        outcome.start_up += min(failure, START_UP)
        return start + failure, start + failure + cluster.repair
    job.stages[0] -= useful
    if job.stages[0] <= 0:
        del job.stages[0]
    outcome.busy += length
    outcome.start_up += START_UP
    return start + length, start + length


def _wait(rng: random.Random, cluster: Cluster) -> float:
    return rng.expovariate(1 / cluster.queue_wait) if cluster.queue_wait else 0.0


def _until_done(lengths: Sequence[float], gpus: int) -> float:
    """Makespan of jobs that nothing interrupts, in order, each on the GPU that is free first [s]."""
    free = [0.0] * gpus
    for length in lengths:
        heapq.heappush(free, heapq.heappop(free) + length)
    return max(free)


def describe_outcome(outcome: Outcome, cluster: Cluster) -> str:
    """A few lines: how long, against the ideal; what was lost to what."""
    hours = 3600.0
    return "\n".join(
        [
            f"simulated: {cluster.gpus} GPUs, jobs of {clock(cluster.walltime)}, "
            f"mean wait {clock(cluster.queue_wait)}, {cluster.failures_per_day:.1%} of the nodes fail in a day",
            f"  done after {clock(outcome.makespan)}, {outcome.makespan / max(outcome.ideal, 1e-9):.2f} times the "
            f"{clock(outcome.ideal)} of jobs that nothing interrupts",
            f"  {outcome.sessions} sessions, {outcome.failures} ended by a node, {outcome.busy / hours:.1f} GPU-hours: "
            f"{outcome.lost / hours:.1f} lost to failures, {outcome.start_up / hours:.1f} spent on starting",
        ]
    )
