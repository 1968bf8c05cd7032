"""What a job that failed teaches its next tries: which nodes to leave out, how much memory to ask for."""

import math

from snakemake_executor_plugin_lsf_steady.ending import Ending, Outcome, is_out_of_memory
from snakemake_executor_plugin_lsf_steady.lsf import Answer
from snakemake_executor_plugin_lsf_steady.settings import ExecutorSettings
from snakemake_executor_plugin_lsf_steady.tracked import Tracked

MORE_MEMORY = 1.5  # times what was too little


def learn(one: Tracked, answer: Answer, own: Outcome | None, ending: Ending, settings: ExecutorSettings) -> str:
    """Writes the lesson into the job's record and gives it in a sentence; empty if there is none.

    Args:
        one: the job.
        answer: LSF's, an EXIT.
        own: the job's own outcome, if any.
        ending: what both mean.
        settings: limits.
    """
    record, host = one.record, answer.host or (own.host if own else "")
    asked = record.mem_mb or one.resources.get("mem_mb") or 0
    if is_out_of_memory(answer) and asked and ending is not Ending.DONE:
        record.mem_mb = max(asked, min(math.ceil(MORE_MEMORY * asked), settings.memory_limit))
        if record.mem_mb > asked:
            return f"{asked:g} MB were too little: the next try asks for {record.mem_mb:g} MB"
        return f"{asked:g} MB were too little, and memory-limit ({settings.memory_limit} MB) allows no more"
    if ending is Ending.UNFIT_NODE and host:
        record.avoid = sorted({*record.avoid, host})
        return f"{host} is unfit for it: its next tries leave this node out"
    if ending in (Ending.FAILED, Ending.UNCLEAR) and host and died_at_once(one, answer, settings):
        record.avoid = sorted({*record.avoid, host})
        return f"it died on {host} after {answer.seconds:g} s: its next tries leave this node out"
    return ""


def died_at_once(one: Tracked, answer: Answer, settings: ExecutorSettings) -> bool:
    """True if it died by itself within the time in which only its node can be to blame."""
    assert one.watch is not None
    by_itself = not one.watch.killing and "OWNER" not in answer.reason
    return by_itself and answer.seconds is not None and answer.seconds < settings.short_job * 60
