"""The whole data set, sample by sample, in several processes; a killed run goes on where it was."""

from collections.abc import Callable
from concurrent.futures import as_completed
from pathlib import Path

from gesture.base.errors import GestureError
from gesture.base.files import read_json, write_json, write_text
from gesture.base.pool import pool
from gesture.formats.synthetic.files import write_sample
from gesture.formats.synthetic.presets import PRESETS, plans

RECIPE = 2  # raise it when the same preset and seed give other files

_ORIGIN = "synthetic.json"


def generate(
    folder: Path, preset: str, seed: int, processes: int, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Writes the samples that are not there yet, and ``subjects.csv``; returns all samples in order.

    Args:
        folder: where to; made if missing.
        preset: a key of `PRESETS`.
        seed: the same seed gives the same data set.
        processes: at most so many at a time.
        progress: called with (samples ready, samples in all).

    Raises:
        GestureError: no such preset, or the folder holds another preset, seed or recipe.
    """
    if preset not in PRESETS:
        raise GestureError(f"built-in data set: no preset {preset!r}, expected one of {', '.join(PRESETS)}")
    _claim(folder, {"preset": preset, "seed": seed, "recipe": RECIPE})
    todo = plans(PRESETS[preset], seed)
    rows = "".join(f"{plan.name},S{plan.subject:02d}\n" for plan in todo)
    write_text(folder / "subjects.csv", "sample,subject\n" + rows)
    if processes <= 1:
        for done, plan in enumerate(todo, start=1):
            write_sample(folder, plan, seed)
            if progress:
                progress(done, len(todo))
    else:
        with pool(min(processes, len(todo))) as workers:
            futures = [workers.submit(write_sample, folder, plan, seed) for plan in todo]
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                if progress:
                    progress(done, len(todo))
    return [folder / f"{plan.name}.zip" for plan in todo]


def _claim(folder: Path, origin: dict[str, object]) -> None:
    """Notes what the folder holds, or refuses to mix two data sets in it."""
    path = folder / _ORIGIN
    if path.is_file():
        found = read_json(path)
        if found != origin:
            raise GestureError(f"{folder}: holds the built-in data set {found}, asked for {origin}: use another folder")
    else:
        write_json(path, origin)
