"""What Slurm's commands say: refusals of sbatch, and how a job ended. Pure functions."""

import re
from dataclasses import dataclass

GRES = "gres, mem_mb or threads of the rule"
# Slurm's own messages, and what to change; asking again would not help.
PERMANENT = (
    (r"invalid partition", "slurm_partition, in default-resources"),
    (
        r"invalid account|account/partition|invalid qos|QOS policy",
        "slurm_account, in default-resources; or slurm_extra",
    ),
    (r"generic resource|gres\b", "gres of the rule"),
    (r"time limit", "runtime of the rule"),
    (r"memory specification|invalid memory", "mem_mb of the rule"),
    (
        r"node configuration is not available|node count|invalid feature|cpu count",
        "gres, mem_mb or threads of the rule",
    ),
    (r"parameter too long", "slurm-steady-pass-command-as-script: true; or a folder with a shorter path"),
    (r"unrecognized option|invalid option|ambiguous|invalid.*(directive|specification)", "slurm_extra"),
    (r"access/permission denied|user's group not permitted|user not authorized", "slurm_partition; or slurm_account"),
)


@dataclass(frozen=True)
class Refusal:
    """Why sbatch took no job.

    Attributes:
        words: Slurm's line.
        for_good: asking again would not help.
        change: setting of the profile to change, or empty.
    """

    words: str
    for_good: bool
    change: str = ""


def refusal(printed: str) -> Refusal:
    """Reads what sbatch printed: the answer is the last line about the submission, not what a site says before it."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    answers = [line for line in lines if "submission failed" in line]
    answers = answers or [line for line in lines if line.startswith("sbatch:")] or lines or ["sbatch said nothing"]
    words = answers[-1].removeprefix("sbatch: ").removeprefix("error: ")
    for pattern, change in PERMANENT:
        if re.search(pattern, words, re.I):
            return Refusal(words, True, change)
    return Refusal(words, False)


@dataclass(frozen=True)
class Ended:
    """What Slurm remembers of a job.

    Attributes:
        name: of the job: its number alone may be somebody else's by now.
        host: where it ran, or empty.
        seconds: how long, None if not told.
    """

    name: str = ""
    host: str = ""
    seconds: float | None = None


def ended(text: str) -> Ended:
    """Reads `scontrol show job --oneliner`."""
    fields = dict(re.findall(r"(\w+)=(\S*)", text))
    host = fields.get("BatchHost") or fields.get("NodeList", "")
    time = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", fields.get("RunTime", ""))
    days, hours, minutes, seconds = (int(one or 0) for one in time.groups()) if time else (0, 0, 0, 0)
    return Ended(
        fields.get("JobName", ""),
        host if host.strip("()") not in ("", "null") else "",
        ((days * 24 + hours) * 60 + minutes) * 60.0 + seconds if time else None,
    )
