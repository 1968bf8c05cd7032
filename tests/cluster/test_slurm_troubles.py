"""`slurm-steady` on a real Slurm: what its jobs know, what is told once, nodes left out. Costs a minute."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm.cluster import NODE, Slurm, wait_for

pytestmark = [pytest.mark.needs(tool) for tool in ("slurm", "slurmd", "munged", "sbatch")]

SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
SNAKEFILE = """
rule knows:
    output: "knows"
    shell: "env > {output}"
rule nan:
    output: "nan"
    resources: outcome="outcome.json"
    shell: "sh nan.sh {resources.outcome}"
rule dies:
    output: "dies"
    shell: "echo $SLURM_JOB_ID >> deaths; test $(wc -l < deaths) -gt 1; touch {output}"
rule whole:
    output: "whole{n}"
    resources: slurm_extra="--exclusive"
    shell: "until grep -q 'has waited in the queue' printed; do sleep 0.2; done; touch {output}"
rule two:
    input: "whole1", "whole2"
    output: touch("two")
"""
NAN = r"""
echo $SLURM_JOB_ID >> tries
printf '{"exit_code": 76, "message": "loss is nan", "job_id": "%s", "job_name": "%s"}' \
    $SLURM_JOB_ID $BATCH_JOB_NAME > $1
exit 76
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with Slurm(tmp_path_factory.mktemp("slurm") / "c") as cluster:
        yield cluster


def snakemake(slurm: Slurm, folder: Path, *arguments: str) -> tuple[int, str]:
    """Runs a head to its end; its exit code and what it printed."""
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "nan.sh").write_text(NAN)
    command = [
        SNAKEMAKE, "--executor", "slurm-steady", "--jobs", "4", "--retries", "3", "--slurm-steady-status-command",
        "squeue", "--slurm-steady-no-account", "--slurm-steady-init-seconds-before-status-checks", "1",
        *arguments[:-1], "--default-resources", "mem_mb=100", "runtime=5", "--", arguments[-1],
    ]  # fmt: skip
    environment = {**os.environ, "PATH": os.pathsep.join([str(slurm.bin), os.environ["PATH"]])}
    with (folder / "printed").open("wb") as printed:
        head = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=printed, stderr=printed, start_new_session=True
        )
    try:
        wait_for(lambda: head.poll() is not None, "the head", lambda: (folder / "printed").read_text() + slurm.logs())
    finally:
        if head.poll() is None:
            os.killpg(head.pid, signal.SIGKILL)
            head.wait()
    return head.returncode, (folder / "printed").read_text()


@pytest.mark.parametrize("how", [(), ("--slurm-steady-pass-command-as-script",)])
def test_a_job_knows_when_it_began_and_its_name(slurm: Slurm, tmp_path: Path, how: tuple[str, ...]) -> None:
    before = int(time.time())
    code, printed = snakemake(slurm, tmp_path, *how, "knows")
    assert code == 0, printed
    known = dict(line.split("=", 1) for line in (tmp_path / "knows").read_text().splitlines() if "=" in line)
    assert before <= int(known["BATCH_JOB_START"]) <= time.time()
    assert known["BATCH_JOB_NAME"] in printed, "the run's id, by which squeue finds its jobs"


def test_what_failed_for_good_is_tried_and_told_once(slurm: Slurm, tmp_path: Path) -> None:
    code, printed = snakemake(slurm, tmp_path, "nan")
    assert (code, len((tmp_path / "tries").read_text().split())) == (1, 1), printed
    assert "\nnan: loss is nan\n    Slurm job " in printed
    for words in ("Error in rule", "For further error details", "Trying to restart"):
        assert words not in printed


def test_a_partition_that_does_not_exist_is_told_once(slurm: Slurm, tmp_path: Path) -> None:
    code, printed = snakemake(slurm, tmp_path, "--set-resources", "knows:slurm_partition=nosuch", "knows")
    assert code == 1
    assert printed.count("Slurm takes no job: ") == 1, printed
    assert "    change in the profile: slurm_partition, in default-resources\n" in printed
    assert "Trying to restart" not in printed


def test_a_job_that_dies_at_once_is_tried_again_even_where_there_is_one_node_only(slurm: Slurm, tmp_path: Path) -> None:
    code, printed = snakemake(slurm, tmp_path, "--slurm-steady-avoid-limit", "0.05", "dies")
    assert code == 0, printed
    assert f"{NODE} is left out for the next tries" in printed
    assert "left out no more" in printed


def test_a_job_for_which_no_node_is_free_is_told_once_with_slurms_reason(slurm: Slurm, tmp_path: Path) -> None:
    """Each wants the whole node; whichever has it keeps it until the other one was told."""
    code, printed = snakemake(slurm, tmp_path, "--slurm-steady-pending-limit", "0.02", "two")
    assert code == 0, printed
    (told,) = [line for line in printed.splitlines() if "has waited in the queue" in line]
    assert "whole n=" in told
    assert told.rstrip().endswith(("Slurm's reason: Resources", "Slurm's reason: Priority")), told
