"""Questions to other programs: an answer in seconds, or None."""

import subprocess
from collections.abc import Callable

Ask = Callable[..., str | None]
# A scheduler under load may take its time; a command that hangs must not hang the doctor.
PATIENCE = 60.0


def ask(*command: str) -> str | None:
    """What a command prints; None if it is missing, fails, or takes more than a minute."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
