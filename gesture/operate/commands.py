"""What people ask between the steps, such as `gesture plan`, `doctor` or `status`: flags, and one call each."""

import argparse
from pathlib import Path

from gesture.base.arguments import Subparsers, add_directory, command, minutes, seconds


def add_plan(commands: Subparsers) -> None:
    """Declares `gesture plan`."""
    parser = command(
        commands,
        "plan",
        _run_plan,
        "check a configuration and show what it will train and cost, before anything is submitted",
        "gesture plan config/smnet.yaml --sequences 7487 --step-seconds 0.8 --gpus 5",
    )
    parser.add_argument("settings", type=Path, metavar="YAML", help="configuration of the experiment")
    add_directory(parser)
    parser.add_argument("--walltime", type=minutes, default=240.0, help="time limit of a batch job (default 4h)")
    parser.add_argument("--gpus", type=int, default=4, help="jobs that run at once (default 4)")
    parser.add_argument("--sequences", type=int, help="training sequences (default: counted in the records)")
    parser.add_argument(
        "--step-seconds", type=float, help="time of a step [s] (default: measured by the sessions that ran)"
    )


def _run_plan(options: argparse.Namespace) -> None:
    from gesture.base.errors import GestureError
    from gesture.config.settings import load_given
    from gesture.operate.costs import describe, describe_costs, measured, stage_costs, training_sequences
    from gesture.operate.memory import describe_memory
    from gesture.operate.preflight import suspicious

    if options.gpus < 1:
        raise GestureError(f"--gpus {options.gpus}: at least one")
    experiment = load_given(options.settings)
    seen = measured(experiment, options.directory)
    sequences = options.sequences or training_sequences(experiment, options.directory)
    given = {name: options.step_seconds or (seen[name].step_seconds if name in seen else None)
             for name in experiment.variants}  # fmt: skip
    costs = stage_costs(experiment, sequences, lambda member: given[member.variant_name], options.walltime * 60)
    print(describe(experiment))
    for message in suspicious(experiment, options.directory):
        print(f"warning: {message}")
    parameters = {name: one.parameters for name, one in seen.items()}
    print(describe_costs(experiment, costs, parameters, options.gpus, options.walltime * 60))
    print(describe_memory(experiment, options.directory))


def add_migrate(commands: Subparsers) -> None:
    """Declares `gesture migrate`."""
    parser = command(
        commands,
        "migrate",
        _run_migrate,
        "rewrite a configuration file with the names of today, in place; comments are kept",
        "gesture migrate my/experiment.yaml --check",
    )
    parser.add_argument("settings", type=Path, metavar="YAML", help="configuration file")
    parser.add_argument("--check", action="store_true", help="show the lines, write nothing")


def _run_migrate(options: argparse.Namespace) -> None:
    from gesture.operate.migrate import migrate

    lines = migrate(options.settings, options.check)
    print("\n".join(lines) or f"{options.settings}: has no old names")


