"""Frame-wise Jaccard index of gestures found in continuous recordings.

Source: Escalera et al., ChaLearn Looking at People Challenge 2014, ECCV Workshops 2014: for each sample and class the
frames marked by both over the frames marked by either; the mean over the sample's classes, then over samples.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gesture.base.errors import GestureError
from gesture.base.files import write_json
from gesture.evaluate.predictions import listing

COLUMNS = ("sample", "begin", "end", "y")
Frames = Mapping[tuple[str, int], set[int]]


def jaccard(truth: Path, found: Path, output: Path | None = None) -> dict[str, Any]:
    """Scores gestures found in continuous samples; prints both means.

    Args:
        truth: CSV `sample,begin,end,y`; frames count from 1, the end is part of the gesture, classes count from 1.
        found: the same of what a program found; samples without a row count as empty.
        output: JSON to write with the scores of every sample, if any.

    Returns:
        `official`: as the kit of 2014 counts; `strict`: as the paper says; `samples`: both by sample.

    Raises:
        GestureError: a file is none of this kind, or names samples that the truth does not know.
    """
    labelled, marked = _read(truth), _read(found)
    names = sorted(set(labelled["sample"]), key=lambda one: (len(one), one))
    if not names:
        raise GestureError(f"{truth}: has no gesture: nothing can be scored")
    unknown = sorted(set(marked["sample"]) - set(names))
    if unknown:
        raise GestureError(f"{found}: sample {', '.join(unknown[:5])} is not in {truth}")
    # The kit writes begin-1:end-1 into an array, which leaves the last frame of every gesture out.
    official = _scores(_frames(labelled, drop_last=True), _frames(marked, drop_last=True), names, False)
    strict = _scores(_frames(labelled, drop_last=False), _frames(marked, drop_last=False), names, True)
    result = {
        "official": float(np.mean(list(official.values()))),
        "strict": float(np.mean(list(strict.values()))),
        "samples": {name: {"official": official[name], "strict": strict[name]} for name in names},
    }
    if output is not None:
        write_json(output, result)
    means = f"official {result['official']:.4f}, strict {result['strict']:.4f}"
    print(f"{len(names)} sample{'s' if len(names) != 1 else ''}, frame-wise Jaccard index: {means}")
    return result


def _scores(truth: Frames, found: Frames, names: list[str], count_false: bool) -> dict[str, float]:
    """Mean over classes of each sample; with ``count_false`` a class that is only in ``found`` scores 0 there."""
    scores = {}
    for name in names:
        classes = {y for sample, y in (truth.keys() | found.keys() if count_false else truth.keys()) if sample == name}
        scores[name] = float(np.mean([_overlap(truth.get((name, y)), found.get((name, y))) for y in sorted(classes)]))
    return scores


def _overlap(one: set[int] | None, other: set[int] | None) -> float:
    either = (one or set()) | (other or set())
    return len((one or set()) & (other or set())) / len(either) if either else 0.0


def _frames(table: pd.DataFrame, drop_last: bool) -> Frames:
    """(sample, class) -> frames that are marked."""
    marked: dict[tuple[str, int], set[int]] = {}
    for sample, begin, end, y in _rows(table):
        marked.setdefault((sample, y), set()).update(range(begin, end if drop_last else end + 1))
    return marked


def _rows(table: pd.DataFrame) -> Iterator[tuple[str, int, int, int]]:
    numbers = (table[name].astype(int) for name in COLUMNS[1:])
    return zip(table["sample"], *numbers, strict=True)


def _read(path: Path) -> pd.DataFrame:
    """The rows of a file, as text that is known to hold integers.

    Raises:
        GestureError: names the lines at fault.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise GestureError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise GestureError(f"{path}: not readable as CSV ({' '.join(str(error).split())})") from error
    if list(table.columns) != list(COLUMNS) or not isinstance(table.index, pd.RangeIndex):
        raise GestureError(f"{path}: header is {','.join(table.columns)[:60]!r}, expected 'sample,begin,end,y'")
    whole = np.all([table[name].str.fullmatch(r"\d{1,9}") for name in COLUMNS[1:]], axis=0).astype(bool)
    numbers = table[list(COLUMNS[1:])].where(np.column_stack([whole] * 3), "0").astype(int)
    wrong = ~whole | (numbers["begin"] < 1) | (numbers["end"] < numbers["begin"]) | (numbers["y"] < 1)
    if wrong.any():
        lines = [str(row + 2) for row in np.flatnonzero(wrong)]
        raise GestureError(
            f"{path}: {listing(lines).replace('Id', 'line')}: expected 1 <= begin <= end and y >= 1, all whole numbers"
        )
    return table
