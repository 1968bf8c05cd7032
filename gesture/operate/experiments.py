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
        GestureError: there is no such folder, or no experiment of this name was ever started there.
    """
    if not root.is_dir():
        raise GestureError(f"--directory {root}: no such folder; give the one in which Snakemake was started")
    if given is not None and given.endswith((".yaml", ".yml")):
        return [load_given(Path(given))]
    known = started(root)
    if not known:
        raise GestureError(f"no experiment in {root / RESULTS}; give its YAML, or --directory")
    if given is None:
        return [latest(path) for path in known.values()]
    if given not in known:
        raise GestureError(f"{not_one_of(given, 'started experiment', known)}; give its YAML, or --directory")
    return [latest(known[given])]


def started(root: Path) -> dict[str, Path]:
    """Name -> folder of the resolved settings of every experiment that was started in a working directory."""
    return {path.parent.name: path for path in sorted((root / RESULTS).glob("*/settings")) if any(path.glob("*.yaml"))}


def latest(folder: Path) -> Experiment:
    """The settings that an experiment was started with last."""
    return load(max(folder.glob("*.yaml"), key=lambda path: path.stat().st_mtime_ns))
