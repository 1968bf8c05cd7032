"""Resource requirement strings (`-R`), GPU requirements (`-gpu`), times and amounts, as strict as LSF.

What follows `Bad resource requirement syntax. Job not submitted.`, and the words about `-gpu`, are our own.
"""

import re
from typing import Any

NUMERIC = {"mem", "swp", "tmp", "ut", "r15s", "r1m", "r15m", "pg", "ls", "it", "io", "ncpus", "maxmem", "maxswp"}
GPU_COUNTS = {"ngpus", "ngpus_shared", "ngpus_excl_t", "ngpus_excl_p", "ngpus_physical"}
STRINGS = {"type", "model", "hname", "status"} | {f"gpu_model{number}" for number in range(8)}
SECTIONS = {"select", "order", "rusage", "span", "same", "cu", "affinity"}
UNITS = {"": None, "K": 1 / 1024, "KB": 1 / 1024, "M": 1, "MB": 1, "G": 1024, "GB": 1024, "T": 1024**2, "TB": 1024**2}
TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?[KMGT]?B?\b|[A-Za-z_]\w*|'[^']*'|\"[^\"]*\"|==|!=|>=|<=|&&|\|\||[-+*/()<>=!,])")


class RefusedError(Exception):
    """What bsub prints before it refuses the job."""


def bad(text: str) -> RefusedError:
    """The refusal of a resource string."""
    return RefusedError(f"Bad resource requirement syntax. Job not submitted.\n{text}")


def sections(text: str) -> list[tuple[str, str]]:
    """Splits `select[a] rusage[b]`; text without a section is a selection."""
    found, rest = [], text.strip()
    while rest:
        match = re.match(r"(\w+)\[([^\[\]]*)\]\s*", rest)
        if match:
            if match[1] not in SECTIONS:
                raise bad(f"unknown section {match[1]}")
            found.append((match[1], match[2]))
            rest = rest[match.end() :]
        elif re.search(r"[\[\]]", rest):
            raise bad(f"brackets in {text!r}")
        else:
            found.append(("select", rest))
            rest = ""
    return found


def merged(strings: list[str]) -> dict[str, list[str]]:
    """All -R strings as LSF joins them: section -> its parts."""
    joined: dict[str, list[str]] = {}
    for text in strings:
        for name, content in sections(text):
            if not content.strip():
                raise bad(f"{name}[] is empty")
            joined.setdefault(name, []).append(content.strip())
    for name in ("span", "order"):
        if len(set(joined.get(name, []))) > 1:
            raise bad(f"{name}[] given twice")
    return joined


def usage(parts: list[str], unit: str, units: bool = True) -> dict[str, float]:
    """The amounts of rusage[...]; memory in MB."""
    amounts: dict[str, float] = {}
    for part in ",".join(parts).split(","):
        pair, *options = part.strip().split(":")
        match = re.fullmatch(r"(\w+)=(\d+(?:\.\d+)?)([KMGT]?B?)", pair.strip())
        if not match or match[3] not in UNITS or (match[3] and not units):
            raise bad(f"rusage[{part}]")
        if match[1] not in NUMERIC | GPU_COUNTS:
            raise bad(f"unknown resource {match[1]}")
        if not all(re.fullmatch(r"(duration|decay)=\d+[hms]?", one) for one in options):
            raise bad(f"rusage[{part}]")
        if match[1] in amounts:
            raise bad(f"{match[1]} reserved twice")
        amounts[match[1]] = float(match[2]) * ((UNITS[match[3] or unit] or 1) if match[1] == "mem" else 1)
    return amounts


