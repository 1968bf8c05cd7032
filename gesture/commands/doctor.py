"""`gesture doctor`."""

import argparse
from pathlib import Path

from gesture.commands.arguments import Subparsers, add_directory, command, minutes


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "doctor",
        run,
        "check in seconds whether jobs would run here or on the cluster, before anything is submitted",
        "gesture doctor --profile lsf --settings config/smnet.yaml --probe",
    )
    parser.add_argument(
        "--profile", default="local", help="profile to judge: local, lsf, slurm, or a folder (default local)"
    )
    parser.add_argument("--settings", type=Path, metavar="YAML", help="experiment whose disk needs are judged")
    add_directory(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--probe", action="store_true", help="also submit a job of a few minutes that looks at a node")
    parser.add_argument("--probe-wait", type=minutes, default=10.0, help="how long to wait for it (default 10m)")
    parser.add_argument(
        "--node", action="store_true", help="this is a compute node: ask no scheduler, make a training step on its GPU"
    )


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    import json
    from dataclasses import asdict

    from gesture.cluster import doctor, finding
    from gesture.cluster.ask import ask
    from gesture.cluster.profile import find, request
    from gesture.errors import GestureError
    from gesture.settings import load

    wanted = request(find(options.profile))
    experiment = load(options.settings) if options.settings else None
    found = doctor.findings(wanted, options.directory, experiment, ask, on_node=options.node)
    if options.probe and not options.node:
        found += doctor.probed(wanted, options.profile, options.directory, options.probe_wait * 60, found)
    print(json.dumps([asdict(one) for one in found], indent=1) if options.json else finding.as_text(found))
    problems = [one.check for one in found if one.level == "problem"]
    if problems:
        raise GestureError(f"jobs would fail: {', '.join(problems)}")
