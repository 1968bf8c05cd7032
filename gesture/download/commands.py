"""`gesture download`: flags, and one call."""

import argparse
from pathlib import Path

from gesture.base.arguments import Subparsers, add_settings, command


def add_download(commands: Subparsers) -> None:
    """Declares `gesture download`."""
    parser = command(
        commands,
        "download",
        _run_download,
        "make or check the raw files and list them in a manifest",
        "gesture download --settings config/demo.yaml --output resources/demo/manifest.json",
    )
    add_settings(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="JSON", help="manifest to write")
    parser.add_argument("--processes", type=int, default=1, help="parallel processes (default 1)")


def _run_download(options: argparse.Namespace) -> None:
    from gesture.config.settings import load
    from gesture.download.download import download

    download(load(options.settings), options.output, options.processes)
