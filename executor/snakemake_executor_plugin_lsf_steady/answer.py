"""What bsub answers: the one line that counts, and whether asking again can help. Pure functions.

Sites print banners, warnings and esub's remarks before and after LSF's answer, and these hold any word. The answer is
the last line that ends in "Job not submitted." or names the job. Its words are those of LSF's own table of messages,
as the published source of Platform Lava has it; what is in neither list below is unknown, and is waited for.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

TAKEN = re.compile(r"Job <(\d+)> is submitted\b")
NOT_TAKEN = re.compile(r"\bjob not submitted\W*$", re.I)
# bsub prints these, without the words above, when it cannot read its own command line.
USAGE = re.compile(r"^(bsub: *)?(illegal|bad|invalid|unknown|unrecognized) option\b|^usage: *bsub\b", re.I)

PERMANENT = re.compile(
    r"\bbad\b|illegal|invalid|no such|syntax|not allowed|permission denied|too long|\bempty\b|must be|rejected"
    r"|unknown (user|host|option|resource|queue|cluster)"
    r"|aborted by esub|(user|host|host group).* (cannot use|not used by|not in)\b|is not in specified|not a member"
    r"|cannot exceed|(many|few) processors requested|does(n't| not) (accept|exist)|only accepts|is disabled"
    r"|no resource defined|no .*(command|group).* (specified|defined)|needs LSF_GPU_NEW_SYNTAX",
    re.I,
)
TEMPORARY = re.compile(
    r"closed|(job|pending).* (limit|threshold)|enough .*job slots|internal error|library call|system call|daemon"
    r"|time ?out|timed out|connect(ion)?\b|contact|try later|retry|allocate memory|in progress|no job id can be used"
    r"|protocol|XDR|\bis down\b|spool",
    re.I,
)


class Kind(Enum):
    """What the answer means for the next try."""

    TAKEN = auto()
    PERMANENT = auto()
    TEMPORARY = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class Reply:
    """bsub's answer.

    Attributes:
        kind: see there.
        words: LSF's line; the job's number if it was taken.
        told: everything else that was printed, such as the remark of an esub, or empty.
    """

    kind: Kind
    words: str
    told: str = ""


def read(stdout: str, stderr: str, code: int) -> Reply:
    """Reads what bsub printed and its exit code."""
    lines = [line.strip() for line in (*stderr.splitlines(), *stdout.splitlines()) if line.strip()]
    taken = [match[1] for line in lines for match in TAKEN.finditer(line)]
    refused = [line for line in lines if NOT_TAKEN.search(line)]
    # Two answers, on two streams whose order is lost: the exit code knows which of them is the banner's.
    if taken and (code == 0 or not refused):
        return Reply(Kind.TAKEN, taken[-1])
    if not refused:
        refused = [line for line in lines if USAGE.search(line)][:1]
        if not refused:
            return Reply(Kind.UNKNOWN, " ".join(lines[-3:]) or f"bsub ended with code {code} and said nothing")
        return Reply(Kind.PERMANENT, refused[0], rest(lines, refused[0]))
    words = refused[-1]
    return Reply(kind_of(words), words, rest(lines, words))


def kind_of(words: str) -> Kind:
    """Whether LSF would say the same tomorrow."""
    if PERMANENT.search(words):
        return Kind.PERMANENT
    return Kind.TEMPORARY if TEMPORARY.search(words) else Kind.UNKNOWN


def rest(lines: list[str], words: str) -> str:
    """The other lines."""
    return "\n".join(line for line in lines if line != words)
