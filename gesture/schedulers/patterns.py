"""Paths in which LSF and Slurm would put a job's number: they do so in the names of logs."""

import re
from pathlib import Path

from gesture.base.errors import GestureError

# LSF: %J, %I. Slurm: %j, %A, %N and more, also with a width (%4j), and %%.
_PATTERN = re.compile(r"%(?:\d*[A-Za-z]|%)")


def refuse_patterns(folder: Path) -> None:
    """Refuses a working directory on a cluster whose jobs would log elsewhere, or nowhere.

    Raises:
        GestureError: its path holds such a pattern.
    """
    found = _PATTERN.search(str(folder))
    if found:
        raise GestureError(
            f"working directory {folder}: LSF and Slurm replace {found[0]} in the paths of logs, and jobs would fail "
            "without a word; on a cluster use a folder without % (--directory)"
        )
