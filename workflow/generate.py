"""Writes the files that follow from others: configuration schema, key tables of the manual, conda environments.

`python workflow/generate.py` writes them; with `--check` it only names those that are out of date, and fails.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from gesture.catalog import FORMATS, NETWORKS
from gesture.config.data import Download, RemoteFile
from gesture.config.settings import Augmentation, Average, Data, Experiment, Report, Stage, Training, Variant

ROOT = Path(__file__).parent.parent
SCHEMA = Path("workflow/schemas/config.schema.json")
MANUAL = Path("config/README.md")
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
SECTIONS: dict[str, type[BaseModel]] = {
    "(top)": Experiment,
    "data": Data,
    **{f"data.options of `{name}`": one.options for name, one in FORMATS.items()},
    "data.download": Download,
    "data.download.files[]": RemoteFile,
    "training": Training,
    "training.stages[]": Stage,
    "training.augmentation": Augmentation,
    "variants.NAME": Variant,
    **{f"variants.NAME.network of `model: {name}`": one for name, one in NETWORKS.items()},
    "average": Average,
    "report": Report,
}


def main(arguments: list[str]) -> int:
    """Writes or checks all generated files; returns the exit code."""
    stale = [path for path, text in generated() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run `make schema`", file=sys.stderr)
        return 1 if stale else 0
    for path, text in generated():
        path.write_text(text, encoding="utf-8")
    return 0


def generated() -> Iterator[tuple[Path, str]]:
    """Path and content of every generated file."""
    yield ROOT / SCHEMA, json.dumps(schema(), indent=1) + "\n"
    yield ROOT / MANUAL, manual((ROOT / MANUAL).read_text(encoding="utf-8"))
    for kind in ("cpu", "gpu"):
        yield ROOT / f"envs/{kind}.yaml", conda((ROOT / f"envs/{kind}.lock").read_text(encoding="utf-8"), kind)


def schema() -> dict[str, Any]:
    """JSON schema of a configuration file as users write it, before variants inherit `training`."""
    whole = Experiment.model_json_schema()
    definitions = whole["$defs"]
    own = json.loads(json.dumps(definitions["Training"]))
    del own["required"]
    definitions["VariantTraining"] = own
    variant = definitions["Variant"]
    variant["required"].remove("training")
    variant["properties"]["training"]["$ref"] = "#/$defs/VariantTraining"
    definitions["Data"]["allOf"] = [_options_of(name) for name in FORMATS]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole}


def _options_of(dataset: str) -> dict[str, Any]:
    """Says that `options` are those of the data set named beside them."""
    options = FORMATS[dataset].options.model_json_schema()
    return {
        "if": {"properties": {"dataset": {"const": dataset}}, "required": ["dataset"]},
        "then": {"properties": {"options": options}},
    }


def manual(text: str) -> str:
    """The manual with fresh tables between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = "\n\n".join(_table(name, model) for name, model in SECTIONS.items())
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def _table(name: str, model: type[BaseModel]) -> str:
    fields = model.model_json_schema()
    rows = [
        f"| `{key}` | {model.model_fields[key].description} | {_allowed(value)} | {_default(model, key)} |"
        for key, value in fields["properties"].items()
    ]
    return "\n".join([f"### {name}", "", "| key | meaning | values | default |", "|---|---|---|---|", *rows])


def _default(model: type[BaseModel], key: str) -> str:
    field = model.model_fields[key]
    if model is Variant and key == "training":
        return "the experiment's"
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "see below"
    return "none" if value is None else f"`{json.dumps(value)}`"


def _allowed(field: Mapping[str, Any]) -> str:
    """Type and limits of a key, in words."""
    choices = field.get("enum") or ([field["const"]] if "const" in field else None)
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    if "anyOf" in field:
        return " or ".join(_allowed(one) for one in field["anyOf"] if one.get("type") != "null")
    if "$ref" in field or "oneOf" in field or field.get("type") == "object":
        return "mapping"
    if field.get("type") == "array":
        entries = field.get("items") or field["prefixItems"][0]
        return f"list of {_allowed(entries)}"
    names = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true`, `false`"}
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {field[key]:g}" for key, sign in signs.items() if key in field]
    return ", ".join([names[field["type"]], *limits])


def conda(lock: str, kind: str) -> str:
    """A conda environment with the lock's packages, without its hashes."""
    pins = re.findall(r"^([A-Za-z0-9][\w.-]*(?:\[[\w,-]+\])?==[^\s\\;]+(?: ?;[^\\\n]+)?)", lock, flags=re.M)
    note = (
        "# Nothing is to be set for the GPU: `gesture` opens the CUDA libraries of these packages itself.\n"
        if kind == "gpu"
        else ""
    )
    environment = {
        "channels": ["conda-forge", "nodefaults"],
        "dependencies": ["python=3.11", "pip", {"pip": [pin.strip() for pin in pins]}],
    }
    return (
        f"# Generated from {kind}.lock by `make lock`, for `snakemake --software-deployment-method conda`.\n"
        "# `gesture` itself is not here: Snakemake copies this file elsewhere, where a relative path means nothing.\n"
        "# Jobs find it through workflow/bin/gesture, which runs the clone's modules with this environment's Python.\n"
        + note
        + yaml.safe_dump(environment, sort_keys=False)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
