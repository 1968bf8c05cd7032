"""What a site or a user may set; each becomes `--lsf-steady-...` and an entry of a profile."""

from dataclasses import dataclass, field
from typing import Any

from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase


def setting(default: Any, text: str, **more: Any) -> Any:
    """A field with its help text."""
    return field(default=default, metadata={"help": text, **more})


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """Settings of the executor; all times are in minutes."""

    gpu_dialect: str = setting(
        "resource-strings",
        "How GPUs are asked for: `resource-strings` (-R rusage[ngpus_excl_p=N], -R select[gpu_model0==M]) or "
        "`gpu-option` (-gpu num=N:mode=exclusive_process:gmodel=M), where LSF_GPU_NEW_SYNTAX is on.",
        choices=["resource-strings", "gpu-option"],
    )
    memory_mode: str = setting(
        "per-job",
        "What the site counts rusage[mem=...] for: `per-job`, or `per-core` (mem_mb is then divided by the cores).",
        choices=["per-job", "per-core"],
    )
    memory_unit: str = setting(
        "MB",
        "Unit written after the amount of memory; `none` for an LSF that takes bare numbers only, counted in MB.",
        choices=["none", "KB", "MB", "GB"],
    )
    warning_signal: str = setting("URG", "Signal sent before the walltime to jobs that name an `outcome` (bsub -wa).")
    warning_minutes: int = setting(0, "How long before the walltime [min] (bsub -wt); 0: no warning.")
    job_group: str = setting(
        "",
        "Root of job groups, such as /gesture: jobs that name the same `outcome` get a group that runs one at a time; "
        "empty: no groups.",
    )
    suspended_limit: float = setting(
        1440.0, "How long a job may be suspended (PSUSP, USUSP, SSUSP) before it is killed and run again [min]."
    )
    unknown_limit: float = setting(
        120.0, "How long LSF may know nothing of a job's host (UNKWN, ZOMBI) before the job is killed [min]."
    )
    lost_limit: float = setting(10.0, "How long neither bjobs nor bhist may know a job before it counts as lost [min].")
    kill_limit: float = setting(
        10.0, "How long a killed job may take to end before bkill is repeated, the third time with -r [min]."
    )
    submit_limit: float = setting(720.0, "How long bsub may fail before the job does [min].")
    submit_pause: float = setting(0.5, "Pause after a failed bsub, before LSF is asked whether it has the job [min].")
    memory_limit: int = setting(
        0,
        "A job that was killed for memory asks for half as much again at its next try, up to this [MB]; "
        "0: for the same again.",
    )
    short_job: float = setting(
        1.0, "A node on which a job dies within this time is left out for the job's next tries [min]; 0: none is."
    )
    avoid_limit: float = setting(
        30.0, "How long a job may wait in the queue while nodes are left out for it, before none is any more [min]."
    )
    max_moves: int = setting(
        5, "How many nodes may say in a row that they are not fit for a job before that counts as a failure."
    )
    pending_limit: float = setting(
        60.0, "How long a job may wait in the queue before it is told, once, with LSF's reason [min]; 0: never."
    )
    outcome_wait: float = setting(
        5.0, "How long to wait for the outcome of a job that was killed; a trainer may still be saving [min]."
    )
    max_sessions: int = setting(50, "How many jobs in a row may continue one another before that counts as a failure.")
    command_timeout: float = setting(2.0, "How long an LSF command may take [min].")
    interrupt: str = setting(
        "leave",
        "Ctrl-C: `leave` jobs running (the same command attaches to them; a second Ctrl-C kills them), or `kill` them.",
        choices=["leave", "kill"],
    )
    interrupt_pause: float = setting(0.1, "How long the second Ctrl-C is waited for [min].")
