"""What people and schedulers see: commands and their flags, submissions, the page."""

import contextlib
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import made_up_results
import yaml

from frozen import subject
from frozen.configuration import ROOT


def _help(*command: str) -> str:
    """The text of `--help` at a fixed width."""
    with patch.dict("os.environ", {"COLUMNS": "120", "LINES": "50"}):
        with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
            subject.main([*command, "--help"])
        return printed.getvalue()


def _commands() -> list[str]:
    (names,) = re.findall(r"^  COMMAND\n((?: {4}.*\n)+)", _help(), flags=re.M) or [""]
    found = re.findall(r"^ {4}(\S+)", names, flags=re.M)
    assert len(found) == len(subject.COMMANDS), f"{found} are not all commands"
    return found


def flags(_: Path) -> dict[str, Any]:
    """Every command with its flags and whether they must be given: what scripts rely on."""
    found = {}
    for name in _commands():
        usage = _help(name).partition("\n\n")[0]
        found[name] = re.findall(r"\[.*?\](?= |$)|--\S+(?: [^-\[\s]\S*)*|\S+", " ".join(usage.split()))[3:]
    return found


def help_texts(_: Path) -> dict[str, Any]:
    """What `--help` says, line by line."""
    return {name or "gesture": _help(*[name] if name else []).splitlines() for name in ["", *_commands()]}


# ---- Submissions

RULES = ("download", "convert", "train", "evaluate", "average", "report")
PROFILES = {"lsf": ["lsf"], "lsf, lean": ["lsf", "lsf/lean"], "slurm": ["slurm"]}


def submissions(_: Path) -> dict[str, Any]:
    """What each rule asks the scheduler for by the shipped profiles, and what the doctor's probe does."""
    found: dict[str, Any] = {}
    for name, folders in PROFILES.items():
        profiles = [yaml.safe_load((ROOT / "profiles" / one / "config.yaml").read_text()) for one in folders]
        line = _bsub if name.startswith("lsf") else _sbatch
        for rule in RULES:
            found[f"{name}, {rule}"] = line(rule, _resources(profiles, rule), profiles[0])
        options = {
            key: value for key, value in profiles[0].items() if key not in ("default-resources", "set-resources")
        }
        found[f"{name}, options"] = options
    for name in ("lsf", "slurm"):
        wanted = subject.profile_request(ROOT / "profiles" / name / "config.yaml")
        found[f"{name}, probe"] = subject.probe_line(wanted, "COMMAND", Path("probe.log"))
    return found


def _resources(profiles: list[dict[str, Any]], rule: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in profiles:
        texts = dict(text.split("=", 1) for text in one.get("default-resources", []))
        found |= {key: yaml.safe_load(value) for key, value in texts.items()}
        found |= one.get("set-resources", {}).get(rule, {})
    # Only stages of training name one: see workflow/rules/train.smk.
    return found | ({"outcome": "checkpoints/x/a-s1/stage1/outcome.json"} if rule == "train" else {})


def _bsub(rule: str, resources: dict[str, Any], profile: dict[str, Any]) -> dict[str, Any]:
    given = {
        key.removeprefix("lsf-steady-").replace("-", "_"): value for key, value in profile.items() if "-steady-" in key
    }
    group = (
        subject.bsub.group_of(given["job_group"], "me", "0" * 8, resources.get("outcome", ""))
        if rule == "train"
        else None
    )
    request = subject.bsub.Request(f"{rule}.a", Path("/w/a.log"), Path("/w"), "COMMAND", 1, resources, group)
    return {
        dialect: subject.bsub.bsub_arguments(request, subject.LsfSettings(**{**given, "gpu_dialect": dialect}))
        for dialect in ("resource-strings", "gpu-option")
    }


class _Resources(dict[str, Any]):
    """As Snakemake has them: a mapping whose keys are attributes too."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def _sbatch(rule: str, resources: dict[str, Any], profile: dict[str, Any]) -> dict[str, Any]:
    job = SimpleNamespace(resources=_Resources(resources), threads=1)
    settings = SimpleNamespace(requeue=False, no_requeue=profile["slurm-steady-no-requeue"], qos=None, reservation=None)
    names = {"run_uuid": "gesture_1", "slurm_logfile": "a.log", "comment_str": f"rule_{rule}"}
    parameters = {**names, "account": "", "partition": "", "workdir": "/w"}
    # The line is the published executor's, so another version of it may write another one.
    return {"resources": resources, "here": subject.sbatch_line(job, parameters, settings)}


# ---- The page


class _Page(HTMLParser):
    """Headings, ids, links and the text of a page, without figures, style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._inside: list[str] = []
        self.lines, self.ids, self.links = [""], [], []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = dict(attributes)
        if tag in ("style", "script", "svg"):
            self._inside.append(tag)
        elif not self._inside:
            self.ids += [known["id"]] if known.get("id") else []
            self.links += [known["href"]] if tag == "a" and known.get("href") else []
            if tag in ("section", "h1", "h2", "h3", "p", "tr", "li", "summary", "figcaption", "pre", "dt"):
                self.lines.append(f"{tag}: ")

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.lines[-1] += f" {data}"


def page(folder: Path) -> dict[str, Any]:
    """The report's page and summary without figures, from made-up results."""
    arguments = made_up_results.make_results(folder)
    printed = io.StringIO()
    # Figures take seconds, and their text depends on fonts.
    with patch.object(subject.report_page, "gallery", lambda *_: {}), contextlib.redirect_stdout(printed):
        subject.report_page.report(made_up_results.settings(), **arguments)
    found = _Page(arguments["output"].read_text(encoding="utf-8"))
    lines = [" ".join(line.split()) for line in found.lines]
    return {
        "text": [_without_machine(line, folder) for line in lines if not line.endswith(":") and line],
        "ids": found.ids,
        "links": [one for one in found.links if not one.startswith("data:")],
        "summary": [_without_machine(line, folder) for line in printed.getvalue().splitlines()],
        "files": sorted(path.name for path in arguments["results"].iterdir()),
    }


def _without_machine(line: str, folder: Path) -> str:
    line = line.replace(str(folder), "FOLDER")
    if "Page made with" not in line:
        return line
    before, _, versions = line.partition("Page made with")
    names = [one.split()[0] for one in versions.split(", ")]
    return f"{before}Page made with {', '.join(name for name in names if name != 'commit')}"
