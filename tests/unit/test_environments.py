"""The locks fit what the package asks for, and name no place to get it from."""

import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gesture.operate.gpu import environment

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


def test_this_environment_is_the_lock() -> None:
    kind = "gpu" if installed("nvidia-cudnn-cu12") else "cpu"
    differing = {name: installed(name) for name, version in pins(kind).items() if installed(name) != version}
    assert differing == {}, "run `make env`"


def test_the_gpu_lock_resolves() -> None:
    """All that its packages ask for is in it, in a fitting version; those of NVIDIA are judged by `make check-lock`."""
    locked = {canonicalize_name(name): version for name, version in pins("gpu").items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["gpu"]
    extras = {canonicalize_name(one.name): one.extras for one in map(Requirement, project)}
    unmet = [
        f"{name}: {text}"
        for name in locked
        if installed(name)
        for text in metadata.requires(name) or []
        if is_asked_for(Requirement(text), extras.get(name, set()))
        and locked.get(canonicalize_name(Requirement(text).name), "") not in Requirement(text).specifier
    ]
    assert unmet == [], "run `make lock`"
    assert extras["tensorflow"] == {"and-cuda"}


def is_asked_for(requirement: Requirement, extras: set[str]) -> bool:
    """True if a package that was asked for with these extras needs this one on Linux with Python 3.11."""
    if requirement.marker is None:
        return True
    place = {"python_version": "3.11", "python_full_version": "3.11.0", "sys_platform": "linux",
             "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix",
             "implementation_name": "cpython", "platform_python_implementation": "CPython"}  # fmt: skip
    return any(requirement.marker.evaluate({**place, "extra": extra}) for extra in ["", *extras])


def installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def test_the_gpu_lock_has_a_cudnn_for_the_v100() -> None:
    packages = {"tensorflow": pins("gpu")["tensorflow"], "nvidia-cudnn-cu12": pins("gpu")["nvidia-cudnn-cu12"]}
    assert {one.level for one in environment(packages.get, True, "TeslaV100_SXM2_32GB")} == {"ok"}


def sections(text: str) -> dict[str, str]:
    """Name -> body of the sections of an Apptainer definition; the header is ``""``."""
    parts = re.split(r"^%(\w+)\s*$", text, flags=re.M)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def test_the_container_has_the_gpu_lock_and_this_clone() -> None:
    """As text only: building it takes root or user namespaces, a network and a registry of images."""
    parts = sections((ROOT / "envs/gesture.def").read_text())
    assert list(parts) == ["", "files", "post", "environment", "runscript", "test"]
    copied = dict(line.split() for line in parts["files"].strip().splitlines())
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert all(target == f"/opt/gesture/{name}" for name, target in copied.items())
    assert "pip install --no-cache-dir --require-hashes -r /opt/gesture/envs/gpu.lock" in parts["post"]
    assert "From: python:3.11-" in parts[""]
    assert "://" not in "".join(parts.values())
    needed = {"Snakefile", "workflow", "gesture", "profiles", "executor", "pyproject.toml", "README.md"}
    assert needed <= set(copied), "what the Snakefile, the profiles and the two installations read"


@pytest.mark.parametrize("name", ["post", "environment", "runscript", "test"])
def test_the_scripts_of_the_container_are_shell(name: str) -> None:
    script = sections((ROOT / "envs/gesture.def").read_text())[name]
    assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0
