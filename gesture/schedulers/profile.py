"""What a profile asks the scheduler for, read from its YAML."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gesture.base.arguments import megabytes, minutes
from gesture.base.errors import GestureError
from gesture.base.problems import not_one_of
from gesture.base.yaml_file import read
from gesture.schedulers import SCHEDULERS
from gesture.schedulers.scheduler import Request, Scheduler

SHIPPED = Path(__file__).parents[2] / "profiles"


def find(profile: str) -> Path:
    """The configuration of a profile: a folder, or the name of a shipped one.

    Raises:
        GestureError: there is none.
    """
    for folder in (Path(profile), SHIPPED / profile):
        if (folder / "config.yaml").is_file():
            return folder / "config.yaml"
    raise GestureError(f"--profile {profile}: no {profile}/config.yaml here, and none of this name in {SHIPPED}")


def request(path: Path) -> Request:
    """What the rule `train` is submitted with.

    Raises:
        GestureError: the file is no profile.
    """
    value = read(path)
    if not isinstance(value, Mapping) or "executor" not in value:
        raise GestureError(f"{path}: expected a Snakemake profile with the key `executor`")
    executor = str(value["executor"])
    wanted = {**_pairs(value.get("default-resources")), **_pairs(_of_rule(value.get("set-resources"), "train"))}
    return Request(
        executor=executor,
        minutes=_amount(path, wanted, ("runtime",), minutes),
        memory_mb=int(_amount(path, wanted, ("mem_mb", "mem"), megabytes)),
        **scheduler_of(executor).read(value, wanted),
    )


def scheduler_of(executor: str) -> Scheduler:
    """The scheduler that an executor of Snakemake submits to.

    Raises:
        GestureError: none is known.
    """
    found = {name: one for one in SCHEDULERS.values() for name in one.executors}
    if executor not in found:
        raise GestureError(f"executor: {not_one_of(executor, 'known executor', found)}")
    return found[executor]


def _amount(path: Path, wanted: Mapping[str, Any], keys: tuple[str, ...], parse: Callable[[str], float]) -> float:
    """The first of these resources that is given, 0 if none is.

    Raises:
        GestureError: it cannot be understood.
    """
    for key in keys:
        if wanted.get(key):
            try:
                return parse(str(wanted[key]))
            except argparse.ArgumentTypeError as error:
                raise GestureError(f"{path}: {key} of `train`: {error}") from None
    return 0.0


def _pairs(value: Any) -> dict[str, Any]:
    """Resources as a mapping; a profile may also write them as a list of `name=value`."""
    if isinstance(value, list):
        value = dict(str(one).split("=", 1) for one in value)
    return dict(value or {})


def _of_rule(value: Any, rule: str) -> Any:
    if isinstance(value, list):
        return [str(one).removeprefix(f"{rule}:") for one in value if str(one).startswith(f"{rule}:")]
    return (value or {}).get(rule)
