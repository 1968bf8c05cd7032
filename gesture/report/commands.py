"""`gesture report`, `gesture compare`, `gesture explain` and `gesture inspect`: flags, and one call each."""

import argparse
from pathlib import Path

from gesture.base.arguments import Subparsers, add_records, add_settings, command


def add_report(commands: Subparsers) -> None:
    """Declares `gesture report`."""
    parser = command(
        commands,
        "report",
        _run_report,
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


def _run_report(options: argparse.Namespace) -> None:
    from gesture.config.settings import load
    from gesture.report.page import report

    report(load(options.settings), options.records, options.results, options.logs, options.output)


def add_compare(commands: Subparsers) -> None:
    """Declares `gesture compare`."""
    parser = command(
        commands,
        "compare",
        _run_compare,
        "two or more experiments side by side, with paired tests",
        "gesture compare results/demo results/other --output compare.json",
    )
    parser.add_argument("experiments", type=Path, nargs="+", metavar="EXPERIMENT", help="results folder, or its name")
    parser.add_argument("--split", choices=("validation", "test"), help="default: test, if all have labels there")
    parser.add_argument("--output", type=Path, metavar="JSON", help="the tables as JSON")


def _run_compare(options: argparse.Namespace) -> None:
    from gesture.report.compare import compare

    compare(options.experiments, options.split, options.output)


def add_explain(commands: Subparsers) -> None:
    """Declares `gesture explain`."""
    parser = command(
        commands,
        "explain",
        _run_explain,
        "trace a row of submission.csv back to softmaxes, checkpoints, sessions and the record",
        "gesture explain 17 --results results/demo",
    )
    parser.add_argument("id", type=int, help="Id of the row")
    parser.add_argument("--results", type=Path, required=True, metavar="DIR", help="results of the experiment")
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="default test")
    parser.add_argument("--records", type=Path, metavar="JSON", help="records' manifest (default: by the settings)")
    parser.add_argument("--output", type=Path, metavar="PNG", help="picture to write (default <split>-<id>.png)")


def _run_explain(options: argparse.Namespace) -> None:
    from gesture.report.explain import explain

    output = options.output or Path(f"{options.split}-{options.id}.png")
    explain(options.id, options.results, options.split, options.records, output)


def add_inspect(commands: Subparsers) -> None:
    """Declares `gesture inspect`."""
    parser = command(
        commands,
        "inspect",
        _run_inspect,
        "show what is in the records: figures, or one sequence as a strip of pictures",
        "gesture inspect records/synthetic-1a2b3c4d/manifest.json 17 --split test --output 17.png",
    )
    parser.add_argument("records", type=Path, metavar="JSON", help="manifest that convert wrote")
    parser.add_argument("id", type=int, nargs="?", help="Id of a sequence; without one: figures of all")
    parser.add_argument("--split", choices=("training", "validation", "test"), default="test", help="default test")
    parser.add_argument("--output", type=Path, metavar="PNG", help="picture to write (default <split>-<id>.png)")


def _run_inspect(options: argparse.Namespace) -> None:
    from gesture.report.inspect import inspect

    inspect(options.records, options.id, options.split, options.output)
