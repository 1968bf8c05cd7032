"""What tells a process from all others that ever had its number: kernel, namespace and start."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def identity(process: int) -> dict[str, Any]:
    """What its number means and to whom; None where the system does not tell.

    Returns:
        `boot`: of the kernel since its last start; `namespace`: in which numbers and times are counted, both of this
        process; `started`: when ``process`` was, in ticks since that boot.
    """
    found: dict[str, Any] = {"boot": None, "namespace": None, "started": None}
    with suppress(OSError):
        found["boot"] = _BOOT.read_text(encoding="ascii").strip()
    with suppress(OSError):
        # In a time namespace, start times have another origin.
        names = [f"/proc/self/ns/{kind}" for kind in ("pid", "time")]
        found["namespace"] = " ".join(os.readlink(name) for name in names if os.path.lexists(name))
    with suppress(OSError, ValueError, IndexError):
        # The name in parentheses may hold spaces: fields are counted from its end.
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        found["started"] = int(fields[19])
    return found
