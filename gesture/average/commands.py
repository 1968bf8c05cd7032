"""`gesture average`: flags, and one call."""

import argparse
from pathlib import Path

from gesture.base.arguments import Subparsers, command


def add_average(commands: Subparsers) -> None:
    """Declares `gesture average`."""
    parser = command(
        commands,
        "average",
        _run_average,
        "average the members' softmaxes into ensemble.csv, submission.csv, metrics.json and submission.json",
        "gesture average results/demo/predictions/test/*-s*.csv --output results/demo\n"
        "  gesture average results/demo/predictions/test/*-s*.csv --output greedy --method greedy "
        "--fit-on results/demo/predictions/validation/*-s*.csv\n"
        "  gesture average 2019/*_softlabel.csv --output assembled",
    )
    parser.add_argument(
        "members", type=Path, nargs="+", metavar="MEMBER.csv", help="predictions tables of one split, or soft labels"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the files")
    parser.add_argument("--settings", type=Path, metavar="YAML", help="experiment that says how; kept for reproduce")
    parser.add_argument("--records", type=Path, metavar="JSON", help="records' manifest: whose Ids must all be there")
    parser.add_argument("--method", help="mean (default), geometric, weights, greedy or stacking")
    parser.add_argument(
        "--weights", type=_weight, nargs="+", metavar="MEMBER=NUMBER", help="of method weights; without: fitted"
    )
    parser.add_argument("--calibrate", action="store_true", default=None, help="fit a temperature to the result")
    parser.add_argument(
        "--fit-on", type=Path, nargs="+", default=[], metavar="CSV", help="the members' tables of the validation split"
    )


def _run_average(options: argparse.Namespace) -> None:
    from gesture.average.ensemble import Method, average
    from gesture.average.origin import Origin
    from gesture.config.settings import Average, load

    experiment = load(options.settings) if options.settings else None
    given = {
        "method": options.method,
        "weights": dict(options.weights) if options.weights else None,
        "calibrate": options.calibrate,
    }
    settings = experiment.average if experiment else Average()
    chosen = {**settings.model_dump(), **{key: value for key, value in given.items() if value is not None}}
    method = Method(chosen["method"], chosen["weights"], chosen["calibrate"], options.fit_on)
    average(options.members, options.output, method, Origin(experiment, options.records))


def _weight(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no weight: write fusion-s1=2") from None
