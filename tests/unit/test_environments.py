"""The locks fit what the package asks for, and name no place to get it from."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent


def pins(kind: str) -> dict[str, str]:
    """Name -> version of every package in a lock."""
    text = (ROOT / f"envs/{kind}.lock").read_text()
    return dict(re.findall(r"^([\w.-]+)(?:\[.*?\])?==([^\s\\;]+)", text, flags=re.M))


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_the_lock_has_a_fitting_version_of_every_dependency(kind: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [Requirement(text) for text in [*project["dependencies"], *extras[kind], *extras["dev"]]]
    locked = {canonicalize_name(name): version for name, version in pins(kind).items()}
    unmet = [str(one) for one in wanted if locked.get(canonicalize_name(one.name), "") not in one.specifier]
    assert unmet == [], "run `make lock`"


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_every_package_of_the_lock_has_hashes_and_no_address(kind: str) -> None:
    text = (ROOT / f"envs/{kind}.lock").read_text()
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text


def test_both_environments_agree_but_for_cuda() -> None:
    cpu, gpu = pins("cpu"), pins("gpu")
    assert {name for name in gpu if cpu.get(name) != gpu[name]} == {name for name in gpu if name.startswith("nvidia-")}


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_the_conda_environment_has_the_packages_of_the_lock(kind: str) -> None:
    environment = yaml.safe_load((ROOT / f"envs/{kind}.yaml").read_text())
    listed = dict(text.split("==") for text in environment["dependencies"][-1]["pip"])
    assert listed == pins(kind)
