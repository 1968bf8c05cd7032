"""The tiny chain on a real Slurm that misbehaves; with its undisturbed twin, 200 s of two cores' time."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from slurm.cluster import NODE, Slurm, wait_for

from gesture.base.files import read_json, write_text
from gesture.cli import main
from gesture.config.digests import resolved
from gesture.config.layout import settings_file
from gesture.config.settings import load
from gesture.train.ledger import sessions

pytestmark = [pytest.mark.needs(tool) for tool in ("slurm", "slurmd", "munged", "sbatch")]

SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
COPIED = ("Snakefile", "workflow", "profiles", "envs", "gesture", "config")
WEIGHTS = [f"train/{stage}/model.weights.h5" for stage in ("skeleton-s1/stage2", "fusion-s1/stage1")]
SUBMISSION = "results/tiny/submission.csv"
RESULTS = [*WEIGHTS, "ensemble.csv", "submission.csv"]


@pytest.fixture(scope="module")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project; in `tiny.yaml`, stages have several steps, so that one can end in the middle."""
    root = tmp_path_factory.mktemp("slurm") / "my clone"
    root.mkdir()
    for name in COPIED:
        copy = shutil.copy if (repository / name).is_file() else shutil.copytree
        copy(repository / name, root / name)
    value = yaml.safe_load((repository / "tests/config/tiny.yaml").read_text())
    value["training"]["stages"] = [{"steps": 6, "learning_rate": 2e-3}, {"steps": 3, "learning_rate": 4e-4}]
    value["variants"]["fusion"]["training"] = {"stages": [{"steps": 4, "learning_rate": 2e-3}]}
    (root / "tiny.yaml").write_text(yaml.safe_dump(value, sort_keys=False))
    shutil.copytree(root / "profiles/slurm", root / "profiles/without-gpu")
    path = root / "profiles/without-gpu/config.yaml"
    profile = yaml.safe_load(path.read_text())
    for rule in ("train", "evaluate"):
        # The GPUs of this cluster are plain files, and what asks for one is refused without.
        del profile["set-resources"][rule]["gres"], profile["set-resources"][rule]["ngpus"]
    path.write_text(yaml.safe_dump(profile))
    return root


@contextmanager
def running(project: Path, folder: Path, *arguments: str, first_on_path: Path | None = None) -> Iterator[Any]:
    """A Snakemake in ``folder``, which prints to `folder/printed`; whatever happens, it and its children are ended."""
    folder.mkdir(exist_ok=True)
    path = [*([str(first_on_path)] if first_on_path else []), os.environ["PATH"]]
    environment = {**os.environ, "PATH": os.pathsep.join(path)}
    command = [SNAKEMAKE, "--snakefile", str(project / "Snakefile"), "--configfile", str(project / "tiny.yaml")]
    with (folder / "printed").open("wb") as printed:
        head = subprocess.Popen(
            [*command, *arguments], cwd=folder, stdout=printed, stderr=printed, env=environment, start_new_session=True
        )
    try:
        yield head
    finally:
        if head.poll() is None:
            os.killpg(head.pid, signal.SIGKILL)
            head.wait()


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with Slurm(tmp_path_factory.mktemp("slurm") / "c") as cluster:
        yield cluster


