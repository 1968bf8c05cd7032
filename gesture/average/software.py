"""Which software is at work: versions of the packages, and the commit where it runs from a checkout."""

import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from platform import python_version

import gesture

_PACKAGES = ("numpy", "pandas", "scipy", "scikit-learn", "tensorflow", "keras", "snakemake")


@cache
def software() -> dict[str, str]:
    """Name -> version, of what is installed; `commit` where it is known, with a `+` if files were changed since."""
    found = {"gesture": gesture.__version__}
    commit = _commit(Path(gesture.__file__).parent)
    if commit:
        found["commit"] = commit
    found["python"] = python_version()
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit(folder: Path) -> str | None:
    """The checked-out commit of a folder; None outside of a checkout, or where Git does not own the files."""
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _git(folder, "rev-parse", "--short=12", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return f"{commit}+" if commit and changed else commit


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
