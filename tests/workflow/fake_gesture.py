#!/usr/bin/env python3
"""Stands for `gesture` in tests of the workflow: notes how it was called and writes what the real one would.

The file names are the contract; `test_chain.py` proves once with the real program that it keeps it.
"""

import json
import os
import sys
from itertools import pairwise
from pathlib import Path

STAGE = ("model.weights.h5", "optimiser.h5", "history.jsonl", "manifest.json")
# What others read.
CONTENT = {
    "index.csv": "id,split,subject\n1,training,7\n2,training,10\n3,training,7\n4,test,3\n",
    "metrics.json": '{"accuracy": 0.5, "members": {"b-s1": {"accuracy": 0.25}, "a-s1": {"accuracy": null}}}',
}
AVERAGE = ("ensemble.csv", "submission.csv", "submission.json", "metrics.json")


def main() -> None:
    """Writes the outputs of one subcommand."""
    command, *rest = sys.argv[1:]
    pairs = [(name, value) for name, value in pairwise(rest) if name[:2] == "--" != value[:2]]
    flags = {name.removeprefix("--"): value for name, value in pairs}  # of several values the first
    output = Path(flags["output"])
    settings = Path(flags["settings"]).read_text() if "settings" in flags else None
    with Path("calls.jsonl").open("a") as file:
        file.write(json.dumps({"command": command, **flags, "arguments": rest, "read": settings}) + "\n")
    if command == os.environ.get("FAKE_FAILS"):
        sys.exit(f"gesture {command}: made to fail")
    written = {
        "download": [output],
        "convert": [output, output.with_name("index.csv")],
        "train": [output / name for name in STAGE],
        "evaluate": [output, output.with_suffix(".json")],
        "average": [output / name for name in AVERAGE],
        "report": [output, output.with_name("summary.txt"), output.with_name("figures") / "accuracy.svg"],
    }
    for path in written[command]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CONTENT.get(path.name, f"{command} {output}\n"))
    print(f"{command} done")


main()
