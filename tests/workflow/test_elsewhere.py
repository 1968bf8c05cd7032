"""The workflow as a module of another Snakefile, from other folders, with the profiles as the README writes them."""

import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import Clone, calls

CONFIG = "tests/config/tiny.yaml"
# As `snakedeploy deploy-workflow` writes it, but for the declaration of the source.
DEPLOYED = """
from snakemake.utils import min_version

min_version("6.10.0")

configfile: "config/config.yaml"

# declare https://example.org/gesture as a module
module gesture:
    snakefile:
        {source}
    config:
        config

# use all rules from https://example.org/gesture
use rule * from gesture
"""


def deployed(clone: Clone, folder: Path, source: str) -> Path:
    """A folder as snakedeploy makes it: `config/`, and a Snakefile that imports the workflow."""
    (folder / "config").mkdir(parents=True)
    (folder / "workflow").mkdir()
    (folder / "config" / "config.yaml").write_text((clone.root / CONFIG).read_text())
    (folder / "workflow" / "Snakefile").write_text(DEPLOYED.format(source=source))
    return folder


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_a_module_of_another_snakefile_runs(clone: Clone, tmp_path: Path, snakefile: str) -> None:
    folder = deployed(clone, tmp_path / "de ployed", repr(str(clone.root / snakefile)))
    clone.run(cwd=folder)
    assert (folder / "results/tiny/submission.csv").exists()
    made = {one["settings"] for one in calls(folder) if "settings" in one}
    (settings,) = (folder / "results/tiny/settings").glob("*.yaml")
    assert made == {str(settings.relative_to(folder))}
    assert clone.planned(cwd=folder) == set()


def test_a_part_of_the_importers_configuration_is_the_modules(clone: Clone, tmp_path: Path) -> None:
    folder = deployed(clone, tmp_path / "deployed", repr(str(clone.root / "Snakefile")))
    tiny = yaml.safe_load((clone.root / CONFIG).read_text())
    (folder / "config/config.yaml").write_text(yaml.safe_dump({"mine": 1, "networks": tiny}, sort_keys=False))
    path = folder / "workflow/Snakefile"
    text = path.read_text().replace("        config\n", '        config["networks"]\n')
    path.write_text(text + 'rule all:\n    default_target: True\n    input: "results/tiny/report.html"\n')
    path.write_text(path.read_text().replace("use rule * from gesture", "use rule * from gesture exclude all as net_*"))
    clone.run(cwd=folder)
    assert (folder / "results/tiny/report.html").exists()


def test_a_mistake_in_a_modules_configuration_is_one_line(clone: Clone, tmp_path: Path) -> None:
    folder = deployed(clone, tmp_path / "deployed", repr(str(clone.root / "Snakefile")))
    path = folder / "config/config.yaml"
    path.write_text(path.read_text().replace("experiment: tiny", "experiment: tiny\nexpirement: x"))
    done = clone.snakemake("--cores", "1", cwd=folder)
    assert done.returncode == 2
    assert "expirement" in done.stderr


@pytest.mark.needs("git")
def test_a_module_that_is_fetched_from_git_runs_the_installed_gesture(clone: Clone, tmp_path: Path) -> None:
    """`github(...)` fetches single files, as `gitfile(...)` does: no checkout is there that could bring `gesture`."""
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
        subprocess.run(["git", *who, *command], cwd=clone.root, check=True)
    source = f'gitfile({str(clone.root)!r}, path="workflow/Snakefile", ref="HEAD")'
    folder = deployed(clone, tmp_path / "deployed", source)
    done = clone.snakemake("--cores", "2", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "results/tiny/submission.csv").exists()


def test_the_real_chain_runs_as_a_module(real_clone: Clone, tmp_path: Path) -> None:
    folder = deployed(real_clone, tmp_path / "deployed", repr(str(real_clone.root / "workflow/Snakefile")))
    real_clone.run(cwd=folder)
    assert (folder / "results/tiny/submission.csv").exists()
    assert "'--output' 'results/tiny'" in (folder / "logs/tiny/average.log").read_text()


def test_directory_may_be_the_present_one(clone: Clone) -> None:
    clone.run("--directory", ".", "--configfile", CONFIG)
    assert (clone.root / "results/tiny/submission.csv").exists()


def test_the_local_profile_works_by_its_name_and_from_another_folder(clone: Clone, tmp_path: Path) -> None:
    done = clone.snakemake("--profile", "local", "--configfile", CONFIG, "--directory", str(tmp_path / "a"))
    assert done.returncode == 0, done.stderr
    elsewhere = tmp_path / "b"
    elsewhere.mkdir()
    profile, snakefile = clone.root / "profiles/local", clone.root / "Snakefile"
    done = clone.snakemake(
        *("-s", str(snakefile), "--profile", str(profile), "--configfile", str(clone.root / CONFIG)), cwd=elsewhere
    )
    assert done.returncode == 0, done.stderr
    for folder in (tmp_path / "a", elsewhere):
        assert (folder / "results/tiny/submission.csv").exists()


@pytest.mark.parametrize("name", ["lsf", "slurm"])
def test_the_clusters_profiles_plan_by_their_names_and_from_another_folder(
    clone: Clone, tmp_path: Path, name: str
) -> None:
    for profile, cwd in ((name, clone.root), (str(clone.root / "profiles" / name), tmp_path)):
        arguments = ["-s", str(clone.root / "Snakefile"), "--configfile", str(clone.root / CONFIG)]
        done = clone.snakemake("-n", "--profile", profile, *arguments, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "rule average:" in done.stdout


def test_a_folder_whose_path_a_scheduler_would_change_is_told_in_the_dry_run_and_refused(
    clone: Clone, tmp_path: Path
) -> None:
    folder = ("--configfile", CONFIG, "--directory", str(tmp_path / "run%j"))
    dry = clone.snakemake("-n", *folder)
    assert dry.returncode == 0
    assert "LSF and Slurm replace %j" in dry.stdout + dry.stderr
    done = clone.snakemake("--executor", "subprocess", "--jobs", "1", *folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "LSF and Slurm replace %j" in done.stderr
    clone.run(*folder)  # on this machine it is a name like others
