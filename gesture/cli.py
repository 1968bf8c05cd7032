"""The `gesture` command: one subcommand per rule of the workflow, each a program on files.

Subcommands import what they need when they run, so `gesture --help` is instant and needs no TensorFlow.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence

from gesture import __version__
from gesture.commands import (
    average,
    cancel,
    clean,
    compare,
    convert,
    devices,
    doctor,
    download,
    evaluate,
    explain,
    inspect,
    jaccard,
    plan,
    prove_resume,
    report,
    reproduce,
    restore,
    status,
    train,
)
from gesture.errors import GestureError

# In the order of the help: what the rules call, in run order, then what people call.
COMMANDS = (
    download,
    convert,
    train,
    evaluate,
    average,
    report,
    plan,
    doctor,
    devices,
    status,
    cancel,
    clean,
    inspect,
    explain,
    compare,
    reproduce,
    jaccard,
    restore,
    prove_resume,
)


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gesture",
        description="Trains gesture-recognition networks and averages many of them into one prediction file.",
        epilog="The workflow calls these commands in order; each can be run by hand. "
        "Exit codes: 0 done, 1 no GPU (devices), 2 wrong input, 75 stopped early with a checkpoint (run again), "
        "76 failed for good, 77 another writer is at work.",
    )
    parser.add_argument("--version", action="version", version=f"gesture {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for one in COMMANDS:
        one.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
