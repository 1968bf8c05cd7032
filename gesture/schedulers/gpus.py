"""How many GPUs a job asks its scheduler for, however the profile writes it."""

import re
from collections.abc import Mapping
from typing import Any

# In options that are handed to bsub and sbatch as they are; `-gpu -` and `-gpu mode=...` mean one.
_IN_OPTIONS = re.compile(
    r"ngpus(?:_excl_p|_physical)?=(\d+)|-gpu\s+\"?[^\"\s]*?num=(\d+)|(-gpu)\b"
    r"|--gres=gpu(?::[A-Za-z][\w.-]*)?(?::(\d+))?|--gpus(?:-per-node)?[= ](?:[A-Za-z][\w.-]*:)?(\d+)"
)
_GRES = re.compile(r"(?:^|,)gpu(?::([A-Za-z][\w.-]*))?(?::(\d+))?(?:,|$)")


def asked(resources: Mapping[str, Any]) -> int:
    """GPUs of a job.

    Args:
        resources: of its rule: `gpu` (LSF, local), `gres` and `ngpus` (Slurm), or options in `lsf_extra` and
            `slurm_extra`; the first of these that names a number counts.
    """
    gres = _GRES.search(str(resources.get("gres") or ""))
    options = _IN_OPTIONS.search(f"{resources.get('lsf_extra') or ''} {resources.get('slurm_extra') or ''}")
    return (
        int(resources.get("gpu") or 0)
        or (int(gres[2] or 1) if gres else 0)
        or int(resources.get("ngpus") or 0)
        or (int(next((one for one in options.groups() if one and one.isdigit()), 1)) if options else 0)
    )


def model(gres: str) -> str | None:
    """The model that Slurm's `gres` names, if any."""
    found = _GRES.search(gres)
    return found[1] if found else None
