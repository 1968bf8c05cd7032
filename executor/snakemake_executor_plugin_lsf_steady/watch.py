"""What to do about a job, given what LSF says of it: the rules, free of LSF, files and clocks."""

from dataclasses import dataclass
from enum import Enum, auto

from snakemake_executor_plugin_lsf_steady.lsf import NOT_FOUND, Answer

SUSPENDED = ("PSUSP", "USUSP", "SSUSP")
UNKNOWN = ("UNKWN", "ZOMBI")
FORCE_AFTER = 2  # kills without -r


class Action(Enum):
    """What to do now."""

    WAIT = auto()
    KILL = auto()
    FORCE_KILL = auto()
    DONE = auto()
    FAILED = auto()


@dataclass(frozen=True)
class Limits:
    """How long a job may be in trouble, and a kill may take [s]."""

    suspended: float
    unknown: float
    lost: float
    kill: float

    def of(self, stat: str) -> float:
        """The limit for a state."""
        if stat in SUSPENDED:
            return self.suspended
        return self.unknown if stat in UNKNOWN else self.lost


@dataclass
class Watch:
    """Follows one LSF job.

    A job fails only when LSF says EXIT, or when it is gone from bjobs and bhist after a kill: so a retry never runs
    beside the job that it repeats.

    Attributes:
        limits: see there.
        stat: the last state seen.
        killing: why we are killing it, or empty.
    """

    limits: Limits
    stat: str = ""
    killing: str = ""
    _trouble_since: float | None = None
    _killed_at: float = 0.0
    _kills: int = 0

    def see(self, answer: Answer | None, now: float) -> Action:
        """Takes an answer (None: LSF did not say) at a time [s] and says what to do."""
        if answer is None:
            return Action.WAIT
        self.stat = answer.stat
        if answer.stat == "DONE":
            return Action.DONE
        if answer.stat == "EXIT":
            return Action.FAILED
        if self.killing:
            return self._after_kill(now)
        if answer.stat not in (*SUSPENDED, *UNKNOWN, NOT_FOUND):
            self._trouble_since = None
            return Action.WAIT
        if self._trouble_since is None:
            self._trouble_since = now
        limit = self.limits.of(answer.stat)
        if now - self._trouble_since < limit:
            return Action.WAIT
        return self.kill(f"{answer.stat} for {limit / 60:g} min", now)

    def kill(self, why: str, now: float) -> Action:
        """Begins to kill it; it is not over before LSF says so."""
        self.killing = why
        self._killed_at = now
        self._kills += 1
        return Action.FORCE_KILL if self._kills > FORCE_AFTER else Action.KILL

    def _after_kill(self, now: float) -> Action:
        if self.stat == NOT_FOUND:
            return Action.FAILED
        if now - self._killed_at < self.limits.kill:
            return Action.WAIT
        return self.kill(self.killing, now)

    @property
    def troubled(self) -> bool:
        """True while it is in a state that only lasts for a limited time."""
        return self._trouble_since is not None
