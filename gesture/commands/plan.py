"""`gesture plan`."""

import argparse
from pathlib import Path

from gesture.commands.arguments import Subparsers, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "plan",
        run,
        "check a configuration and show what it will train, before anything is submitted",
        "gesture plan config/smnet.yaml",
    )
    parser.add_argument("settings", type=Path, metavar="YAML", help="configuration of the experiment")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.plan import describe
    from gesture.settings import load

    print(describe(load(options.settings)))
