"""`gesture train`: flags, and one call."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from gesture.base.arguments import Subparsers, add_gpus, add_records, add_settings, add_workers, command, minutes

if TYPE_CHECKING:
    from gesture.train.stage import StageJob


def add_train(commands: Subparsers) -> None:
    """Declares `gesture train`."""
    parser = command(
        commands,
        "train",
        _run_train,
        "train one stage of one member, going on from its newest checkpoint",
        "gesture train --settings config/demo.yaml --records records/demo/manifest.json --member fusion-s1 --stage 1 "
        "--checkpoints checkpoints/demo/fusion-s1/stage1 --output results/demo/train/fusion-s1/stage1 --walltime 4h",
    )
    add_settings(parser)
    add_records(parser)
    parser.add_argument("--member", required=True, help="member to train: <variant>-s<seed>")
    parser.add_argument("--stage", type=int, required=True, help="stage, counted from 1")
    parser.add_argument(
        "--previous",
        type=Path,
        nargs="*",
        default=[],
        metavar="FILE",
        help="weights of the stage before, and its slots",
    )
    parser.add_argument("--checkpoints", type=Path, required=True, metavar="DIR", help="live state, kept if killed")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="result of the stage")
    parser.add_argument("--walltime", type=minutes, default=240.0, help="time limit of this session (default 4h)")
    parser.add_argument("--save-every", type=minutes, default=10.0, help="time between checkpoints (default 10m)")
    parser.add_argument("--save-steps", type=int, metavar="N", help="also save after every N steps")
    parser.add_argument("--retry-failed", action="store_true", help="try again what failed for good, unchanged")
    add_gpus(parser)
    parser.add_argument("--threads", type=int, default=1, help="TensorFlow threads; part of the result (default 1)")
    add_workers(parser)


def _run_train(options: argparse.Namespace) -> None:
    from gesture.base.lease import Lease
    from gesture.base.session import Session
    from gesture.base.tensorflow import import_tensorflow
    from gesture.config.settings import load
    from gesture.schedulers import gpu_locks, job_age, job_id
    from gesture.train.stage import StageJob

    session = Session(options.walltime * 60, gone=job_age())
    job = StageJob.prepare(
        load(options.settings),
        options.member,
        options.stage,
        records=options.records,
        parent=options.previous[0].parent if options.previous else None,
        checkpoints=options.checkpoints,
        output=options.output,
        threads=options.threads,
        gpus=options.gpus,
    )
    if _said_done(job):
        return
    if not options.retry_failed:
        job.refuse_if_failed_for_good()
    session.catch_signals()
    with Lease(job.checkpoints, job=job_id()) as lease:
        if _said_done(job):  # by the writer that this one waited for
            return
        with job.outcome_of_attempt(lease):
            gpu_locks.take(options.gpus, session.reason_to_stop)
            import_tensorflow()
            from gesture.train.loop import Cadence, train

            cadence = Cadence(options.save_every * 60, options.save_steps or math.inf)
            train(job, lease, session, cadence, options.workers)


def _said_done(job: "StageJob") -> bool:
    if job.is_done():
        print(f"{job.name}: done already: {job.output}")
    return job.is_done()
