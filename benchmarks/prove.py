"""Proves that training survives: a scheduler's signals, and kills after every step and at random points, over three
chained stages.

Compared byte by byte with an undisturbed chain: weights and optimiser of every stage, predictions, submission. Then a
tiny model trains for many steps: its memory must stay flat.

    python benchmarks/prove.py                                # every step, 200 random points, 10,000 steps
    python benchmarks/prove.py --step-kills 1 --kills 4 --steps 500     # a sample
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import yaml

from gesture.base.files import read_json
from gesture.faults.prove import SETTINGS, Chain, at_every_signal, at_every_step, at_random, made_up


def differing(one: Chain, other: Chain) -> int:
    """Bytes that differ between two chains, a missing end counted as different."""
    total = 0
    for name, path in one.files().items():
        left, right = path.read_bytes(), other.files()[name].read_bytes()
        total += sum(a != b for a, b in zip(left, right, strict=False)) + abs(len(left) - len(right))
    return total


def resident_mb(pid: int) -> float:
    """Memory of a process [MB]."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def memory_growth(folder: Path, records: Path, steps: int) -> tuple[float, float, float]:
    """Memory of a training process after a tenth of its steps, after half of them, and at its last look [MB]."""
    settings, live = folder / "long.yaml", folder / "live"
    stages = [{"steps": steps, "learning_rate": 1e-3}]
    settings.write_text(yaml.safe_dump({**SETTINGS, "training": {"batch_size": 4, "stages": stages}}))
    command = [
        *(sys.executable, "-m", "gesture.cli", "train", "--settings", settings, "--records", records, "--stage", "1"),
        *("--member", "skeleton-s1", "--checkpoints", live, "--output", folder / "result", "--save-steps", "1000"),
    ]
    seen: dict[int, float] = {}
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if (live / "progress.json").exists():
                with suppress(OSError, IndexError):  # it may be gone by now
                    seen[read_json(live / "progress.json")["step"]] = resident_mb(process.pid)
            time.sleep(0.2)
    late = [mb for step, mb in seen.items() if step >= steps / 10]
    half = [mb for step, mb in seen.items() if step >= steps / 2]
    if len(half) < 2:
        sys.exit(f"--steps {steps}: too few to see the memory grow; 500 are enough")
    return late[0], half[0], late[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step-kills", type=int, default=12, help="kills after steps 1, 2, ... (default 12: all)")
    parser.add_argument("--kills", type=int, default=200, help="random kills (default 200)")
    parser.add_argument("--steps", type=int, default=10_000, help="steps of the look at memory (default 10,000)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    steps = sum(stage["steps"] for stage in SETTINGS["training"]["stages"])
    wanted = options.step_kills + options.kills
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        what = made_up(folder / "data")
        whole = Chain(*what, folder / "undisturbed").run()
        asked = Chain(*what, folder / "signals").run(at_every_signal())
        bytes_off = differing(whole, asked)
        print(json.dumps({"signals": len(asked.interrupted), "differing bytes": bytes_off}), flush=True)
        kills, inside, replayed, chains = 0, 0, 0, 0
        waiting = at_every_step(min(options.step_kills, steps))
        while kills < wanted:
            chain = Chain(*what, folder / f"chain{chains}").run(waiting)
            kills += len(chain.interrupted)
            inside += sum(point.startswith("save") for point, _ in chain.interrupted)
            replayed += chain.replayed()
            bytes_off += differing(whole, chain)
            chains += 1
            waiting = at_random(wanted - kills, options.seed + chains)
            print(json.dumps({"kills": kills, "inside a save": inside, "differing bytes": bytes_off}), flush=True)
        early, half, late = memory_growth(folder, what[1], options.steps)
    print(
        f"{kills} kills in {chains} chains of {steps} steps, {inside} of them inside a save; {replayed} steps replayed"
    )
    print(f"differing bytes     {bytes_off}   (to reach: 0)")
    print(
        f"memory              {early:.0f} MB after a tenth of {options.steps} steps, {half:.0f} MB after half, "
        f"{late:.0f} MB at the end"
    )
    sys.exit(bytes_off > 0)


if __name__ == "__main__":
    main()
