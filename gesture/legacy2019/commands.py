"""`gesture restore`: flags, and one call."""

import argparse
from pathlib import Path

from gesture.base.arguments import Subparsers, command


def add_restore(commands: Subparsers) -> None:
    """Declares `gesture restore`."""
    parser = command(
        commands,
        "restore",
        _run_restore,
        "evaluate a checkpoint of the 2019 program (TensorFlow 1) as it did",
        "gesture restore -S models -M 1559977294 -C 82280 --records tfrecords --split test --output results/2019",
    )
    parser.add_argument("-S", "--save-dir", type=Path, required=True, metavar="DIR", help="folder of the models")
    parser.add_argument("-M", "--model-id", required=True, metavar="ID", help="how the model's folder name begins")
    parser.add_argument("-C", "--checkpoint", type=int, required=True, metavar="STEP", help="the number in model-STEP")
    parser.add_argument(
        "--records", type=Path, required=True, metavar="PATH", help="folder of 2019 tfrecords, or manifest of ours"
    )
    parser.add_argument("--split", choices=("training", "validation", "test"), default="test")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the three files")
    parser.add_argument(
        "--own-divisor",
        action="store_true",
        help="score a sequence by its own clip count, not by that of the longest in its batch of four as in 2019: "
        "the same labels, but soft labels that do not depend on the neighbours",
    )
    parser.add_argument(
        "--legacy-dropout",
        type=int,
        metavar="SEED",
        help="leave the recurrent dropout on, as the program did: each seed gives other predictions (default off)",
    )
    parser.add_argument("--threads", type=int, default=1, help="TensorFlow threads (default 1)")


def _run_restore(options: argparse.Namespace) -> None:
    from gesture.base.tensorflow import import_tensorflow

    import_tensorflow()
    from gesture.legacy2019.restore import Restored, restore

    what = Restored(options.save_dir, options.model_id, options.checkpoint, options.own_divisor, options.legacy_dropout)
    restore(what, options.records, options.split, options.output, options.threads)
