"""Who may import whom: a dry run, or `gesture --help` on a login node, must need neither NumPy nor TensorFlow."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "gesture"
# What the Snakefile and the command line load. Everything else is tier 1 or 2.
TIER_0 = {
    "gesture", "gesture.catalog", "gesture.cli", "gesture.convert", "gesture.download", "gesture.download.seen",
    "gesture.average", "gesture.evaluate", "gesture.faults", "gesture.formats", "gesture.formats.options",
    "gesture.formats.sequence_list",
    "gesture.formats.source",
    "gesture.legacy2019",
    "gesture.legacy2019.weight_files", "gesture.networks", "gesture.report", "gesture.steps", "gesture.train",
    "gesture.train.ledger", "gesture.train.out_of_memory",
}  # fmt: skip
ROOMS_OF_TIER_0 = ("base", "config", "schedulers", "operate")
NOT_OF_TIER_0 = {"gesture.operate.reproduce"}
TIER_0 |= {f"gesture.{path.parent.name}.commands" for path in PACKAGE.glob("*/commands.py")}
TIER_0 |= {f"gesture.{room}" for room in ROOMS_OF_TIER_0}
TIER_0 |= {f"gesture.{room}.{path.stem}" for room in ROOMS_OF_TIER_0 for path in (PACKAGE / room).glob("[a-z]*.py")}
TIER_0 |= {f"gesture.networks.{path.stem}" for path in (PACKAGE / "networks").glob("[a-z]*.py")}
TIER_0 -= NOT_OF_TIER_0
# Tier 2 may use TensorFlow.
TIER_2 = (
    "gesture.networks.layers", "gesture.train", "gesture.inputs.pipeline", "gesture.evaluate.failures",
    "gesture.evaluate.predict",
    "gesture.legacy2019.pretrained", "gesture.legacy2019.restore", "gesture.legacy2019.torch_file",
    "gesture.legacy2019.weights",
)  # fmt: skip
# The rooms in the order in which the data walks through them: a room knows those before it, and none after it.
ROOMS = (
    "base", "steps", "formats", "networks", "catalog", "config", "schedulers", "download", "convert", "inputs",
    "evaluate", "legacy2019", "train", "average", "report", "faults", "operate", "cli",
)  # fmt: skip
HEAVY = {"numpy", "pandas", "sklearn", "matplotlib", "av", "PIL", "tensorflow", "keras"}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def tier(name: str) -> int:
    if name in TIER_0:
        return 0
    return 2 if any(name == part or name.startswith(part + ".") for part in TIER_2) else 1


def imports(path: Path, everywhere: bool = False) -> set[str]:
    """Modules imported when the file is loaded; with ``everywhere`` also those imported inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else _loaded(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _loaded(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes outside of functions and of `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not typing_only:
            yield node
            yield from _loaded(node)


ALL = dict(modules())


def test_every_tier_0_module_exists() -> None:
    assert set(ALL) >= TIER_0


def test_tier_0_loads_neither_numpy_nor_tensorflow() -> None:
    script = f"import sys, importlib\nfor name in {sorted(TIER_0)!r}: importlib.import_module(name)\n"
    script += f"print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_module_imports_its_own_tier_or_lower() -> None:
    higher = {
        name: other
        for name, path in ALL.items()
        for other in imports(path)
        if other in ALL and tier(other) > tier(name)
    }
    assert higher == {}


def test_below_tier_2_nothing_loads_tensorflow() -> None:
    loaded = {name: {other.partition(".")[0] for other in imports(path)} for name, path in ALL.items()}
    forbidden = {0: HEAVY, 1: {"tensorflow", "keras"}, 2: set()}
    assert {
        name: roots & forbidden[tier(name)] for name, roots in loaded.items() if roots & forbidden[tier(name)]
    } == {}


def test_data_models_and_records_know_nothing_of_training() -> None:
    below = ("gesture.formats", "gesture.networks", "gesture.convert", "gesture.inputs")
    known = {name: imports(path, everywhere=True) for name, path in ALL.items() if name.startswith(below)}
    assert [name for name, other in known.items() if any(one.startswith("gesture.train.") for one in other)] == []


def room_of(name: str) -> str:
    return name.split(".")[1]


def test_every_room_has_its_place() -> None:
    assert {room_of(name) for name in ALL if name != "gesture"} == set(ROOMS)


def test_imports_go_one_way() -> None:
    """Also those inside functions."""
    known = {name: {one for one in imports(path, everywhere=True) if one in ALL} for name, path in ALL.items()}
    backwards = [
        f"{name} imports {other}"
        for name, others in known.items()
        for other in others
        if "gesture" not in (name, other) and ROOMS.index(room_of(other)) > ROOMS.index(room_of(name))
    ]
    assert backwards == []


def test_nothing_knows_the_command_line() -> None:
    assert [name for name, path in ALL.items() if "gesture.cli" in imports(path, everywhere=True)] == []


def test_the_workflow_imports_tier_0_only() -> None:
    text = (PACKAGE.parent / "workflow/rules/common.smk").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith(("from gesture", "import gesture"))]
    assert lines
    for line in lines:
        (node,) = ast.parse(line).body
        assert isinstance(node, ast.ImportFrom)
        names = {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
        assert all(tier(one) == 0 for one in names if one in ALL), line
