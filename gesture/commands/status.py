"""`gesture status`."""

import argparse

from gesture.commands.arguments import Subparsers, add_directory, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "status",
        run,
        "show how far every stage is, what failed and why",
        "gesture status demo",
    )
    parser.add_argument(
        "experiment", nargs="?", help="name of an experiment, or its YAML (default: all below results/)"
    )
    add_directory(parser)


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.experiments import find
    from gesture.status import describe, status

    for experiment in find(options.experiment, options.directory):
        print(describe(experiment.experiment, list(status(experiment, options.directory))))
