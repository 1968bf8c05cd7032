"""Kinds of devices: a training repeats itself to the byte on one kind, and on another within rounding only.

A checkpoint, and the result of a stage, remember the kinds that they were computed on: `devices`, a list of mappings in
order, each with `name`, `cudnn`, `tf32`, `precision`, and `step`, from which on it was this one. Where an earlier
version wrote none, the list begins with the first kind that is known, and nothing is said of the steps before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gesture.base.errors import UnfitNodeError
from gesture.base.hardware import Hardware

Kind = Mapping[str, Any]
CPU = "CPU"


def require(count: int, found: Hardware) -> None:
    """Refuses to compute elsewhere than asked.

    Args:
        count: GPUs that were asked for.
        found: devices of this process.

    Raises:
        UnfitNodeError: there are fewer.
    """
    if len(found.gpus) >= count:
        return
    asked = f"{count} GPU{'s were' if count > 1 else ' was'} asked for"
    there = f"TensorFlow finds {len(found.gpus)}: {found.line()}" if found.gpus else f"there is none: {found.reason}"
    raise UnfitNodeError(f"{asked}, and {there}")


def kind_of(found: Hardware, precision: str, count: int = 1) -> dict[str, Any]:
    """The kind of the first ``count`` devices: what the bytes of a result depend on beside settings and data.

    Models of CPUs are not told apart; the sessions of a manifest name them.
    """
    models = dict.fromkeys(f"{one.name} ({_capability(one.compute_capability)})" for one in found.gpus[:count])
    return {
        "name": " + ".join(models) or CPU,
        "cudnn": found.cudnn if found.gpus else None,
        "tf32": found.tf32,
        "precision": precision,
    }


def _capability(number: str | None) -> str:
    return f"sm_{number.replace('.', '')}" if number else "unknown"


def words(kind: Kind) -> str:
    """A kind as one text."""
    facts = [f"cuDNN {kind['cudnn']}"] if kind.get("cudnn") else []
    facts += ["TF32"] if kind.get("tf32") else []
    return ", ".join([str(kind["name"]), *facts])


def continued(past: Sequence[Kind], kind: Kind, step: int) -> list[dict[str, Any]]:
    """The kinds of a training that goes on at ``step`` on this kind."""
    same = bool(past) and {**past[-1], "step": 0} == {**kind, "step": 0}
    return [dict(one) for one in past] + ([] if same else [{**kind, "step": step}])


def exactness(kinds: Sequence[Kind]) -> str | None:
    """Says that another run need not end in the same bytes; None where it would, or where nothing is known."""
    if len(kinds) < 2:
        return None
    changes = ", ".join(f"{words(one)} from step {one['step']}" for one in kinds[1:])
    return f"not byte-exact, continued on {changes} (begun on {words(kinds[0])})"
