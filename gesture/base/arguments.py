"""What the subcommands share: how they are declared, and the kinds of values they take."""

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path

Subparsers = argparse._SubParsersAction  # the type has no public name


def command(
    commands: "Subparsers", name: str, handler: Callable[[argparse.Namespace], None], summary: str, example: str
) -> argparse.ArgumentParser:
    """Declares a subcommand whose help ends with an example."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(handler=handler)
    return parser


def minutes(text: str) -> float:
    """A duration as minutes: `240`, `4:00` (hours:minutes), or as Snakemake takes `runtime`: `4h`, `2 hours`, `1d`."""
    match = re.fullmatch(r"(\d+):(\d\d)", text.strip())
    if match:
        return int(match[1]) * 60.0 + int(match[2])
    from humanfriendly import InvalidTimespan, parse_timespan

    try:
        found = float(text) if re.fullmatch(r"\s*\d+(\.\d+)?\s*", text) else parse_timespan(text) / 60
    except InvalidTimespan:
        found = 0.0
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write 240 (minutes), 4h, 90 min, 4:00 or '2 hours'")
    return found


def seconds(text: str) -> float:
    """A pause as seconds: `30`, `0.5`."""
    found = float(text) if re.fullmatch(r"\d+(\.\d+)?", text.strip()) else 0.0
    if not 0 < found < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds: write 30")
    return found


def megabytes(text: str) -> int:
    """Memory in MB: `40000`, or as Snakemake's `mem` takes it: `40GB`, `40 GiB`."""
    from humanfriendly import InvalidSize, parse_size

    try:
        found = float(text) if re.fullmatch(r"\s*\d+(\.\d+)?\s*", text) else parse_size(text) / 1e6
    except InvalidSize:
        found = 0.0
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no memory size: write 40000 (MB) or 40GB")
    return math.ceil(found)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Adds `--settings`."""
    parser.add_argument("--settings", type=Path, required=True, metavar="YAML", help="configuration of the experiment")


def add_records(parser: argparse.ArgumentParser) -> None:
    """Adds `--records`."""
    parser.add_argument("--records", type=Path, required=True, metavar="JSON", help="manifest that convert wrote")


def add_gpus(parser: argparse.ArgumentParser) -> None:
    """Adds `--gpus`."""
    parser.add_argument(
        "--gpus",
        type=int,
        default=0,
        metavar="N",
        help="GPUs that were asked for: fewer are refused with exit code 71; with 0 it computes on the CPU (default 0)",
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Adds `--workers`."""
    parser.add_argument(
        "--workers",
        type=_at_least_one,
        metavar="N",
        help="threads that make batches; no part of the result (default: the cores that are left, at most 4)",
    )


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of workers: write 1 or more")
    return int(text)


def add_directory(parser: argparse.ArgumentParser) -> None:
    """Adds `--directory`."""
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="working directory of the workflow",
    )
