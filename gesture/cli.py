"""The `gesture` command: one subcommand per rule of the workflow, each a program on files.

Handlers import what they need themselves, so `gesture --help` is instant and needs no TensorFlow.
"""

import argparse
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from gesture import __version__
from gesture.errors import GestureError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand and returns its exit code: a known error is one line on stderr, others are tracebacks."""
    options = _parser().parse_args(arguments)
    warnings.showwarning = _one_line_warning
    try:
        options.handler(options)
    except GestureError as error:
        print(f"gesture {options.command}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _one_line_warning(message, category, filename, lineno, file=None, line=None):  # type: ignore[no-untyped-def]
    print(f"warning: {message}", file=sys.stderr)


def minutes(text: str) -> float:
    """A duration as minutes: `240`, `4h`, `90m`, `4:00` (hours:minutes), `1d`."""
    match = re.fullmatch(r"(\d+):(\d\d)", text)
    if match:
        return int(match[1]) * 60.0 + int(match[2])
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text)
    if not match or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write 240 (minutes), 4h, 90m or 4:00")
    return float(match[1]) * {"s": 1 / 60, "": 1, "m": 1, "h": 60, "d": 1440}[match[2]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gesture",
        description="Trains gesture-recognition networks and averages many of them into one prediction file.",
        epilog="The workflow calls these commands in order; each can be run by hand. "
        "Exit codes: 0 done, 2 wrong input, 75 stopped early with a checkpoint (run again), "
        "76 failed for good, 77 another writer is at work.",
    )
    parser.add_argument("--version", action="version", version=f"gesture {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _add_download,
        _add_convert,
        _add_train,
        _add_evaluate,
        _add_average,
        _add_report,
        _add_plan,
        _add_inspect,
    ):
        add(commands)
    return parser


def _command(commands, name, handler, summary, example):  # type: ignore[no-untyped-def]
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(handler=handler)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, required=True, metavar="YAML", help="configuration of the experiment")


def _add_download(commands):  # type: ignore[no-untyped-def]
    parser = _command(
        commands,
        "download",
        _download,
        "make or check the raw files and list them in a manifest",
        "gesture download --settings config/demo.yaml --output resources/demo/manifest.json",
    )
    _add_settings(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="JSON", help="manifest to write")
    parser.add_argument("--processes", type=int, default=1, help="parallel processes (default 1)")


def _download(options: argparse.Namespace) -> None:
    from gesture.datasets.download import download
    from gesture.settings import load

    download(load(options.settings), options.output, options.processes)


def _add_convert(commands):  # type: ignore[no-untyped-def]
    parser = _command(
        commands,
        "convert",
        _convert,
        "convert raw files to tfrecord shards with an index",
        "gesture convert --settings config/demo.yaml --raw resources/demo/manifest.json "
        "--output records/demo/manifest.json",
    )
    _add_settings(parser)
    parser.add_argument("--raw", type=Path, required=True, metavar="JSON", help="manifest that download wrote")
    parser.add_argument("--verify", action="store_true", help="then read all records again and compare them")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="JSON", help="manifest to write; shards beside it"
    )
    parser.add_argument("--processes", type=int, default=1, help="parallel processes (default 1)")


def _convert(options: argparse.Namespace) -> None:
    from gesture.records.convert import convert
    from gesture.settings import load

    convert(load(options.settings), options.raw, options.output, options.processes)
    if options.verify:
        from gesture.records.verify import verify

        verify(options.output)


def _add_train(commands):  # type: ignore[no-untyped-def]
    parser = _command(
        commands,
        "train",
        _train,
        "train one stage of one member, going on from its newest checkpoint",
        "gesture train --settings config/demo.yaml --records records/demo/manifest.json --member fusion-s1 --stage 1 "
        "--checkpoints checkpoints/demo/fusion-s1/stage1 --output results/demo/train/fusion-s1/stage1 --walltime 4h",
    )
    _add_settings(parser)
    parser.add_argument("--records", type=Path, required=True, metavar="JSON", help="manifest that convert wrote")
    parser.add_argument("--member", required=True, help="member to train: <variant>-s<seed>")
    parser.add_argument("--stage", type=int, required=True, help="stage, counted from 1")
    parser.add_argument("--parent", type=Path, metavar="DIR", help="result of the stage before (none for stage 1)")
    parser.add_argument("--checkpoints", type=Path, required=True, metavar="DIR", help="live state, kept if killed")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="result of the stage")
    parser.add_argument("--walltime", type=minutes, default=240.0, help="time limit of this session (default 4h)")
    parser.add_argument("--save-every", type=minutes, default=10.0, help="time between checkpoints (default 10m)")
    parser.add_argument("--threads", type=int, default=1, help="TensorFlow threads; part of the result (default 1)")


def _train(options: argparse.Namespace) -> None:
    from gesture.lease import Lease
    from gesture.quiet import import_tensorflow
    from gesture.session import Session
    from gesture.settings import load
    from gesture.training.stage import StageJob

    session = Session(options.walltime * 60)
    job = StageJob.prepare(
        load(options.settings),
        options.member,
        options.stage,
        records=options.records,
        parent=options.parent,
        checkpoints=options.checkpoints,
        output=options.output,
        threads=options.threads,
    )
    if job.is_done():
        print(f"{options.member} stage {options.stage}: done already: {options.output}")
        return
    job.refuse_if_failed_for_good()
    session.catch_signals()
    with Lease(job.checkpoints) as lease, job.outcome_of_attempt():
        import_tensorflow()
        from gesture.training.loop import train

        train(job, lease, session, options.save_every * 60)


def _add_evaluate(commands):  # type: ignore[no-untyped-def]
    parser = _command(
        commands,
        "evaluate",
        _evaluate,
        "predict every sequence of a split with one trained member",
        "gesture evaluate --settings config/demo.yaml --records records/demo/manifest.json --member fusion-s1 "
        "--weights results/demo/train/fusion-s1/stage4 --split test "
        "--output results/demo/predictions/test/fusion-s1.csv",
    )
    _add_settings(parser)
    parser.add_argument("--records", type=Path, required=True, metavar="JSON", help="manifest that convert wrote")
    parser.add_argument("--member", required=True, help="member to evaluate: <variant>-s<seed>")
    parser.add_argument("--weights", type=Path, required=True, metavar="DIR", help="result of its last stage")
    parser.add_argument("--split", choices=("training", "validation", "test"), default="test")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV", help="predictions table to write")
    parser.add_argument("--threads", type=int, default=1, help="TensorFlow threads (default 1)")


def _evaluate(options: argparse.Namespace) -> None:
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


def _add_average(commands):  # type: ignore[no-untyped-def]
    parser = _command(
        commands,
        "average",
        _average,
        "average the members' softmaxes into ensemble.csv, submission.csv and metrics.json",
        "gesture average results/demo/predictions/test/*-s*.csv --output results/demo",
    )
    parser.add_argument("members", type=Path, nargs="+", metavar="MEMBER.csv", help="predictions tables of one split")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the three files")
    parser.add_argument("--method", choices=("mean", "geometric"), default="mean", help="kind of mean (default mean)")


def _average(options: argparse.Namespace) -> None:
    from gesture.evaluation.ensemble import average

    average(options.members, options.output, options.method)


def _add_report(commands):  # type: ignore[no-untyped-def]
    parser = _command(
        commands,
        "report",
        _report,
        "write report.html and summary.txt from an experiment's results",
        "gesture report --settings config/demo.yaml --records records/demo/manifest.json "
        "--results results/demo --logs logs/demo --output results/demo/report.html",
    )
    _add_settings(parser)
    parser.add_argument("--records", type=Path, required=True, metavar="JSON", help="manifest that convert wrote")
    parser.add_argument("--results", type=Path, required=True, metavar="DIR", help="results of the experiment")
    parser.add_argument("--logs", type=Path, required=True, metavar="DIR", help="its logs, with benchmark/ inside")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="HTML", help="page to write; summary.txt beside it"
    )


def _report(options: argparse.Namespace) -> None:
    from gesture.report.page import report
    from gesture.settings import load

    report(load(options.settings), options.records, options.results, options.logs, options.output)


def _add_plan(commands):  # type: ignore[no-untyped-def]
    parser = _command(
        commands,
        "plan",
        _plan,
        "check a configuration and show what it will train, before anything is submitted",
        "gesture plan config/smnet.yaml",
    )
    parser.add_argument("settings", type=Path, metavar="YAML", help="configuration of the experiment")


def _plan(options: argparse.Namespace) -> None:
    from gesture.plan import describe
    from gesture.settings import load

    print(describe(load(options.settings)))


def _add_inspect(commands):  # type: ignore[no-untyped-def]
    parser = _command(
        commands,
        "inspect",
        _inspect,
        "show what is in the records: figures, or one sequence as a strip of pictures",
        "gesture inspect records/synthetic-1a2b3c4d/manifest.json 17 --split test --output 17.png",
    )
    parser.add_argument("records", type=Path, metavar="JSON", help="manifest that convert wrote")
    parser.add_argument("id", type=int, nargs="?", help="Id of a sequence; without one: figures of all")
    parser.add_argument("--split", choices=("training", "validation", "test"), default="test", help="default test")
    parser.add_argument("--output", type=Path, metavar="PNG", help="picture to write (default <split>-<id>.png)")


def _inspect(options: argparse.Namespace) -> None:
    from gesture.records.inspect import inspect

    inspect(options.records, options.id, options.split, options.output)


if __name__ == "__main__":
    sys.exit(main())
