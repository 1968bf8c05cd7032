"""`gesture plan`."""

import argparse
from pathlib import Path

from gesture.commands.arguments import Subparsers, add_directory, command, minutes


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "plan",
        run,
        "check a configuration and show what it will train and cost, before anything is submitted",
        "gesture plan config/smnet.yaml --sequences 7487 --step-seconds 0.8 --gpus 5 --simulate",
    )
    parser.add_argument("settings", type=Path, metavar="YAML", help="configuration of the experiment")
    add_directory(parser)
    parser.add_argument("--walltime", type=minutes, default=240.0, help="time limit of a batch job (default 4h)")
    parser.add_argument("--gpus", type=int, default=4, help="jobs that run at once (default 4)")
    parser.add_argument("--sequences", type=int, help="training sequences (default: counted in the records)")
    parser.add_argument(
        "--step-seconds", type=float, help="time of a step [s] (default: measured by the sessions that ran)"
    )
    simulated = parser.add_argument_group("simulation")
    simulated.add_argument("--simulate", action="store_true", help="go through queue waits and failing nodes")
    simulated.add_argument("--queue-wait", type=minutes, default=30.0, help="mean wait of a job (default 30m)")
    simulated.add_argument(
        "--failures-per-day", type=float, default=0.02, help="part of the nodes that fail in a day (default 0.02)"
    )
    simulated.add_argument("--save-every", type=minutes, default=10.0, help="time between checkpoints (default 10m)")
    simulated.add_argument("--seed", type=int, default=1, help="of waits and failures (default 1)")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.costs import describe_costs, measured, stage_costs, training_sequences
    from gesture.errors import GestureError
    from gesture.plan import describe
    from gesture.settings import load
    from gesture.simulate import Cluster, describe_outcome, simulate

    if options.gpus < 1:
        raise GestureError(f"--gpus {options.gpus}: at least one")
    experiment = load(options.settings)
    seen = measured(experiment, options.directory)
    sequences = options.sequences or training_sequences(experiment, options.directory)
    given = {name: options.step_seconds or (seen[name].step_seconds if name in seen else None)
             for name in experiment.variants}  # fmt: skip
    costs = stage_costs(experiment, sequences, lambda member: given[member.variant_name], options.walltime * 60)
    print(describe(experiment))
    parameters = {name: one.parameters for name, one in seen.items()}
    print(describe_costs(experiment, costs, parameters, options.gpus, options.walltime * 60))
    if not options.simulate:
        return
    if any(one.seconds is None for one in costs):
        raise GestureError("--simulate needs the length of every stage: give --sequences and --step-seconds")
    cluster = Cluster(
        gpus=options.gpus,
        walltime=options.walltime * 60,
        queue_wait=options.queue_wait * 60,
        failures_per_day=options.failures_per_day,
        save_every=options.save_every * 60,
    )
    print(describe_outcome(simulate(costs, cluster, options.seed), cluster))
