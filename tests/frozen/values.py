"""How values are held, and compared with what the code gives now.

A value is plain JSON. Text, integers and structure must be equal, floats nearly so. Two kinds of mappings are special:
`{"here": …}` holds what only the same processor and packages give again, such as the bytes of a float32 array, and is
compared only there; `{"about": […], "within": …, "elsewhere": …}` holds numbers with their tolerance, on such a machine
and on any other.
"""

import hashlib
import json
import math
import os
import platform
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "values"
# Set by `make freeze`: the values are written and not compared.
FREEZING = "GESTURE_FREEZE"
PACKAGES = (
    "numpy", "scipy", "pandas", "pillow", "zstandard", "tensorflow", "keras", "h5py", "snakemake-executor-plugin-slurm",
)  # fmt: skip
# Arrays of more numbers are held by this many sums with random signs.
MOST_NUMBERS = 24
SUMS = 4
LINE = 160
ADVICE = (
    "Not meant? Then mend the code. Meant? Then raise the recipe number of each step whose results change, say so in "
    'CHANGELOG.md, run `make freeze`, and read `git diff tests/frozen/values`: see CONTRIBUTING.md, "Frozen values".'
)


def check(name: str, found: dict[str, Any]) -> None:
    """Compares with `values/NAME.json`; when freezing, writes it instead."""
    found = json.loads(json.dumps(found, ensure_ascii=False))
    if os.environ.get(FREEZING):
        freeze(name, found)
        return
    frozen = held(name)
    lines = list(differences(frozen["values"], found, frozen["made_on"] == environment()))
    if lines:
        more = [f"… and {len(lines) - 20} more"] if len(lines) > 20 else []
        raise AssertionError("\n".join([f"tests/frozen/values/{name}.json: differs in", *lines[:20], *more, ADVICE]))


def held(name: str) -> dict[str, Any]:
    """What `values/NAME.json` holds: `values`, and `made_on`, the machine they were made on."""
    return dict(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def freeze(name: str, found: dict[str, Any]) -> None:
    """Writes the values, unless the file holds just these and another machine would give them too."""
    path = FOLDER / f"{name}.json"
    text = _as_text({"made_on": environment(), "values": found}) + "\n"
    old = path.read_text(encoding="utf-8") if path.exists() else "{}"
    if json.loads(old).get("values") != found or '"here": ' in old:
        path.write_text(text, encoding="utf-8")


def _as_text(value: Any, indent: str = "") -> str:
    """JSON in which what fits stands on one line, so that a `git diff` can be read."""
    short = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, dict | list) or len(indent) + len(short) <= LINE:
        return short
    inner = indent + " "
    if isinstance(value, dict):
        parts = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {_as_text(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _as_text(one, inner) for one in value) + f"\n{indent}]"


@cache
def environment() -> dict[str, str]:
    """What decides about the last digits of floats."""
    packages = {name: version(name) for name in PACKAGES}
    return {"processor": _processor(), "python": platform.python_version(), **packages}


def _processor() -> str:
    """Its name and vector instructions, by which libraries choose how to add up."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor()
    lines = dict(map(str.strip, line.split(":", 1)) for line in path.read_text().splitlines() if ":" in line)
    vector = [one for one in lines.get("flags", "").split() if one.startswith(("avx", "fma", "amx"))]
    return " ".join([lines.get("model name", platform.machine()), *sorted(vector)])


def array(value: Any, within: float = 1e-6, elsewhere: float | None = None, exactly: bool = True) -> dict[str, Any]:
    """An array: integers by their bytes, floats by numbers or sums; where made, by bytes too if ``exactly``."""
    value = np.ascontiguousarray(value)
    kind = {"shape": list(value.shape), "dtype": str(value.dtype)}
    digest = hashlib.sha256(value.tobytes()).hexdigest()[:32]
    if value.dtype.kind != "f":
        return {**kind, "sha256": digest}
    flat = value.astype(np.float64).ravel()
    if flat.size > MOST_NUMBERS:
        signs = np.random.default_rng(0).integers(0, 2, (SUMS, flat.size), dtype=np.int8) * 2 - 1
        scale = max(1.0, float(np.linalg.norm(flat)))
        within, elsewhere = within * scale, None if elsewhere is None else elsewhere * scale
        flat = np.array([one @ flat for one in signs])
    about = {"about": [float(f"{one:.10g}") for one in flat], "within": float(f"{within:.3g}")}
    about["elsewhere"] = float(f"{max(within, elsewhere or 0.0):.3g}")
    return {**kind, **about, **({"here": digest} if exactly else {})}


def differences(frozen: Any, found: Any, here: bool, where: str = "") -> Iterator[str]:
    """One line for each value that is not as it was."""
    if isinstance(frozen, dict) and isinstance(found, dict):
        for key in dict.fromkeys([*frozen, *found]):
            place = f"{where} / {key}" if where else key
            if key not in found or key not in frozen:
                yield f"  {place}: {'is new' if key in found else 'is gone'}"
            elif key == "about":
                yield from _about(frozen, found, here, place)
            elif key not in ("within", "elsewhere") and (here or key != "here"):
                yield from differences(frozen[key], found[key], here, place)
    elif isinstance(frozen, list) and isinstance(found, list) and len(frozen) == len(found):
        for number, (old, new) in enumerate(zip(frozen, found, strict=True)):
            yield from differences(old, new, here, f"{where} [{number}]")
    elif isinstance(frozen, float) and isinstance(found, float):
        if not math.isclose(frozen, found, rel_tol=1e-7 if here else 1e-4, abs_tol=1e-9):
            yield f"  {where}: was {frozen}, is {found}"
    elif type(frozen) is not type(found) or frozen != found:
        yield f"  {where}: was {_short(frozen)}, is {_short(found)}"


def _about(frozen: dict[str, Any], found: dict[str, Any], here: bool, where: str) -> Iterator[str]:
    tolerance = frozen["within" if here else "elsewhere"]
    old, new = np.array(frozen["about"]), np.array(found["about"])
    if old.shape != new.shape or not (np.abs(old - new) <= tolerance).all():
        yield f"  {where}: was {_short(frozen['about'])}, is {_short(found['about'])}, tolerance {tolerance}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}…"