class Selection:
    """Parses select[...] by recursive descent.

    `models` are the GPU models that it asks for, `without` the hosts that it leaves out.
    """

    def __init__(self, text: str) -> None:
        """Raises RefusedError where LSF would."""
        self.models: list[str] = []
        self.without: list[str] = []
        self._tokens = self._split(text)
        self._or()
        if self._tokens:
            raise bad(f"select[{text}]: {self._tokens[0]!r} was not expected")

    def _split(self, text: str) -> list[str]:
        tokens, place = [], 0
        while text[place:].strip():
            match = TOKEN.match(text, place)
            if not match:
                raise bad(f"select[{text}]")
            tokens.append(match[1])
            place = match.end()
        return tokens

    def _next(self, *wanted: str) -> str | None:
        if self._tokens and (not wanted or self._tokens[0] in wanted):
            return self._tokens.pop(0)
        return None

    def _or(self) -> None:
        self._and()
        while self._next("||"):
            self._and()

    def _and(self) -> None:
        self._term()
        while self._next("&&"):
            self._term()

    def _term(self) -> None:
        if self._next("!"):
            return self._term()
        if self._next("("):
            self._or()
            if not self._next(")"):
                raise bad("select[...]: ) is missing")
            return None
        name = self._next() or ""
        if name == "defined" and self._next("("):
            self._known(self._next() or "")
            if not self._next(")"):
                raise bad("select[...]: ) is missing")
            return None
        self._known(name)
        operator = self._next("==", "!=", ">=", "<=", ">", "<", "=")
        if operator:
            value = (self._next() or "").strip("'\"")
            if not re.fullmatch(r"[\w.-]+", value):
                raise bad(f"select[...]: no value after {name}{operator}")
            if name in STRINGS and name.startswith("gpu_model") and operator in ("==", "="):
                self.models.append(value)
            if name == "hname" and operator == "!=":
                self.without.append(value)
        return None

    def _known(self, name: str) -> None:
        if name not in NUMERIC | GPU_COUNTS | STRINGS:
            raise bad(f"unknown resource {name}")


def gpu_option(text: str) -> dict[str, str]:
    """`num=1:mode=exclusive_process:gmodel=X` as a mapping."""
    known = {
        "num": r"[1-9]\d*(/(task|host))?",
        "mode": "shared|exclusive_process",
        "mps": "yes|no|no,shared",
        "j_exclusive": "yes|no",
        "gmodel": r"[\w.-]+",
        "gmem": r"\d+[KMGT]?B?",
        "aff": "yes|no",
        "nvlink": "yes|no",
    }
    values = {}
    for part in text.split(":"):
        name, _, value = part.partition("=")
        if name not in known or not re.fullmatch(known[name], value):
            raise RefusedError(f"Bad GPU requirement: {part}. Job not submitted.")
        values[name] = value
    return values


def minutes(text: str, option: str) -> int:
    """`[hours:]minutes`."""
    match = re.fullmatch(r"(?:(\d+):)?(\d+)(?:/\S+)?", text)
    if not match or (match[1] and int(match[2]) > 59) or int(match[1] or 0) * 60 + int(match[2]) == 0:
        raise RefusedError(f"{text}: Bad {option} specification. Job not submitted.")
    return int(match[1] or 0) * 60 + int(match[2])


def check_request(options: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """What the job asks for, or the refusal."""
    new_syntax = config["gpu_new_syntax"] != "N"
    parts = merged(options["R"])
    amounts = usage(parts["rusage"], config["unit"], config["memory_units"]) if "rusage" in parts else {}
    if new_syntax and GPU_COUNTS & set(amounts):
        raise bad("GPU resources in rusage[] are not allowed with LSF_GPU_NEW_SYNTAX; use -gpu")
    if "gpu" in options and not new_syntax:
        raise RefusedError("-gpu needs LSF_GPU_NEW_SYNTAX in lsf.conf. Job not submitted.")
    for text in parts.get("span", []):
        if not re.fullmatch(r"hosts=1|hosts=-1|ptile=\d+", text):
            raise bad(f"span[{text}]")
    selections = [Selection(text) for text in parts.get("select", [])]
    models = [model for one in selections for model in one.models]
    without = [host for one in selections for host in one.without]
    gpu = gpu_option(options["gpu"]) if "gpu" in options else {}
    if "gmodel" in gpu:
        models.append(gpu["gmodel"])
    gpus = int(gpu.get("num", "0").split("/")[0]) + int(sum(amounts.get(name, 0) for name in GPU_COUNTS))
    return {"mem_mb": amounts.get("mem"), "gpus": gpus, "models": models, "without": without, "merged": parts,
            "amounts": amounts}  # fmt: skip
