"""The profiles take effect; on LSF the training job is the request of 2019."""

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Clone
from snakemake.cli import get_argument_parser
from snakemake.utils import available_cpu_count

LSF = Path(__file__).parent.parent / "cluster" / "lsf"
sys.path.insert(0, str(LSF))
from fakelsf.cluster import DEFAULTS, Cluster  # noqa: E402
from fakelsf.resources import check_request, minutes  # noqa: E402
from fakelsf.submit import parse  # noqa: E402

REQUEST_2019 = (
    'bsub -W 4:00 -n 1 -R "rusage[mem=40000,ngpus_excl_p=1]" -R "select[gpu_model0==TeslaV100_SXM2_32GB]" gesture'
)
MODERN_GPU = "num=1:mode=exclusive_process:gmodel=TeslaV100_SXM2_32GB"
GPU_RULES = {"train", "evaluate"}
CLUSTERS = {"lsf": "lsf-steady", "slurm": "slurm-steady"}


def profile(repository: Path, name: str) -> Any:
    """The profile's options as Snakemake's own parser understands them."""
    folder = str(repository / "profiles" / name)
    return get_argument_parser(profiles=[folder]).parse_args(["--profile", folder])


def merged_request(arguments: list[str], **site: Any) -> dict[str, Any]:
    """What LSF makes of the arguments of bsub: all -R strings joined, section by section; mem in MB, -W in minutes."""
    options, _ = parse(arguments)
    request = check_request(options, {**DEFAULTS, **site})
    return {
        "amounts": request["amounts"],
        "select": request["merged"].get("select", []),
        "span": request["merged"].get("span", ["hosts=1"]),
        "gpu": options.get("gpu"),
        "minutes": minutes(options["W"], "RUNLIMIT"),
        "slots": int(options["n"]),
    }


@pytest.fixture
def lsf(tmp_path: Path) -> Cluster:
    """A fake LSF that refuses every job: what it was asked for is all that matters here."""
    cluster = Cluster.create(tmp_path / "cluster")
    cluster.break_command("bsub", refuse=True)
    return cluster


def submitted(clone: Clone, lsf: Cluster, rule: str, *more: str) -> list[str]:
    """The arguments of bsub for the first job of ``rule``."""
    arguments = ("--profile", "lsf", "--configfile", "tests/config/tiny.yaml", "--forcerun", rule, "--retries", "0")
    path = f"{LSF / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    done = clone.snakemake(*arguments, *more, PATH=path, FAKE_LSF=str(lsf.folder))
    assert "Request aborted by esub" in done.stderr, done.stderr
    return next(call for call in lsf.calls("bsub") if call[1].startswith(f"{rule}."))


def test_the_lsf_training_job_is_the_request_of_2019(finished: Clone, lsf: Cluster) -> None:
    assert merged_request(submitted(finished, lsf, "train")) == merged_request(shlex.split(REQUEST_2019)[1:])


def test_in_the_modern_gpu_dialect_it_is_the_same_request(finished: Clone, lsf: Cluster) -> None:
    line = submitted(finished, lsf, "train", "--lsf-steady-gpu-dialect", "gpu-option")
    request = merged_request(line, gpu_new_syntax="extend")
    expected = merged_request(shlex.split(REQUEST_2019)[1:])
    assert request["gpu"] == MODERN_GPU
    assert {**request, "gpu": None} == {**expected, "amounts": {"mem": 40000}, "select": []}


def test_training_is_warned_before_its_walltime_and_has_a_group_of_its_own(finished: Clone, lsf: Cluster) -> None:
    line = submitted(finished, lsf, "train")
    options, _ = parse(line)
    assert (options["wa"], options["wt"]) == ("URG", "12")
    assert re.fullmatch(r"/gesture/\w+/[0-9a-f]{8}/checkpoints/tiny/(skeleton|fusion)-s1/stage\d", options["g"])


def test_lsf_cpu_steps_ask_for_no_gpu(finished: Clone, lsf: Cluster) -> None:
    request = merged_request(submitted(finished, lsf, "convert"))
    assert set(request["amounts"]) == {"mem"}
    assert request["select"] == []


def test_the_lean_preset_asks_for_less_memory_and_any_gpu(finished: Clone, lsf: Cluster) -> None:
    line = submitted(finished, lsf, "train", "--workflow-profile", "profiles/lsf/lean")
    request = merged_request(line)
    assert request["amounts"] == {"mem": 12000, "ngpus_excl_p": 1}
    assert request["select"] == []
    assert request["minutes"] == 240


@pytest.mark.parametrize("name", CLUSTERS)
def test_cluster_profiles_set_executor_jobs_and_retries(repository: Path, name: str) -> None:
    options = profile(repository, name)
    assert options.executor == CLUSTERS[name]
    assert int(options.jobs) == 20
    assert options.retries >= 3
    assert options.rerun_incomplete
    assert options.keep_going
    assert not options.keep_incomplete, "a failed output would count as complete"


def test_the_local_profile_uses_all_cores_of_this_machine(repository: Path) -> None:
    options = profile(repository, "local")
    assert (options.executor, options.cores, options.retries) == ("local", available_cpu_count(), 3)


@pytest.mark.parametrize("name", ["local", *CLUSTERS])
def test_a_code_edit_alone_never_repeats_training(repository: Path, name: str) -> None:
    triggers = {str(one.item_to_choice()) for one in profile(repository, name).rerun_triggers}
    assert triggers == {"mtime", "input", "params"}


@pytest.mark.parametrize(("name", "gpu"), [("lsf", "gpu=1"), ("slurm", "gpu:1")])
def test_only_training_and_evaluation_ask_for_a_gpu(real_clone: Clone, name: str, gpu: str) -> None:
    done = real_clone.snakemake("-n", "--profile", f"profiles/{name}", "--configfile", "config/smnet.yaml")
    assert done.returncode == 0, done.stderr
    jobs = re.findall(r"^rule (\w+):\n(?: {4}.*\n)*? {4}resources: (.*)$", done.stdout, flags=re.M)
    assert {rule for rule, resources in jobs if gpu in resources} == GPU_RULES
    train = next(resources for rule, resources in jobs if rule == "train")
    assert "mem_mb=40000" in train
    assert "runtime=240" in train


def test_the_short_form_works_from_a_clone(real_clone: Clone) -> None:
    done = real_clone.snakemake("--profile", "lsf", "-n")
    assert done.returncode == 0, done.stderr


def test_there_is_no_default_profile_that_would_override_the_others(repository: Path) -> None:
    assert not (repository / "profiles" / "default").exists()


@pytest.mark.parametrize("name", ["local", *CLUSTERS])
def test_every_profile_entry_says_why(repository: Path, name: str) -> None:
    text = (repository / "profiles" / name / "config.yaml").read_text()
    lines = text.splitlines()
    silent = []
    for key in yaml.safe_load(text):
        place = next(number for number, line in enumerate(lines) if line.startswith(f"{key}:"))
        if not lines[place - 1].startswith("#"):
            silent.append(key)
    assert silent == ["executor"], "the heading speaks of that one"
