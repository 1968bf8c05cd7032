"""What happened, one JSON object a line: losses and accuracies by step, sessions by start and end."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gesture.files import append_line, write_text


class History:
    """Losses and accuracies of a stage, kept beside its checkpoints."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rewind(self, step: int) -> int:
        """Forgets what came after a checkpoint; returns how many steps will be done again."""
        lines = read_lines(self.path)
        kept = [one for one in lines if one["step"] <= step]
        write_text(self.path, "".join(json.dumps(one) + "\n" for one in kept))
        return max([one["step"] for one in lines], default=step) - step if lines else 0

    def append(self, **entry: Any) -> None:
        """Adds one line; ``step`` counts finished steps from stage 1."""
        append_line(self.path, json.dumps(entry))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines of a JSONL file; none if it does not exist. A last line cut by a crash is left out."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def now() -> str:
    """The time in UTC, ISO 8601 with seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")
