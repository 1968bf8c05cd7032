"""What a killed trainer has left for the next one."""

from pathlib import Path

from gesture.base.files import read_json


def committed(checkpoints: Path) -> list[str]:
    """Names of the checkpoints that a resumed run may use: a folder alone is not enough, a pointer must name it."""
    return [name for path in checkpoints.glob("LAST-*.json") for name in read_json(path)["newest"]]
