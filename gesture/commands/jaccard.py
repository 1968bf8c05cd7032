"""`gesture jaccard`."""

import argparse
from pathlib import Path

from gesture.commands.arguments import Subparsers, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "jaccard",
        run,
        "score gestures found in continuous recordings, as ChaLearn 2014 did and strictly",
        "gesture jaccard truth.csv found.csv --output jaccard.json",
    )
    parser.add_argument("truth", type=Path, metavar="TRUTH.csv", help="sample,begin,end,y: frames and classes from 1")
    parser.add_argument("found", type=Path, metavar="FOUND.csv", help="the same, as a program found them")
    parser.add_argument("--output", type=Path, metavar="JSON", help="scores of every sample")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.evaluation.jaccard import jaccard

    jaccard(options.truth, options.found, options.output)
