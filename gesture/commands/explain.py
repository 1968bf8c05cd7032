"""`gesture explain`."""

import argparse
from pathlib import Path

from gesture.commands.arguments import Subparsers, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "explain",
        run,
        "trace a row of submission.csv back to softmaxes, checkpoints, sessions and the record",
        "gesture explain 17 --results results/demo",
    )
    parser.add_argument("id", type=int, help="Id of the row")
    parser.add_argument("--results", type=Path, required=True, metavar="DIR", help="results of the experiment")
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="default test")
    parser.add_argument("--records", type=Path, metavar="JSON", help="records' manifest (default: by the settings)")
    parser.add_argument("--output", type=Path, metavar="PNG", help="picture to write (default <split>-<id>.png)")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.report.explain import explain

    output = options.output or Path(f"{options.split}-{options.id}.png")
    explain(options.id, options.results, options.split, options.records, output)
