"""The packages of `envs/gpu.lock` in an environment that is kept outside of the clone, since 7 GB take minutes.

`python environment.py` makes it if need be and prints its folder. It is named after the lock's digest, made aside and
renamed when whole; with a new lock the old one goes.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parents[2] / "envs" / "gpu.lock"


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gesture"


def folder() -> Path:
    """Where the environment of this lock is, or would be."""
    return cache() / f"gpu-env-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"


def python(environment: Path) -> Path:
    return environment / "bin" / "python"


def packages(environment: Path) -> Path:
    (found,) = environment.glob("lib/python3.*/site-packages")
    return found


def installed() -> Path:
    """The environment, made if it is not there; two processes do not make it at the same time."""
    target = folder()
    cache().mkdir(parents=True, exist_ok=True)
    with open(cache() / "gpu-env.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not target.exists():
            for old in cache().glob("gpu-env-*"):
                shutil.rmtree(old)
            aside = target.with_name(target.name + "-partial")
            print(f"installing envs/gpu.lock into {target}: 7 GB, a few minutes, once", file=sys.stderr, flush=True)
            subprocess.run([sys.executable, "-m", "venv", str(aside)], check=True)
            install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
            install += ["--use-pep517", "--require-hashes", "-r", str(LOCK)]
            subprocess.run([str(python(aside)), *install], check=True)
            aside.rename(target)
    return target


if __name__ == "__main__":
    print(installed())
