"""The `gesture` command: one subcommand per rule of the workflow, each a program on files.

Subcommands import what they need when they run, so `gesture --help` is instant and needs no TensorFlow.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from gesture import __version__
from gesture.base.disk import is_refusal, refusal
from gesture.base.errors import GestureError
from gesture.evaluate import commands as evaluate
from gesture.faults import commands as faults
from gesture.legacy2019 import commands as legacy2019
from gesture.operate import commands as operate
from gesture.operate import note
from gesture.report import commands as report
from gesture.steps import STEPS

# As a shell has it of what Ctrl-C ended.
INTERRUPTED = 130
# After the steps, which the rules call: what people call.
OTHERS = (
    operate.add_plan,
    operate.add_migrate,
    operate.add_doctor,
    operate.add_devices,
    operate.add_status,
    operate.add_cancel,
    operate.add_clean,
    report.add_inspect,
    report.add_explain,
    report.add_compare,
    operate.add_reproduce,
    evaluate.add_jaccard,
    legacy2019.add_restore,
    faults.add_prove_resume,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand and returns its exit code: a known error is one line on stderr, others are tracebacks.

    Known is also what the disk or a limit refused, wherever it was met: it is no bug of ours.
    """
    options = _parser().parse_args(arguments)
    warnings.showwarning = _one_line_warning
    with note.kept(options) as ending:
        ending.exit_code, ending.message = _run(options)
        if ending.message:
            with suppress(OSError):  # where there is no room for the log either, the exit code has to do
                print(f"gesture {options.command}: {ending.message}", file=sys.stderr)
    return ending.exit_code


def _run(options: argparse.Namespace) -> tuple[int, str]:
    """Exit code and error of a subcommand; empty where there was none."""
    try:
        options.handler(options)
        with suppress(BrokenPipeError):  # whoever read our output has seen enough
            sys.stdout.flush()
    except GestureError as error:
        return error.exit_code, str(error)
    except OSError as error:
        if not is_refusal(error):
            raise
        return GestureError.exit_code, str(refusal(error))
    except KeyboardInterrupt:
        return INTERRUPTED, "interrupted"
    return 0, ""


def _one_line_warning(message, category, filename, lineno, file=None, line=None):  # type: ignore[no-untyped-def]
    print(f"warning: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gesture",
        description="Trains gesture-recognition networks and averages many of them into one prediction file.",
        epilog="The workflow calls these commands in order; each can be run by hand. "
        "Exit codes: 0 done, 1 no GPU (devices), 2 wrong input, 71 this node is unfit (no GPU, driver), another may be "
        "fine, 75 stopped early with a checkpoint (run again), 76 failed for good, 77 another writer is at work.",
    )
    parser.add_argument("--version", action="version", version=f"gesture {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for step in STEPS:
        getattr(import_module(f"gesture.{step}.commands"), f"add_{step}")(commands)
    for add in OTHERS:
        add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
