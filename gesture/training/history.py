"""Losses and accuracies by step, one JSON object a line."""

import json
from pathlib import Path
from typing import Any

from gesture.files import append_line, read_lines, write_text


class History:
    """Losses and accuracies of a stage, kept beside its checkpoints."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rewind(self, step: int) -> int:
        """Forgets what came after a checkpoint; returns how many steps will be done again."""
        lines = read_lines(self.path)
        kept = [one for one in lines if one["step"] <= step]
        write_text(self.path, "".join(json.dumps(one) + "\n" for one in kept))
        return max((one["step"] for one in lines), default=step) - step

    def append(self, **entry: Any) -> None:
        """Adds one line; ``step`` counts finished steps from stage 1."""
        append_line(self.path, json.dumps(entry))
