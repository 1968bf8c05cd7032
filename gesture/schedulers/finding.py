"""One thing that `gesture doctor` has looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """What was found, why it matters and what to do about it.

    Attributes:
        check: short name, such as `walltime`.
        level: `problem` means that jobs would fail.
        what: what was seen.
        why: what it would lead to; empty if ok.
        todo: how to mend it; empty if ok.
    """

    check: str
    level: Level
    what: str
    why: str = ""
    todo: str = ""


def ok(check: str, what: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", what)


def warning(check: str, what: str, why: str, todo: str) -> Finding:
    """Jobs may run, but look at it."""
    return Finding(check, "warning", what, why, todo)


def problem(check: str, what: str, why: str, todo: str) -> Finding:
    """Jobs would fail."""
    return Finding(check, "problem", what, why, todo)


def as_text(findings: Sequence[Finding]) -> str:
    """A line a finding; those that are not ok say why and what to do."""
    lines = []
    for one in findings:
        lines.append(f"{one.level:<8} {one.check}: {one.what}")
        if one.level != "ok":
            lines += [f"         why: {one.why}", f"         do:  {one.todo}"]
    counts = [sum(one.level == level for one in findings) for level in ("ok", "warning", "problem")]
    return "\n".join([*lines, "{} ok, {} warnings, {} problems".format(*counts)])
