"""`gesture evaluate` and `gesture jaccard`: flags, and one call each."""

import argparse
from pathlib import Path

from gesture.base.arguments import Subparsers, add_gpus, add_records, add_settings, add_workers, command


def add_evaluate(commands: Subparsers) -> None:
    """Declares `gesture evaluate`."""
    parser = command(
        commands,
        "evaluate",
        _run_evaluate,
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
    add_gpus(parser)
    parser.add_argument("--threads", type=int, default=1, help="TensorFlow threads (default 1)")
    add_workers(parser)


def _run_evaluate(options: argparse.Namespace) -> None:
    from gesture.base.tensorflow import import_tensorflow
    from gesture.config.settings import load
    from gesture.schedulers import gpu_locks

    experiment = load(options.settings)
    gpu_locks.take(options.gpus)
    import_tensorflow()
    from gesture.evaluate.predict import evaluate

    evaluate(
        experiment,
        records=options.records,
        member_name=options.member,
        weights=options.weights,
        split=options.split,
        output=options.output,
        threads=options.threads,
        gpus=options.gpus,
        workers=options.workers,
    )


def add_jaccard(commands: Subparsers) -> None:
    """Declares `gesture jaccard`."""
    parser = command(
        commands,
        "jaccard",
        _run_jaccard,
        "score gestures found in continuous recordings, as ChaLearn 2014 did and strictly",
        "gesture jaccard truth.csv found.csv --output jaccard.json",
    )
    parser.add_argument("truth", type=Path, metavar="TRUTH.csv", help="sample,begin,end,y: frames and classes from 1")
    parser.add_argument("found", type=Path, metavar="FOUND.csv", help="the same, as a program found them")
    parser.add_argument("--output", type=Path, metavar="JSON", help="scores of every sample")


def _run_jaccard(options: argparse.Namespace) -> None:
    from gesture.evaluate.jaccard import jaccard

    jaccard(options.truth, options.found, options.output)
