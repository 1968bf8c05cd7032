"""Experiments that have been started in a working directory, by name."""

from pathlib import Path

from gesture.base.errors import GestureError
from gesture.base.problems import not_one_of
from gesture.config.layout import RESULTS
from gesture.config.settings import Experiment, load, load_given


def find(given: str | None, root: Path) -> list[Experiment]:
    """The settings of one experiment, or of all.

    Args:
        given: a name, whose latest settings below `results/` are taken; a YAML file; None for all names.
        root: working directory of the workflow.

    Raises:
        GestureError: no experiment of this name was ever started there.
    """
    if given is not None and given.endswith((".yaml", ".yml")):
        return [load_given(Path(given))]
    known = {path.parent.name: path for path in sorted((root / RESULTS).glob("*/settings"))}
    if given is None:
        return [_latest(path) for path in known.values()]
    if given not in known:
        found = not_one_of(given, "started experiment", known) if known else f"no experiment in {root / RESULTS}"
        raise GestureError(f"{found}; give its YAML, or --directory")
    return [_latest(known[given])]


def _latest(folder: Path) -> Experiment:
    return load(max(folder.glob("*.yaml"), key=lambda path: path.stat().st_mtime_ns))
