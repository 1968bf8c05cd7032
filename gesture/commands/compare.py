"""`gesture compare`."""

import argparse
from pathlib import Path

from gesture.commands.arguments import Subparsers, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "compare",
        run,
        "two or more experiments side by side, with paired tests",
        "gesture compare results/demo results/other --output compare.json",
    )
    parser.add_argument("experiments", type=Path, nargs="+", metavar="EXPERIMENT", help="results folder, or its name")
    parser.add_argument("--split", choices=("validation", "test"), help="default: test, if all have labels there")
    parser.add_argument("--output", type=Path, metavar="JSON", help="the tables as JSON")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.report.compare import compare

    compare(options.experiments, options.split, options.output)
