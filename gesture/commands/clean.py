"""`gesture clean`."""

import argparse

from gesture.commands.arguments import Subparsers, add_directory, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "clean",
        run,
        "remove what members left behind, so that they are trained anew",
        "gesture clean demo --variant fusion --from-stage 3 --dry-run",
    )
    parser.add_argument("experiment", help="name of an experiment, or its YAML")
    parser.add_argument(
        "--variant", nargs="+", default=[], metavar="NAME", help="variants or members (default: all of the experiment)"
    )
    parser.add_argument("--from-stage", type=int, default=1, metavar="K", help="keep the stages before (default 1)")
    add_directory(parser)
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would go, remove nothing")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.clean import chosen_members, leftovers, remove, used_bytes
    from gesture.experiments import find
    from gesture.wording import size

    (experiment,) = find(options.experiment, options.directory)
    chosen = chosen_members(experiment, options.variant)
    paths = leftovers(experiment, chosen, options.from_stage, options.directory)
    total = sum(used_bytes(path) for path in paths)
    verb = "would remove" if options.dry_run else "removes"
    for path in paths:
        print(f"{verb} {path}")
    if not options.dry_run:
        remove(paths)
    print(f"{len(paths)} files and folders, {size(total)}" + ("; nothing was removed" if options.dry_run else ""))
