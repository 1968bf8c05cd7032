"""A network, a kind of input and a data set are one file and one line each, as CONTRIBUTING.md shows; no more."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import toy_package

# Reads the configuration, counts costs, and makes what the network is fed: all but training.
SCRIPT = """
import json, sys
import gesture
from gesture.catalog import FORMATS, INPUTS, NETWORKS
from gesture.config.settings import parse
variant = parse(json.loads(sys.argv[1]), "toy.yaml").variants["toy"]
light = not {"numpy", "tensorflow"} & set(sys.modules)
from gesture.inputs.batch import Inputs
print(json.dumps({
    "gesture": gesture.__file__,
    "names": [list(one)[-1] for one in (FORMATS, INPUTS, NETWORKS)],
    "light": light,
    "multiply_adds": variant.network.multiply_adds(variant.modalities, 80),
    "inputs": Inputs.of(variant).names,
}))
"""


def ask(folder: Path, settings: dict) -> dict:
    """What gesture says of the settings, in an interpreter that finds modules in the folder first."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", SCRIPT, json.dumps(settings)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


EXPECTED = {
    "names": ["text", "hand_path", "hands"],
    "light": True,
    "multiply_adds": 6 * 8 * 12,
    "inputs": ["hand_path"],
}


def test_in_the_repository_each_is_one_file_and_one_line(tmp_path: Path) -> None:
    tree, old = tmp_path / "gesture", toy_package.REPOSITORY / "gesture"
    shutil.copytree(old, tree, ignore=shutil.ignore_patterns("__pycache__"))
    toy_package.add_to(tree)
    found = ask(tmp_path, toy_package.settings_of(tmp_path))
    assert found.pop("gesture") == str(tree / "__init__.py")
    assert found == EXPECTED
    before, after = (
        {path.relative_to(root): path.read_text(encoding="utf-8") for path in root.rglob("*.py")}
        for root in (old, tree)
    )
    added = sorted(map(str, after.keys() - before.keys()))
    assert added == ["formats/text.py", "inputs/hand_path.py", "networks/hands.py"]
    changed = [path for path in before if before[path] != after[path]]
    assert list(map(str, changed)) == ["catalog.py"]
    lines = [len(one[changed[0]].splitlines()) for one in (before, after)]
    assert lines[1] - lines[0] == 3


def test_a_package_of_its_own_brings_them_by_entry_points(tmp_path: Path) -> None:
    toy_package.install(tmp_path)
    found = ask(tmp_path, toy_package.settings_of(tmp_path))
    assert found.pop("gesture") == str(toy_package.REPOSITORY / "gesture/__init__.py")
    assert found == EXPECTED
