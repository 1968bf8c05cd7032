"""`gesture inspect`."""

import argparse
from pathlib import Path

from gesture.commands.arguments import Subparsers, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "inspect",
        run,
        "show what is in the records: figures, or one sequence as a strip of pictures",
        "gesture inspect records/synthetic-1a2b3c4d/manifest.json 17 --split test --output 17.png",
    )
    parser.add_argument("records", type=Path, metavar="JSON", help="manifest that convert wrote")
    parser.add_argument("id", type=int, nargs="?", help="Id of a sequence; without one: figures of all")
    parser.add_argument("--split", choices=("training", "validation", "test"), default="test", help="default test")
    parser.add_argument("--output", type=Path, metavar="PNG", help="picture to write (default <split>-<id>.png)")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.records.inspect import inspect

    inspect(options.records, options.id, options.split, options.output)
