"""What becomes of the jobs when the user interrupts the head."""

import time
from typing import Any

from snakemake_executor_plugin_lsf_steady import lsf
from snakemake_executor_plugin_lsf_steady.lsf import Answer, NoAnswerError
from snakemake_executor_plugin_lsf_steady.records import Record

OVER = ("DONE", "EXIT", lsf.NOT_FOUND)


def end_all(executor: Any) -> None:
    """Leaves the jobs running and waits a moment for a second Ctrl-C, which kills them."""
    settings, logger = executor.settings, executor.logger
    kill = settings.interrupt == "kill"
    try:
        executor.shutdown()
        jobs = open_records(executor)
        if not kill and jobs:
            numbers = " ".join(record.job_id or record.name for record in jobs)
            logger.warning(
                f"{len(jobs)} LSF jobs go on: {numbers}\nThe same snakemake command attaches to them again. "
                f"To kill them: Ctrl-C once more within {settings.interrupt_pause * 60:g} s, or bkill {numbers}"
            )
            time.sleep(settings.interrupt_pause * 60)
    except KeyboardInterrupt:
        kill = True
    if kill:
        executor.shutdown()
        kill_all(executor, open_records(executor))


def open_records(executor: Any) -> list[Record]:
    """Records of all jobs that were submitted and are not reported."""
    return [one.record for one in list(executor.tracked.values()) if one.result is None and one.record.name]


def kill_all(executor: Any, jobs: list[Record]) -> None:
    """Kills jobs and waits until LSF says that they are over, but no longer than `kill_limit`."""
    logger, timeout = executor.logger, executor.driver.timeout
    logger.warning(f"bkill of {len(jobs)} LSF jobs")
    end = time.monotonic() + executor.settings.kill_limit * 60
    while jobs and time.monotonic() < end:
        try:
            for record in jobs:
                if record.job_id is None:
                    record.job_id = lsf.find_by_name(record.name, timeout)
            known = {record.job_id: record.name for record in jobs if record.job_id}
            lsf.kill(known.values(), timeout)
            answers = lsf.ask(known, timeout) if known else {}
        except NoAnswerError as error:
            logger.warning(f"LSF does not answer, trying on: {error}")
            answers = {}
            time.sleep(1)
            continue
        over = [one for one in jobs if one.job_id is None or answers.get(one.job_id, Answer("RUN")).stat in OVER]
        for record in over:
            record.remove()
        jobs = [record for record in jobs if record not in over]
        time.sleep(1 if jobs else 0)
    if jobs:
        left = " ".join(record.job_id or record.name for record in jobs)
        logger.error(f"LSF has not confirmed the end of {left}: look with bjobs, they may still run")
