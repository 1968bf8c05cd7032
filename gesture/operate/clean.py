"""Starting anew: what must go so that stages are trained again, and nothing else."""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gesture.base.errors import GestureError, HeldByAnotherError
from gesture.base.lease import living, who
from gesture.base.problems import not_one_of
from gesture.config.layout import Layout
from gesture.config.members import Member, members
from gesture.config.settings import Experiment


def chosen_members(experiment: Experiment, names: Sequence[str]) -> list[Member]:
    """The members that the given variants and members stand for.

    Args:
        experiment: resolved settings.
        names: names of variants (all their seeds) or of members; none for every member.

    Raises:
        GestureError: a name is neither.
    """
    everyone = members(experiment)
    known = [*experiment.variants, *everyone]
    for name in names:
        if name not in known:
            raise GestureError(not_one_of(name, "variant or member", known))
    return [one for one in everyone.values() if not names or one.name in names or one.variant_name in names]


def leftovers(
    experiment: Experiment,
    chosen: Sequence[Member],
    from_stage: int,
    root: Path,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Path]:
    """What exists of these members from a stage on: live state, results, and the predictions made from them.

    Args:
        experiment: resolved settings.
        chosen: whose stages.
        from_stage: 1-based; earlier stages are kept.
        root: working directory of the workflow.
        clock: monotonic time [s], by which a trainer on another host is watched.
        sleep: waits [s].

    Raises:
        GestureError: a member has no such stage.
        HeldByAnotherError: one of the stages is being trained.
    """
    found: list[Path] = []
    lives: list[Path] = []
    layout = Layout(experiment.experiment, root)
    for member in chosen:
        if not 1 <= from_stage <= member.stages:
            raise GestureError(f"--from-stage {from_stage}: member {member.name} has stages 1 to {member.stages}")
        for stage in range(from_stage, member.stages + 1):
            live = layout.live(member.name, stage)
            lives.append(live)
            found += [live, layout.results.stage(member.name, stage)]
        tables = [layout.results.table(split, member.name) for split in ("validation", "test")]
        found += [path for table in tables for path in (table, table.with_suffix(".json"))]
    for live, held in living(lives, clock, sleep).items():
        raise HeldByAnotherError(
            f"{live}: being trained by {who(held)}; end it first: gesture cancel {experiment.experiment}"
        )
    return [path for path in found if path.exists()]


def remove(paths: Sequence[Path]) -> None:
    """Removes files and folders."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def used_bytes(path: Path) -> int:
    """Size of a file, or of all files in a folder [bytes]."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file())
