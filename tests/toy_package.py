"""A network, a kind of input and a data set that gesture does not have: the first two as CONTRIBUTING.md shows them."""

import re
from pathlib import Path

import numpy as np
from made_up_arrays import write_arrays

REPOSITORY = Path(__file__).parent.parent

TEXT_FORMAT = '''
"""Text files `<split>-<id>-<class>.txt`: 60 numbers a line, the places of 20 joints in a frame."""

import numpy as np

from gesture.formats.sequence import Sequence
from gesture.formats.source import Source


def class_names(options):
    return ["first", "second", "third"]


def sources(folder, options):
    parts = {path: path.stem.split("-") for path in sorted(folder.glob("*.txt"))}
    return [Source(path.stem, path, split, (int(id),), (int(label),)) for path, (split, id, label) in parts.items()]


def modalities(sources, options):
    return ("skeleton",)


def read(source, options, size):
    world = np.loadtxt(source.path, ndmin=2).reshape(-1, 20, 3)
    joints = np.concatenate([world, np.zeros((len(world), 20, 6))], axis=-1).astype(np.float32)
    yield Sequence(source.ids[0], source.split, source.labels[0], source=source.name, skeleton=joints)
'''

# Kind -> name, module in its room, what the line in gesture/catalog.py and the entry point say.
KINDS = {
    "networks": ("hands", "{module}:HandsSettings"),
    "inputs": ("hand_path", "{module}:HandPath"),
    "formats": ("text", "{module}:TEXT"),
}
VARIANT = {"network": {"model": "hands", "width": 12}, "modalities": ["skeleton"]}


def shown(heading: str) -> str:
    """The code that CONTRIBUTING.md has below a heading."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, flags=re.S)
    return code


def modules() -> dict[str, str]:
    """Room -> source of the module that joins it."""
    return {"networks": shown("A new network"), "inputs": shown("A new kind of input"), "formats": TEXT_FORMAT}


def install(folder: Path) -> None:
    """Writes a package of its own as pip would: modules, and entry points beside them."""
    package, metadata = folder / "toy", folder / "toy-1.0.dist-info"
    package.mkdir(parents=True)
    metadata.mkdir()
    for room, source in modules().items():
        (package / f"{room}.py").write_text(source)
    (package / "__init__.py").write_text("")
    (package / "known.py").write_text(
        'from gesture.formats.options import Format\n\nTEXT = Format("text", "toy.formats")\n'
    )
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    lines = []
    for room, (name, reference) in KINDS.items():
        module = "toy.known" if room == "formats" else f"toy.{room}"
        lines += [f"[gesture.{room}]", f"{name} = {reference.format(module=module)}"]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")


def add_to(tree: Path) -> None:
    """Adds a file and a line for each to a copy of the repository's `gesture`."""
    catalog = (tree / "catalog.py").read_text(encoding="utf-8")
    for room, (name, reference) in KINDS.items():
        (tree / room / f"{name}.py").write_text(modules()[room])
        line = f'    "{name} = {reference.format(module=f"gesture.{room}.{name}")}",\n'
        if room == "formats":
            line = f'    Format("{name}", "gesture.formats.{name}"),\n'
        end = f'    group="gesture.{room}",\n'
        assert catalog.count(end) == 1
        catalog = catalog.replace(end, line + end)
    (tree / "catalog.py").write_text(catalog)


def settings_of(folder: Path) -> dict:
    """A configuration that uses all three, and the raw files that it needs: made-up movements as text."""
    arrays = write_arrays(folder / "arrays")
    raw = folder / "raw"
    raw.mkdir()
    for path in sorted(arrays.glob("*.npz")):
        split, number = path.stem.split("-")
        with np.load(path) as file:
            skeleton = file["skeleton"]
        label = (int(number) - 1) % 3
        np.savetxt(raw / f"{split}-{number}-{label}.txt", skeleton.reshape(len(skeleton), -1))
    return {
        "experiment": "toy",
        "data": {"dataset": "text", "folder": str(raw)},
        "training": {"batch_size": 4, "stages": [{"steps": 40, "learning_rate": 0.01}], "augmentation": {"mixup": 0.1}},
        "variants": {"toy": VARIANT},
    }
