"""All that only a GPU can show, as tables that can be sent to us: device, losses, bytes after a resume, memory, speed.

    python benchmarks/gpu.py --output gpu-tables             # on a node with a GPU, about 20 minutes
    python benchmarks/gpu.py --device cpu --small            # without: shows that it runs, measures nothing

A part is processes of their own, and its table goes to the terminal and to `OUTPUT/gpu.txt` line by line: a job that
ends early keeps what it has. The parts in order, with the minutes that they should take; these are guesses, no card has
run them, and one newer than those that TensorFlow has code for compiles for up to half an hour first:

    device    1   what TensorFlow computes on, and what `gesture doctor --node` says of it
    losses    4   the first steps of every network and precision against the CPU in float32
    resume    6   stages killed and gone on with: the same bytes; on a card nearly full; two processes on one card
    memory    3   peak of a step against what `gesture plan` says
    times     4   a step at fixed and changing numbers of clips, autotune and TF32 on and off, beside a matrix product
    others    1   the rgb encoder in torch, if it is installed; the input side alone

With 30 minutes on a card: `make test-gpu` (8 minutes, the first three parts with limits), then this with
`--parts memory times others`, then the rest of the time this alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from gesture.base.errors import GestureError
from gesture.faults.prove import Chain, Interruption, made_up

INSIDE = Path(__file__).with_name("gpu_inside.py")
PRECISIONS = ("float32", "tf32", "float16", "bfloat16")
KINDS = ("smnet", "smnet r2plus1d", "joints", "graph", "transformer", "frames", "frames late")
# Largest relative difference of a loss from that of the CPU in float32, to reach.
TOLERANCE = {"float32": 1e-3, "tf32": 5e-3, "float16": 1e-2, "bfloat16": 5e-2}
LEAVES = 4000  # of a card nearly full, for the process that trains [MB]
KILLS: list[Interruption] = [
    ("step:2", "SIGKILL"), ("save:5", "SIGKILL"), ("step:6", "SIGTERM"), ("write:9", "SIGKILL"),
]  # fmt: skip


class Tables:
    """Lines that go to the terminal and, at once, to a file."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / "gpu.txt" if folder else None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, line: str = "") -> None:
        print(line, flush=True)
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def head(self, *cells: str) -> None:
        """An empty line and the names of the columns."""
        self()
        self.row(*cells)

    def row(self, name: str, *cells: object) -> None:
        """A name and values."""
        self(f"{name:34}" + "".join(f"{f'{one:.4g}' if isinstance(one, float) else one:>14}" for one in cells))


def inside(*arguments: object, cpu: bool = False, **environment: str) -> dict[str, Any]:
    """What `gpu_inside.py` prints.

    Raises:
        GestureError: it failed; its last line is in the message.
    """
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if cpu else {}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", INSIDE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **hidden, **environment},
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        raise GestureError(f"{' '.join(map(str, arguments))}: {last[:200]}")
    return json.loads(done.stdout.splitlines()[-1])


