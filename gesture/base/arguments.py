"""What the subcommands share: how they are declared, and the kinds of values they take."""

import argparse
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
    """A duration as minutes: `240`, `4h`, `90m`, `4:00` (hours:minutes), `1d`."""
    match = re.fullmatch(r"(\d+):(\d\d)", text)
    if match:
        return int(match[1]) * 60.0 + int(match[2])
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text)
    if not match or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write 240 (minutes), 4h, 90m or 4:00")
    return float(match[1]) * {"s": 1 / 60, "": 1, "m": 1, "h": 60, "d": 1440}[match[2]]


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Adds `--settings`."""
    parser.add_argument("--settings", type=Path, required=True, metavar="YAML", help="configuration of the experiment")


def add_records(parser: argparse.ArgumentParser) -> None:
    """Adds `--records`."""
    parser.add_argument("--records", type=Path, required=True, metavar="JSON", help="manifest that convert wrote")


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
