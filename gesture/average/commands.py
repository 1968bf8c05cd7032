"""`gesture average`: flags, and one call."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gesture.base.arguments import Subparsers, command

if TYPE_CHECKING:
    from gesture.config.settings import Average


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
    parser.add_argument("--method", choices=_Methods(), metavar="METHOD", help="%(choices)s (default mean)")
    parser.add_argument(
        "--weights", type=_weight, nargs="+", metavar="MEMBER=NUMBER", help="of method weighted; without: fitted"
    )
    parser.add_argument(
        "--temperature-scaling", action="store_true", default=None, help="fit a temperature to the result"
    )
    # Its name until 0.1.0.
    parser.add_argument("--calibrate", action="store_true", dest="temperature_scaling", help=argparse.SUPPRESS)
    parser.add_argument(
        "--fit-on", type=Path, nargs="+", default=[], metavar="CSV", help="the members' tables of the validation split"
    )


class _Methods:
    """The names of the methods, looked up when the help is shown; what is none is refused with the settings."""

    def __iter__(self) -> Iterator[str]:
        from gesture.catalog import METHODS

        return iter(METHODS)

    def __contains__(self, name: str) -> bool:
        return True


def _run_average(options: argparse.Namespace) -> None:
    from gesture.average.average import average
    from gesture.average.output import Origin
    from gesture.config.old_names import METHODS
    from gesture.config.settings import Average, load

    experiment = load(options.settings) if options.settings else None
    given = {
        "method": METHODS.get(options.method, options.method),
        "weights": dict(options.weights) if options.weights else None,
        "temperature_scaling": options.temperature_scaling,
    }
    how = _with_flags(experiment.average if experiment else Average(), given)
    average(options.members, options.output, how, options.fit_on, Origin(experiment, options.records))


def _with_flags(settings: "Average", given: Mapping[str, Any]) -> "Average":
    """The settings with what the command line says laid over them; weights do not outlive their method."""
    from pydantic import ValidationError

    from gesture.base.errors import GestureError
    from gesture.base.problems import dotted, problems_of

    kept = settings.model_dump(exclude={"weights"} if given["method"] else None)
    try:
        return settings.model_validate({**kept, **{key: one for key, one in given.items() if one is not None}})
    except ValidationError as error:
        problems = problems_of(error, type(settings), ())
        lines = [f"--{dotted(where)}: {what}" if where else f"--{what}" for where, what in problems.items()]
        raise GestureError("\n".join(lines)) from None


def _weight(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no weight: write fusion-s1=2") from None
