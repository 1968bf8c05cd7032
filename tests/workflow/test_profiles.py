"""The profiles take effect; on LSF the training job is the request of 2019."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Clone
from snakemake.cli import get_argument_parser
from snakemake.utils import available_cpu_count

REQUEST_2019 = (
    'bsub -W 4:00 -n 1 -R "rusage[mem=40000,ngpus_excl_p=1]" -R "select[gpu_model0==TeslaV100_SXM2_32GB]" gesture'
)
GPU_RULES = {"train", "evaluate"}
CLUSTERS = ("lsf", "slurm")


def profile(repository: Path, name: str) -> Any:
    """The profile's options as Snakemake's own parser understands them."""
    folder = str(repository / "profiles" / name)
    return get_argument_parser(profiles=[folder]).parse_args(["--profile", folder])


def merged_request(line: str) -> dict[str, Any]:
    """What LSF makes of a bsub line: all -R strings joined, section by section; mem in MB, -W in minutes."""
    words = shlex.split(line)
    values: dict[str, list[str]] = {}
    for flag, value in pairwise(words):
        if flag in ("-R", "-W", "-n"):
            values.setdefault(flag, []).append(value)
    sections: dict[str, list[str]] = {}
    for text in values["-R"]:
        for name, content in re.findall(r"(\w+)\[(.*?)\](?=\s|$)", text):
            sections.setdefault(name, []).append(content)
    usage = dict(pair.split("=") for pair in ",".join(sections["rusage"]).split(","))
    hours, _, minutes = values["-W"][0].rpartition(":")
    return {
        "rusage": {name: float(amount) for name, amount in usage.items()},
        "select": sections.get("select", []),
        "minutes": int(hours or 0) * 60 + int(minutes),
        "slots": int(values["-n"][0]),
        "span": sections.get("span", ["hosts=1"]),
    }


@pytest.fixture
def lsf(tmp_path: Path) -> Path:
    """A folder with the LSF commands that the executor calls; `bsub` notes its line and refuses the job."""
    folder = tmp_path / "lsf tools"
    (folder / "conf/lsbatch/c1/configdir").mkdir(parents=True)
    (folder / "conf/lsbatch/c1/configdir/lsb.params").write_text("DEFAULT_QUEUE = normal\n")
    scripts = {
        "badmin": f'echo header; echo "LSB_SHAREDIR = {folder}"; echo "LSF_CONFDIR = {folder}/conf"; '
        'echo "LSF_UNIT_FOR_LIMITS = MB"',
        "lsclusters": "printf 'CLUSTER_NAME STATUS\\nc1 ok\\n'",
        "bhist": "exit 1",
        "bsub": f"printf '%q ' bsub \"$@\" >> '{folder}/lines'; echo >> '{folder}/lines'; exit 255",
    }
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/bash\n{body}\n")
        (folder / name).chmod(0o755)
    return folder


def submitted(clone: Clone, lsf: Path, rule: str) -> str:
    """The bsub line of the first job of ``rule``."""
    arguments = ("--profile", "lsf", "--configfile", "tests/config/tiny.yaml", "--forcerun", rule)
    clone.snakemake(*arguments, PATH=f"{lsf}:/usr/local/bin:/usr/bin:/bin")
    lines = [line for line in (lsf / "lines").read_text().splitlines() if f"Snakemake_rule_{rule}" in line]
    return lines[0]


def test_the_lsf_training_job_is_the_request_of_2019(finished: Clone, lsf: Path) -> None:
    assert merged_request(submitted(finished, lsf, "train")) == merged_request(REQUEST_2019)


def test_lsf_cpu_steps_ask_for_no_gpu(finished: Clone, lsf: Path) -> None:
    request = merged_request(submitted(finished, lsf, "convert"))
    assert set(request["rusage"]) == {"mem"}
    assert request["select"] == []


@pytest.mark.parametrize("name", CLUSTERS)
def test_cluster_profiles_set_executor_jobs_and_retries(repository: Path, name: str) -> None:
    options = profile(repository, name)
    assert options.executor == name
    assert int(options.jobs) == 20
    assert options.retries == 5
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


@pytest.mark.parametrize(("name", "gpu"), [("lsf", "ngpus_excl_p=1"), ("slurm", "gpu:1")])
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
