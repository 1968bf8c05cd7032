"""`gesture devices`."""

import argparse

from gesture.commands.arguments import Subparsers, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "devices",
        run,
        "show what TensorFlow would compute on here; exit 1 if that is not a GPU, with the reason",
        "gesture devices",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    import json

    from gesture.base.hardware import hardware
    from gesture.errors import NoGpuError

    found = hardware()
    print(json.dumps(found.as_json(), indent=1) if options.json else found.line())
    if not found.gpus:
        raise NoGpuError(found.reason)