class Head:
    """A run of the chain on Slurm, and what a test does to its jobs."""

    def __init__(self, slurm: Slurm, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.slurm, self.folder, self.process = slurm, folder, process

    def until(self, condition: Any, what: str) -> None:
        """Waits, but not for a head that has ended."""

        def met() -> bool:
            assert self.process.poll() is None or condition(), f"ended before {what}\n{self.explain()}"
            return bool(condition())

        wait_for(met, what, self.explain)

    def explain(self) -> str:
        return (self.folder / "printed").read_text()[-6000:] + self.slurm.logs()

    def lease(self, member: str, stage: int) -> dict[str, Any]:
        """The newest lease of a stage, {} if there is none."""
        found = sorted(self.folder.glob(f"checkpoints/tiny/{member}/stage{stage}/lease-*.json"))
        return read_json(found[-1]) if found and found[-1].stat().st_size else {}

    def freeze_trainer(self, member: str, stage: int) -> str:
        """Stops the trainer as soon as it is there, seconds before its first step; Slurm's signals wake it. The job."""
        self.until(lambda: self.lease(member, stage), f"{member} stage {stage}")
        lease = self.lease(member, stage)
        os.kill(lease["pid"], signal.SIGSTOP)
        return str(lease["job"])

    def jobs_of(self, member: str, stage: int) -> dict[str, str]:
        """Number -> state of all jobs of a stage, by the comment that the executor gives them."""
        comment = f"rule_train_wildcards_{member}_{stage}"
        return {number: state for number, (state, said) in self.slurm.jobs().items() if said == comment}


@pytest.fixture
def on_path(slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cluster's commands come first; a working directory."""
    monkeypatch.setenv("PATH", str(slurm.bin), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, str]]:
    """Exit code of `gesture doctor`, and the level of each check."""
    code = main(["doctor", "--json", *arguments])
    return code, {one["check"]: one["level"] for one in json.loads(capsys.readouterr().out)}


def test_the_doctor_finds_the_request_admitted_and_the_nodes_without_a_gpu(
    on_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = str(repository / "profiles/slurm")
    code, found = doctor(capsys, "--profile", profile, "--probe")
    admitted = {"scheduler", "walltime", "memory", "gpu model", "status", "probe"}
    assert {one: found[one] for one in admitted} == dict.fromkeys(admitted, "ok")
    assert (code, found["node: gpu"]) == (2, "problem"), "the GPUs of this cluster are plain files"
    assert found["node: atomic rename"] == "ok"
    assert [path.name for path in on_path.iterdir()] == ["logs"], "the probe leaves its log alone"


def test_the_doctor_refuses_what_slurm_would_not_run(on_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (on_path / "config.yaml").write_text(
        "executor: slurm\nset-resources: {train: {runtime: 2d, mem_mb: 300000, gres: 'gpu:a100:1'}}\n"
    )
    code, found = doctor(capsys, "--profile", ".")
    assert code == 2
    assert {found[one] for one in ("walltime", "memory", "gpu model")} == {"problem"}


def test_cancel_ends_the_jobs_of_its_experiment_alone(
    slurm: Slurm, on_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = load(repository / "tests/config/tiny.yaml")
    write_text(on_path / settings_file(experiment), yaml.safe_dump(resolved(experiment)))

    def submit(name: str) -> str:
        script = f"sleep 600 # {on_path}/results/{name}/settings/0.yaml"
        return slurm.run("sbatch", "--parsable", "--mem=10", "--comment=rule_train", "--wrap", script).stdout.strip()

    mine, other = submit("tiny"), submit("other")
    assert main(["cancel", "tiny"]) == 0
    assert capsys.readouterr().out.startswith(f"ended Slurm job {mine}: train")
    wait_for(lambda: slurm.jobs()[mine][0] == "CANCELLED", "the end of the job", slurm.logs)
    assert slurm.jobs()[other][0] in ("PENDING", "RUNNING")
    slurm.run("scancel", other)


@pytest.fixture(scope="module")
def undisturbed(project: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """The same chain without a cluster, begun now: it uses the time that the other one waits."""
    folder = project.parent / "undisturbed"
    with running(project, folder, "--cores", "1", SUBMISSION) as head:
        yield folder, head


@pytest.fixture(scope="module")
def disturbed(project: Path, slurm: Slurm, undisturbed: Any) -> Iterator[Head]:
    """The chain on Slurm by the shipped profile, without GPUs and with faster polling. The records are the twin's."""
    folder = project.parent / "on slurm"
    twin, its_head = undisturbed
    wait_for(lambda: any(twin.glob("records/*/manifest.json")) or its_head.poll() is not None, "records")
    assert its_head.poll() is None, (twin / "printed").read_text()
    arguments = ("--profile", str(project / "profiles/without-gpu"), "--latency-wait", "30",
                 "--slurm-steady-init-seconds-before-status-checks", "1", SUBMISSION)  # fmt: skip
    for name in ("resources", "records"):
        shutil.copytree(twin / name, folder / name)
    with running(project, folder, *arguments, first_on_path=slurm.bin) as process:
        head = Head(slurm, folder, process)
        head.until(lambda: head.jobs_of("skeleton-s1", 1) and head.jobs_of("fusion-s1", 1), "training jobs")
        yield head


def test_a_disturbed_chain_ends_in_the_bytes_of_an_undisturbed_one(
    disturbed: Head, undisturbed: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    head, slurm = disturbed, disturbed.slurm
    monkeypatch.setenv("PATH", str(slurm.bin), prepend=os.pathsep)
    warned = head.freeze_trainer("skeleton-s1", 1)
    expired = head.freeze_trainer("fusion-s1", 1)

    # All jobs are known to be this experiment's.
    assert main(["cancel", "tiny", "--dry-run", "--directory", str(head.folder)]) == 0
    printed = capsys.readouterr().out
    assert [f"would end Slurm job {job}" in printed for job in (warned, expired)] == [True, True], printed

    # The controller is away until the head has asked in vain.
    slurm.stop_controller()
    earlier = slurm.refusals()
    head.until(lambda: slurm.refusals() > earlier, "a status query without an answer")
    slurm.start_controller()
    assert {slurm.jobs()[job][0] for job in (warned, expired)} == {"RUNNING"}

    # A drained node lets its jobs end, and takes no new ones.
    slurm.run("scontrol", "update", f"NodeName={NODE}", "State=DRAIN", "Reason=test")
    # One job comes near its end, is told so by --signal, and goes on by its own clock; the other is at its walltime.
    slurm.run("scontrol", "update", f"JobId={warned}", "EndTime=now+9minutes")
    slurm.run("scontrol", "update", f"JobId={expired}", "EndTime=now")
    head.until(lambda: head.jobs_of("skeleton-s1", 1)[warned] == "COMPLETED", "the warned job's end")
    head.until(lambda: head.jobs_of("fusion-s1", 1)[expired] == "TIMEOUT", "the end of the walltime")
    head.until(lambda: slurm.node_state() == "drained", "a drained node")
    for member, stage in (("skeleton-s1", 2), ("fusion-s1", 1)):
        head.until(lambda m=member, s=stage: "PENDING" in head.jobs_of(m, s).values(), f"{member} in the queue")
    slurm.run("scontrol", "update", f"NodeName={NODE}", "State=RESUME")

    cancelled = head.freeze_trainer("skeleton-s1", 2)
    slurm.run("scancel", cancelled)
    head.until(lambda: head.process.poll() is not None, "the end of the chain")
    assert head.process.returncode == 0, head.explain()

    folder, twin = undisturbed
    assert twin.wait() == 0, (folder / "printed").read_text()
    for name in RESULTS:
        assert (head.folder / "results/tiny" / name).read_bytes() == (folder / "results/tiny" / name).read_bytes(), name
    (only,) = sessions(head.folder / "checkpoints/tiny/skeleton-s1/stage1/sessions.jsonl")
    assert (only["job"], only["reason"]) == (warned, "done"), "a reminder is no order to stop"
    assert head.jobs_of("skeleton-s1", 2)[cancelled] == "CANCELLED"
