"""`gesture download`."""

import argparse
from pathlib import Path

from gesture.commands.arguments import Subparsers, add_settings, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "download",
        run,
        "make or check the raw files and list them in a manifest",
        "gesture download --settings config/demo.yaml --output resources/demo/manifest.json",
    )
    add_settings(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="JSON", help="manifest to write")
    parser.add_argument("--processes", type=int, default=1, help="parallel processes (default 1)")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.datasets.download import download
    from gesture.settings import load

    download(load(options.settings), options.output, options.processes)
