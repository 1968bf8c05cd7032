"""`gesture cancel`."""

import argparse

from gesture.commands.arguments import Subparsers, add_directory, command


def add(commands: Subparsers) -> None:
    """Declares the subcommand."""
    parser = command(
        commands,
        "cancel",
        run,
        "end all jobs of an experiment, on LSF, on Slurm and on this machine; trainers save first",
        "gesture cancel smnet",
    )
    parser.add_argument("experiment", help="name of an experiment, or its YAML")
    add_directory(parser)
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would be ended, end nothing")


def run(options: argparse.Namespace) -> None:
    """Runs it."""
    from gesture.cluster import jobs
    from gesture.cluster.ask import ask
    from gesture.errors import GestureError
    from gesture.experiments import find

    folder = options.directory
    (experiment,) = (one.experiment for one in find(options.experiment, folder))
    verb = "would end" if options.dry_run else "ended"
    for pid in jobs.heads(folder):
        print(f"note: Snakemake (process {pid}) is at work in this folder and starts ended jobs again: end it first")
    failed = []
    queued = [*jobs.lsf_jobs(folder, experiment), *jobs.slurm_jobs(folder, experiment, ask)]
    for job in queued:
        refusal = None if options.dry_run else jobs.end(job)
        if refusal is not None:
            failed.append(f"{job.name} ({refusal})")
        else:
            print(f"{verb} {job.name}: {job.what}")
    elsewhere = 0
    for stage, held in jobs.trainers(folder, experiment):
        if jobs.is_ours(held):
            if not options.dry_run:
                jobs.stop_trainer(held["pid"])
            print(f"{verb} process {held['pid']}: {stage}")
        elif not held["job"]:
            elsewhere += 1
            print(f"not ended: process {held['pid']} on {held['host']}: {stage}; run this command there")
    if failed:
        raise GestureError(f"{experiment}: not ended: {', '.join(failed)}; run the same command again")
    if not queued and not elsewhere:
        print(f"{experiment}: no job is left" if options.dry_run else f"{experiment}: no more jobs in a queue")
