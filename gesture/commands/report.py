"""`gesture report`."""

import argparse
from pathlib import Path

from gesture.commands.arguments import Subparsers, add_records, add_settings, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "report",
        run,
        "write report.html and summary.txt from an experiment's results",
        "gesture report --settings config/demo.yaml --records records/demo/manifest.json "
        "--results results/demo --logs logs/demo --output results/demo/report.html",
    )
    add_settings(parser)
    add_records(parser)
    parser.add_argument("--results", type=Path, required=True, metavar="DIR", help="results of the experiment")
    parser.add_argument("--logs", type=Path, required=True, metavar="DIR", help="its logs, with benchmark/ inside")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="HTML", help="page to write; summary.txt beside it"
    )


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.report.page import report
    from gesture.settings import load

    report(load(options.settings), options.records, options.results, options.logs, options.output)
