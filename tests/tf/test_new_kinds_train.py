"""A package of one's own, with a network, a kind of input and a data set, goes through the whole chain."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import toy_package
import yaml

from gesture.evaluate.predictions import read_predictions

# One interpreter for all steps: each would import TensorFlow anew.
SCRIPT = """
import json, sys
from gesture.cli import main
for arguments in json.loads(sys.argv[1]):
    code = main(arguments)
    if code:
        sys.exit(code)
"""
CHAIN = """
plan toy.yaml
download --settings toy.yaml --output raw.json
convert --settings toy.yaml --raw raw.json --output records/manifest.json
train --settings toy.yaml --records records/manifest.json --member toy-s1 --stage 1 --checkpoints live --output result
evaluate --settings toy.yaml --records records/manifest.json --member toy-s1 --weights result --output test.csv
"""


def digests() -> dict[Path, str]:
    files = (path for path in (toy_package.REPOSITORY / "gesture").rglob("*") if path.suffix in (".py", ".html"))
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_what_another_package_brings_is_planned_converted_trained_and_evaluated(tmp_path: Path) -> None:
    before = digests()
    toy_package.install(tmp_path / "packages")
    settings = toy_package.settings_of(tmp_path)
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(settings))
    chain = [line.split() for line in CHAIN.strip().splitlines()]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(chain)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "packages")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "toy-s1: hands on skeleton: 40 steps" in done.stdout
    table = read_predictions(tmp_path / "test.csv")
    assert table.ids.tolist() == [1, 2, 3]
    assert table.chosen.tolist() == [0, 1, 2], "each class moves one hand its own way"
    assert digests() == before
