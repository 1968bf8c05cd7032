"""`gesture convert`: flags, and one call."""

import argparse
from pathlib import Path

from gesture.base.arguments import Subparsers, add_settings, command


def add_convert(commands: Subparsers) -> None:
    """Declares `gesture convert`."""
    parser = command(
        commands,
        "convert",
        _run_convert,
        "convert raw files to tfrecord shards with an index",
        "gesture convert --settings config/demo.yaml --raw resources/demo/manifest.json "
        "--output records/demo/manifest.json",
    )
    add_settings(parser)
    parser.add_argument("--raw", type=Path, required=True, metavar="JSON", help="manifest that download wrote")
    parser.add_argument("--verify", action="store_true", help="then read all records again and compare them")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="JSON", help="manifest to write; shards beside it"
    )
    parser.add_argument("--processes", type=int, default=1, help="parallel processes (default 1)")


def _run_convert(options: argparse.Namespace) -> None:
    from gesture.config.settings import load
    from gesture.convert.convert import convert

    convert(load(options.settings), options.raw, options.output, options.processes)
    if options.verify:
        from gesture.convert.verify import verify

        verify(options.output)
