"""`gesture reproduce`."""

import argparse
from pathlib import Path

from gesture.commands.arguments import Subparsers, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "reproduce",
        run,
        "run an experiment again from its submission.json, elsewhere, and compare the digests",
        "gesture reproduce results/demo/submission.json --output /scratch/me/again --cores 2",
    )
    parser.add_argument("manifest", type=Path, metavar="JSON", help="submission.json of the experiment")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="working directory of the new run")
    parser.add_argument("--cores", type=int, default=1, help="processor cores (default 1)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the raw files, if they lie elsewhere now")
    parser.add_argument("--profile", help="Snakemake profile instead of --cores, such as lsf")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.report.reproduce import reproduce

    reproduce(options.manifest, options.output, options.cores, options.data, options.profile)
