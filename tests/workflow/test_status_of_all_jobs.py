"""`gesture status` knows the jobs of the workflow, all of them and no others."""

import re
from pathlib import Path

from conftest import Clone

from gesture.config.settings import load
from gesture.operate.chain import chain

CONFIG = "tests/config/tiny.yaml"


def test_status_and_the_workflow_know_the_same_jobs_files_and_logs(clone: Clone) -> None:
    known = chain(load(clone.root / CONFIG), Path())
    assert {one.key for one in known} == clone.planned("--configfile", CONFIG) - {"all"}
    printed = clone.snakemake("--dry-run", "--cores", "2", "--configfile", CONFIG).stdout
    blocks = re.findall(r"^ {4}output: (.*)\n {4}log: (.*)$", printed, flags=re.M)
    planned = {(frozenset(outputs.split(", ")), log.partition(" ")[0]) for outputs, log in blocks}
    assert planned == {(frozenset(map(str, one.files)), str(one.log)) for one in known}
