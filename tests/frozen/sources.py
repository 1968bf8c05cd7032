"""Which code each recipe number stands for: when that changes, results may, and Snakemake cannot see it.

Hashed are the top-level definitions without comments, docstrings, descriptions of settings, annotations, imports and
the texts of errors: a definition may be explained in other words, or move to another module of the same recipe.
"""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from frozen.subject import PACKAGE, RECIPES

# Recipe -> modules, packages (all that is in them), or `module:definition`. The longest name that fits a module counts.
SOURCES: dict[str, tuple[str, ...]] = {
    "SYNTHETIC_RECIPE": ("gesture.formats.synthetic",),
    "DOWNLOAD_RECIPE": ("gesture.download",),
    "CONVERT_RECIPE": ("gesture.convert", "gesture.formats", "gesture.legacy2019.tfrecords"),
    "TRAIN_RECIPE": (
        "gesture.base.streams",
        "gesture.config.schedule:rates",
        "gesture.config.schedule:stage_bounds",
        "gesture.config.schedule:stage_steps",
        "gesture.convert.reader",
        "gesture.inputs",
        "gesture.legacy2019",
        "gesture.networks",
        "gesture.train",
    ),
    "EVALUATE_RECIPE": ("gesture.evaluate.predict", "gesture.evaluate.predictions"),
    "AVERAGE_RECIPE": ("gesture.average", "gesture.evaluate.metrics", "gesture.legacy2019.softlabel"),
    "REPORT_RECIPE": ("gesture.report", "gesture.base.text"),
    # No rule writes results with these.
    "": (
        "gesture.average.commands",
        "gesture.base",
        "gesture.catalog",
        "gesture.cli",
        "gesture.config",
        "gesture.convert.commands",
        "gesture.convert.verify",
        "gesture.download.commands",
        "gesture.evaluate",
        "gesture.faults",
        "gesture.formats.options",
        "gesture.legacy2019.batches",
        "gesture.legacy2019.commands",
        "gesture.legacy2019.restore",
        "gesture.operate",
        "gesture.report.commands",
        "gesture.report.compare",
        "gesture.report.explain",
        "gesture.report.inspect",
        "gesture.schedulers",
        "gesture.steps",
        "gesture.train.commands",
        "gesture.train.events",
        "gesture.train.failures",
        "gesture.train.ledger",
        "gesture.train.progress",
    ),
}


def recipes() -> dict[str, Any]:
    """Recipe -> its number, and a digest of each definition that it stands for."""
    found: dict[str, Any] = {recipe: {"number": number, "definitions": {}} for recipe, number in RECIPES.items()}
    for module, path in modules():
        for name, digest in definitions(path):
            recipe = recipe_of(module, name)
            if recipe:
                found[recipe]["definitions"].setdefault(name, []).append(digest)
    for one in found.values():
        one["definitions"] = {name: " ".join(sorted(digests)) for name, digests in sorted(one["definitions"].items())}
    return found


def modules() -> Iterator[tuple[str, Path]]:
    """Name and file of every module in the package, and of every page, style and script beside them."""
    for path in sorted(PACKAGE.rglob("*.*")):
        if path.suffix in (".py", ".html", ".css", ".js") and "__pycache__" not in path.parts:
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if name != PACKAGE.name:
                yield name, path


def recipe_of(module: str, definition: str = "") -> str:
    """The recipe that stands for a definition; empty if none does.

    Raises:
        KeyError: the table does not say.
    """
    fitting = {
        (len(name), recipe)
        for recipe, names in SOURCES.items()
        for name in names
        if name == f"{module}:{definition}" or name == module or module.startswith(f"{name}.")
    }
    if not fitting:
        raise KeyError(module)
    return max(fitting)[1]


def unknown() -> list[str]:
    """Entries of the table that name nothing."""
    known: set[str] = set()
    for module, path in modules():
        known |= {module, *(f"{module}:{name}" for name, _ in definitions(path))}
    return [name for names in SOURCES.values() for name in names if name not in known]


def definitions(path: Path) -> Iterator[tuple[str, str]]:
    """Name and digest of each top-level definition of a module; of another file, that of its bytes."""
    if path.suffix != ".py":
        yield path.name, hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        return
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_text(node):
            continue
        text = ast.dump(_Essence().visit(node))
        yield _name(node), hashlib.sha256(text.encode()).hexdigest()[:12]


def _name(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return ", ".join(ast.unparse(one) for one in targets)
    return ast.unparse(node).partition("\n")[0][:60]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class _Essence(ast.NodeTransformer):
    """Leaves out what does not act."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if _is_text(node) else self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST | None:
        return None if node.arg == "description" else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        return node
