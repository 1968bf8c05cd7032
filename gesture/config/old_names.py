"""Names that keys and values of a configuration had until 0.1.0, and what they are called now.

Old names are read for one release more. Saved settings (`results/*/settings`, `submission.json`) keep the names of
their time and are read by the same table, so whoever removes a line here must keep those readable.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from gesture.base.errors import GestureError
from gesture.base.problems import dotted

Where = tuple[str | int, ...]

# Place of a mapping, see `place` -> its keys.
KEYS: dict[tuple[str, ...], dict[str, str]] = {
    ("training",): {
        "batch": "batch_size",
        "validation_batch": "validation_batch_size",
        "schedule": "learning_rate_schedule",
        "weight_average": "ema_decay",
        "recompute": "gradient_checkpointing",
        "clip_norm": "gradient_clip_norm",
    },
    ("training", "stages"): {
        "rate": "learning_rate",
        "pretrained_rate": "pretrained_learning_rate",
        "final_rate": "final_learning_rate",
    },
    ("training", "augmentation"): {
        "shift": "translation",
        "zoom": "scale",
        "jitter": "frame_jitter",
        "warp": "time_warp",
        "flip": "horizontal_flip",
        "brightness": "gamma",
        "skeleton_noise": "joint_noise",
    },
    ("network",): {"memory": "attention_length", "norm_momentum": "batch_norm_momentum"},
    ("average",): {"calibrate": "temperature_scaling"},
}
METHODS = {"weights": "weighted"}
# Place of a key -> its values.
VALUES: dict[tuple[str, ...], dict[str, str]] = {
    ("network", "model"): {"joints": "tcn", "graph": "stgcn", "frames": "cnn_tcn"},
    ("images",): {"motion": "subtract_mean"},
    ("average", "method"): METHODS,
}


class Change(NamedTuple):
    """One old name.

    Attributes:
        where: the key that has it, or holds it as its value.
        old: the name.
        new: what it is called now.
        is_key: whether a key has it.
        value: of that key, as it should stand.
    """

    where: Where
    old: str
    new: str
    is_key: bool
    value: Any

    @property
    def lines(self) -> str:
        """The old line and the new one, for messages."""
        if not self.is_key:
            return f"{dotted(self.where)}: {self.old}  ->  {self.where[-1]}: {self.new}"
        value = self.value if isinstance(self.value, str) else json.dumps(self.value, default=str)
        return f"{dotted(self.where)}: {value}  ->  {self.new}: {value}"


def place(where: Where) -> tuple[str, ...]:
    """Where a mapping or key stands, whichever variant and which entry of a list it belongs to."""
    names = where[2:] if where[:1] == ("variants",) else where
    return tuple(name for name in names if isinstance(name, str))


def renamed(value: Any, name: str, where: Where = ()) -> tuple[Any, list[Change]]:
    """A configuration with the names of today, and what had an old one.

    Args:
        value: the configuration, or a part of it.
        name: where it came from, for messages.
        where: this part is.

    Raises:
        GestureError: a key is there by its old and by its new name, with other values.
    """
    changes: list[Change] = []

    def below(part: Any, key: str | int) -> Any:
        found, more = renamed(part, name, (*where, key))
        changes.extend(more)
        return found

    if isinstance(value, list):
        return [below(part, number) for number, part in enumerate(value)], changes
    if not isinstance(value, Mapping):
        new = VALUES.get(place(where), {}).get(value) if isinstance(value, str) else None
        return (value, []) if new is None else (new, [Change(where, value, new, False, new)])
    known, found = KEYS.get(place(where), {}), {}
    for key, part in value.items():
        today = str(known.get(key, key))
        found[today] = below(part, today)
        if today != key:
            changes.append(Change((*where, key), key, today, True, found[today]))
            # A job reads the settings with the names of today, and what `--config` of the head said.
            if today in value and value[today] != part:
                raise GestureError(
                    f"{name}: {dotted((*where, key))}: is the old name of `{today}`, which is given too: remove one"
                )
    return found, changes


def warning(value: Any, name: str) -> str:
    """What to tell whoever wrote a configuration with old names, each of them once; empty if there are none.

    Raises:
        GestureError: a key is there by both names.
    """
    first: dict[tuple[tuple[str, ...], str], Change] = {}
    for one in renamed(value, name)[1]:
        first.setdefault((place(one.where), one.old), one)
    if not first:
        return ""
    lines = "".join(f"\n  {one.lines}" for one in first.values())
    return f"{name}: has old names, read for this release only; `gesture migrate FILE` rewrites a file:{lines}"