def add_doctor(commands: Subparsers) -> None:
    """Declares `gesture doctor`."""
    parser = command(
        commands,
        "doctor",
        _run_doctor,
        "check in seconds whether jobs would run here or on the cluster, before anything is submitted",
        "gesture doctor --profile lsf --settings config/smnet.yaml --probe",
    )
    parser.add_argument(
        "--profile", default="local", help="profile to judge: local, lsf, slurm, or a folder (default local)"
    )
    parser.add_argument(
        "--settings", type=Path, metavar="YAML", help="experiment whose needs of disk and GPU memory are judged"
    )
    add_directory(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--probe", action="store_true", help="also submit a job of a few minutes that looks at a node")
    parser.add_argument("--probe-wait", type=minutes, default=10.0, help="how long to wait for it (default 10m)")
    parser.add_argument(
        "--node", action="store_true", help="this is a compute node: ask no scheduler, make a training step on its GPU"
    )


def _run_doctor(options: argparse.Namespace) -> None:
    import json
    from dataclasses import asdict

    from gesture.base.errors import GestureError
    from gesture.config.settings import load_given
    from gesture.operate import doctor
    from gesture.schedulers import finding
    from gesture.schedulers.ask import ask
    from gesture.schedulers.profile import find, request

    wanted = request(find(options.profile))
    experiment = load_given(options.settings) if options.settings else None
    found = doctor.findings(wanted, options.directory, experiment, ask, on_node=options.node)
    if options.probe and not options.node:
        found += doctor.probed(wanted, options.profile, options.directory, options.probe_wait * 60, found)
    print(json.dumps([asdict(one) for one in found], indent=1) if options.json else finding.as_text(found))
    problems = [one.check for one in found if one.level == "problem"]
    if problems:
        raise GestureError(f"jobs would fail: {', '.join(problems)}")


def add_devices(commands: Subparsers) -> None:
    """Declares `gesture devices`."""
    parser = command(
        commands,
        "devices",
        _run_devices,
        "show what TensorFlow would compute on here; exit 1 if that is not a GPU, with the reason",
        "gesture devices",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def _run_devices(options: argparse.Namespace) -> None:
    import json

    from gesture.base.errors import NoGpuError
    from gesture.base.hardware import hardware

    found = hardware()
    print(json.dumps(found.as_json(), indent=1) if options.json else found.line())
    if not found.gpus:
        raise NoGpuError(found.reason)


def add_status(commands: Subparsers) -> None:
    """Declares `gesture status`."""
    parser = command(
        commands,
        "status",
        _run_status,
        "show where every job of every step stands, what failed and why",
        "gesture status demo --watch",
    )
    parser.add_argument(
        "experiment", nargs="?", help="name of an experiment, or its YAML (default: all below results/)"
    )
    add_directory(parser)
    parser.add_argument("--json", action="store_true", help="print it as JSON, as docs/status.md describes")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="look again until all is done: redrawn in a terminal, in a file told anew when something changed",
    )
    parser.add_argument("--every", type=seconds, default=30.0, metavar="S", help="time between two looks (default 30)")


def _run_status(options: argparse.Namespace) -> None:
    import json

    from gesture.operate.experiments import find
    from gesture.operate.status import as_json, describe, essence, status
    from gesture.operate.watch import watch
    from gesture.schedulers.ask import ask

    def look() -> tuple[str, list[tuple[object, ...]], bool]:
        found = [status(one, options.directory, ask) for one in find(options.experiment, options.directory)]
        if options.json:
            value = [as_json(one, options.directory) for one in found]
            text = json.dumps(value, indent=None if options.watch else 1)
        else:
            text = "\n\n".join(map(describe, found))
        return text, [essence(one) for one in found], all(one.state == "done" for one in found)

    if options.watch:
        watch(look, options.every)
    else:
        print(look()[0])


def add_cancel(commands: Subparsers) -> None:
    """Declares `gesture cancel`."""
    parser = command(
        commands,
        "cancel",
        _run_cancel,
        "end all jobs of an experiment, on LSF, on Slurm and on this machine; trainers save first",
        "gesture cancel smnet",
    )
    parser.add_argument("experiment", help="name of an experiment, or its YAML")
    add_directory(parser)
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would be ended, end nothing")


def _run_cancel(options: argparse.Namespace) -> None:
    from gesture.base.errors import GestureError
    from gesture.operate import cancel as jobs
    from gesture.operate.experiments import find
    from gesture.schedulers.ask import ask

    folder = options.directory
    (experiment,) = (one.experiment for one in find(options.experiment, folder))
    verb = "would end" if options.dry_run else "ended"
    for pid in jobs.heads(folder):
        print(f"note: Snakemake (process {pid}) is at work in this folder and starts ended jobs again: end it first")
    failed, ended = [], 0
    for job in jobs.queued(folder, experiment, ask):
        became, said = ("ended", "") if options.dry_run else jobs.end(job)
        if became == "refused":
            failed.append(f"{job.name} ({said})")
        elif became == "ended":
            ended += 1
            print(f"{verb} {job.name}: {job.what}")
    elsewhere = 0
    for stage, held in jobs.trainers(folder, experiment):
        if jobs.is_ours(held):
            if not options.dry_run:
                jobs.stop_trainer(held["pid"])
            ended += 1
            print(f"{verb} process {held['pid']}: {stage}")
        elif not held["job"]:
            elsewhere += 1
            print(f"not ended: process {held['pid']} on {held['host']}: {stage}; run this command there")
    if failed:
        raise GestureError(f"{experiment}: not ended: {', '.join(failed)}; run the same command again")
    if not ended and not elsewhere:
        print(f"{experiment}: nothing is left to end")


def add_clean(commands: Subparsers) -> None:
    """Declares `gesture clean`."""
    parser = command(
        commands,
        "clean",
        _run_clean,
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


def _run_clean(options: argparse.Namespace) -> None:
    from gesture.base.text import size
    from gesture.operate.clean import chosen_members, leftovers, remove, used_bytes
    from gesture.operate.experiments import find

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


def add_reproduce(commands: Subparsers) -> None:
    """Declares `gesture reproduce`."""
    parser = command(
        commands,
        "reproduce",
        _run_reproduce,
        "run an experiment again from its submission.json, elsewhere, and compare the digests",
        "gesture reproduce results/demo/submission.json --output /scratch/me/again --cores 2",
    )
    parser.add_argument("manifest", type=Path, metavar="JSON", help="submission.json of the experiment")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="working directory of the new run")
    parser.add_argument("--cores", type=int, default=1, help="processor cores (default 1)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the raw files, if they lie elsewhere now")
    parser.add_argument("--profile", help="Snakemake profile instead of --cores, such as lsf")


def _run_reproduce(options: argparse.Namespace) -> None:
    from gesture.operate.reproduce import reproduce

    reproduce(options.manifest, options.output, options.cores, options.data, options.profile)