def device(table: Tables, small: bool) -> None:
    """Hardware, and the doctor's opinion."""
    code = "from gesture.base.hardware import hardware; h = hardware(); print(h.line()); print(h.reason)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    table.head("device")
    for line in filter(None, done.stdout.splitlines()):
        table(line)
    command = [sys.executable, "-W", "ignore", "-m", "gesture.cli", "doctor", "--node"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    table(f"gesture doctor --node: exit {done.returncode}")
    table(done.stdout.rstrip())


def differences(kind: str, precision: str, small: bool) -> tuple[list[float], list[float]]:
    """Losses of the first steps here and on the CPU in float32."""
    options = ("--image", 0 if small else 40, "--clips", 8)
    return inside("losses", kind, precision, *options)["losses"], _on_cpu(kind, options)


@cache
def _on_cpu(kind: str, options: tuple[object, ...]) -> list[float]:
    return inside("losses", kind, "float32", *options, cpu=True)["losses"]


def worst(here: list[float], there: list[float]) -> float:
    """Largest relative difference."""
    return max(abs(one - other) / abs(other) for one, other in zip(here, there, strict=True))


def losses(table: Tables, small: bool) -> None:
    """Every network and precision."""
    table.head("losses of three steps", "precision", "here", "CPU, float32", "difference", "to reach")
    for kind in KINDS[: 1 if small else None]:
        for precision in PRECISIONS[:: 3 if small else 1]:
            here, there = differences(kind, precision, small)
            table.row(kind, precision, here[-1], there[-1], worst(here, there), TOLERANCE[precision])


def chain_settings(small: bool) -> dict[str, Any]:
    """Two short stages of a clip network, or one."""
    network = {"model": "smnet", "widths": [4, 6], "head_units": [4, 4, 4], "recurrent_units": 8, "attention_length": 2}
    if not small:
        network |= {"widths": [32, 64, 128, 128, 256, 256], "head_units": [128, 64, 64], "recurrent_units": 128}
    modalities = ["rgb", "depth", "mask", "skeleton"]
    return {
        "experiment": "proof",
        "data": {"dataset": "synthetic", "options": {"preset": "tiny"}, "size": 32 if small else 80},
        "training": {"batch_size": 4, "stages": [{"steps": 4, "learning_rate": rate} for rate in (2e-3, 1e-3)[small:]]},
        "variants": {"clips": {"network": network, "modalities": modalities}},
    }


@contextmanager
def card_nearly_full(leave: int) -> Iterator[int]:
    """Another process holds the card's memory but for so many MB; gives what it holds [MB]."""
    command = [sys.executable, "-W", "ignore", INSIDE, "hold", "--leave", str(leave)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        try:
            yield json.loads(holder.stdout.readline() or '{"held_mb": 0}')["held_mb"]
        finally:
            holder.stdin.close()
            holder.wait(timeout=60)


class Proof:
    """An undisturbed chain in a folder, and others that must end in its bytes."""

    def __init__(self, folder: Path, small: bool) -> None:
        self.folder = folder
        self.given = made_up(folder / "data", chain_settings(small))
        self.whole = self.chain("undisturbed")

    def chain(self, name: str, kills: list[Interruption] | None = None) -> dict[str, str]:
        """Digests of a chain's files."""
        return Chain(*self.given, self.folder / name).run(kills or []).digests()

    def different(self, digests: dict[str, str]) -> list[str]:
        """Files with other bytes than those of the undisturbed chain."""
        return [name for name, digest in self.whole.items() if digests[name] != digest]

    def both_at_once(self) -> list[dict[str, str]]:
        """Two chains in two processes at a time."""
        found: dict[str, dict[str, str]] = {}
        threads = [
            threading.Thread(target=lambda name=name: found.update({name: self.chain(name)})) for name in ("one", "two")
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        return list(found.values())


def resume(table: Tables, small: bool) -> None:
    """Stop and resume, to the byte."""
    table.head("files of other bytes than undisturbed", "of", "different")
    with tempfile.TemporaryDirectory() as name:
        proof = Proof(Path(name), small)

        def row(what: str, digests: dict[str, str]) -> None:
            table.row(what, len(digests), len(proof.different(digests)))

        kills = KILLS[:1] if small else KILLS
        row(f"killed or stopped {len(kills)} times", proof.chain("killed", kills))
        with card_nearly_full(LEAVES) as held:
            row(f"the same, {held} MB held by another", proof.chain("full", kills))
        if small:
            return
        row("run again", proof.chain("again"))
        for number, digests in enumerate(proof.both_at_once(), 1):
            row(f"two at once, number {number}", digests)


def memory(table: Tables, small: bool) -> None:
    """Peaks; the table is that of `gpu_memory.py`."""
    table()
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") == ""
    options = ["--small", "--only", "joints", "--precision", "float32"] if small else ["--image", "80"]
    options += ["--device", "CPU" if hidden else "GPU"]
    command = [sys.executable, "-W", "ignore", str(INSIDE.with_name("gpu_memory.py")), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            table(line.rstrip())
    if process.returncode:
        raise GestureError("gpu_memory.py failed: see above")


def times(table: Tables, small: bool) -> None:
    """A step of the full SMnet, beside a matrix product of the same process."""
    clips, repeats, image = (2, 2, 0) if small else (16, 20, 80)
    heads = ("precision", "autotune", "first", "fixed", "varying", "clips/s", "of product")
    table.head("seconds of a step of smnet", *heads)
    for precision in PRECISIONS[: 1 if small else None]:
        for autotune in ("1", "0"):
            options = ("--image", image, "--clips", clips, "--repeats", repeats)
            one = inside("times", "smnet", precision, *options, TF_CUDNN_USE_AUTOTUNE=autotune)
            # Backward twice as many multiply-adds as forward, each two operations.
            share = 6 * one["multiply_adds"] * clips / one["fixed"] / one["product_rate"]
            cells = (one["first"], one["fixed"], one["varying"], clips / one["fixed"], share)
            table.row(f"{clips} clips", precision, "on" if autotune == "1" else "off", *cells)


def others(table: Tables, small: bool) -> None:
    """Torch, and the input side alone."""
    table.head("rgb encoder's step [s]", "ours", "torch", "torch / ours")
    for precision in PRECISIONS[: 1 if small else 2]:
        one = inside("other", "smnet", precision, "--image", 0 if small else 80, "--repeats", 2 if small else 10)
        ratio = one["torch"] / one["ours"] if one["torch"] else "-"
        table.row(precision, one["ours"], one["torch"] or "not installed", ratio)
    table.head("input side alone", "clips/s")
    table.row("one job, its usual threads", inside("feed", "--repeats", 3 if small else 100)["clips_per_second"])


PARTS = {one.__name__: one for one in (device, losses, resume, memory, times, others)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="default: all")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu", help="cpu hides all GPUs (default gpu)")
    parser.add_argument("--small", action="store_true", help="next to nothing: shows that it runs, measures nothing")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for gpu.txt, which is appended to")
    options = parser.parse_args()
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    table = Tables(options.output)
    failed = []
    for name in options.parts:
        try:
            PARTS[name](table, options.small)
        except (GestureError, subprocess.SubprocessError) as error:  # the others may still run
            table(f"{name}: {error}")
            failed.append(name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
