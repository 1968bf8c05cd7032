"""`gesture evaluate`."""

import argparse
from pathlib import Path

from gesture.commands.arguments import Subparsers, add_records, add_settings, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "evaluate",
        run,
        "predict every sequence of a split with one trained member",
        "gesture evaluate --settings config/demo.yaml --records records/demo/manifest.json --member fusion-s1 "
        "--weights results/demo/train/fusion-s1/stage4 --split test "
        "--output results/demo/predictions/test/fusion-s1.csv",
    )
    add_settings(parser)
    add_records(parser)
    parser.add_argument("--member", required=True, help="member to evaluate: <variant>-s<seed>")
    parser.add_argument("--weights", type=Path, required=True, metavar="DIR", help="result of its last stage")
    parser.add_argument("--split", choices=("training", "validation", "test"), default="test")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV", help="predictions table to write")
    parser.add_argument("--threads", type=int, default=1, help="TensorFlow threads (default 1)")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.quiet import import_tensorflow
    from gesture.settings import load

    experiment = load(options.settings)
    import_tensorflow()
    from gesture.models.predict import evaluate

    evaluate(
        experiment,
        records=options.records,
        member_name=options.member,
        weights=options.weights,
        split=options.split,
        output=options.output,
        threads=options.threads,
    )
