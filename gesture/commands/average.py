"""`gesture average`."""

import argparse
from pathlib import Path

from gesture.commands.arguments import Subparsers, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "average",
        run,
        "average the members' softmaxes into ensemble.csv, submission.csv and metrics.json",
        "gesture average results/demo/predictions/test/*-s*.csv --output results/demo",
    )
    parser.add_argument("members", type=Path, nargs="+", metavar="MEMBER.csv", help="predictions tables of one split")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the three files")
    parser.add_argument("--method", choices=("mean", "geometric"), default="mean", help="kind of mean (default mean)")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.evaluation.ensemble import average

    average(options.members, options.output, options.method)
