"""Runs an experiment again from its `submission.json` and says which digests agree."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

import gesture
from gesture.average.output import software
from gesture.base.errors import GestureError
from gesture.base.files import read_manifest, write_text
from gesture.config.layout import ORIGIN, Layout
from gesture.config.settings import parse
from gesture.report.summary import aligned

_SNAKEFILE = Path(gesture.__file__).parent.parent / "Snakefile"


def reproduce(manifest: Path, folder: Path, cores: int, data: Path | None, profile: str | None) -> None:
    """Runs the whole workflow in another folder and compares records, weights, softmaxes and submission.

    Args:
        manifest: `submission.json` of the experiment.
        folder: working directory of the new run; what is finished there already is not done again.
        cores: processor cores, where no profile is given.
        data: folder with the raw files, if they are not where they were.
        profile: Snakemake profile.

    Raises:
        GestureError: the manifest holds no settings, the run failed, or the submission is another one.
    """
    expected = read_manifest(manifest, "average")
    if not expected.get("settings"):
        raise GestureError(
            f"{manifest}: holds no settings: it was averaged by hand; "
            "only what the workflow made, or `gesture average --settings`, can be run again"
        )
    if not _SNAKEFILE.exists():
        raise GestureError(f"{_SNAKEFILE}: no such file: reproduce needs a checkout of the project")
    settings = _settings_here(expected["settings"], data)
    name = parse(settings, str(manifest)).experiment
    if Layout(name, folder).results.path.resolve() == manifest.parent.resolve():
        raise GestureError(f"--output {folder}: holds the results to be reproduced: choose another folder")
    configuration = folder / f"{name}.yaml"
    write_text(configuration, yaml.safe_dump(settings, sort_keys=False))
    target = str(Layout(name).results.path / ORIGIN)
    machine = ["--profile", profile] if profile else ["--cores", str(cores)]
    _run([target, *machine, "--directory", str(folder), "--configfile", str(configuration)])
    rows = agreement(expected, read_manifest(folder / target, "average"))
    print(_told(rows, expected["software"]))
    different = [what for what, same in rows.items() if not same]
    if different:
        raise GestureError(f"{manifest}: not reproduced: {', '.join(different)} differ; see the table above")
    print(f"reproduced: all {len(rows)} digests are equal")


def _settings_here(settings: Mapping[str, Any], data: Path | None) -> dict[str, Any]:
    """The settings with a raw folder that is valid from any working directory."""
    folder = settings["data"]["folder"]
    if data is None and folder is None:
        return dict(settings)
    place = str(data.resolve()) if data else os.path.expandvars(folder)
    return {**settings, "data": {**settings["data"], "folder": str(Path(place).resolve())}}


def _run(arguments: list[str]) -> None:
    """Snakemake, from this very Python, on this checkout."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(_SNAKEFILE), *arguments]
    code = subprocess.run(command, check=False).returncode
    if code:
        raise GestureError(f"the run ended with exit code {code}; its log is above. Repeat the command to go on")


def agreement(expected: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, bool]:
    """What was compared, from raw to final, and whether it is the same."""
    old, new = ({one["member"]: one for one in value["members"]} for value in (expected, found))
    rows = {"records": expected["data"]["digest"] == found["data"]["digest"]}
    for name in sorted(old):
        for key, what in (("checkpoint_digest", "weights"), ("content_digest", "softmaxes")):
            rows[f"{what} of {name}"] = name in new and old[name][key] == new[name][key]
    rows["ensemble"] = expected["ensemble"]["sha256"] == found["ensemble"]["sha256"]
    rows["submission"] = expected["submission"]["sha256"] == found["submission"]["sha256"]
    return rows


def _told(rows: Mapping[str, bool], before: Mapping[str, str]) -> str:
    here = software()
    table = aligned([["compared", "digest"], *([what, "same" if same else "DIFFERS"] for what, same in rows.items())])
    changed = [
        f"{name} {before.get(name, 'none')} then, {here.get(name, 'none')} now"
        for name in sorted({*before, *here})
        if before.get(name) != here.get(name)
    ]
    return "\n".join([*table, "", *(changed or ["the software is the same"])])
