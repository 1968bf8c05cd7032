"""Proves lsf-steady with real Snakemake heads on the fake LSF: the exhaustive form of tests/cluster/test_lsf_heads.py.

Every misfortune within every outage of bjobs (fake minutes), and heads killed with -9 at random instants. Counted are
wrong or missing outputs, jobs submitted twice, jobs left over: all must be 0.

    python benchmarks/prove_lsf.py                 # 44 cells and 20 kills, about ten minutes on two idle cores
    python benchmarks/prove_lsf.py --outages 0 --kills 3
"""

import argparse
import functools
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "cluster"))
from lsf_misfortunes import MISFORTUNES, all_at_once, heads_killed
from lsf_site import Site


def outcome(name: str, prove: Callable[[Site], None]) -> bool:
    """Runs one proof in a place of its own and prints its line."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        try:
            prove(site)
            words = "ok"
        except AssertionError as error:
            words = f"FAILED: {error}"
        finally:
            submitted = len(site.cluster.jobs())
            site.close()
    print(f"{name:<44} {submitted:>4} LSF jobs {time.monotonic() - began:7.0f} s   {words}", flush=True)
    return words == "ok"


def main() -> int:
    """All proofs; 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outages", type=float, nargs="*", default=[0, 1, 5, 30], help="fake minutes")
    parser.add_argument("--kills", type=int, default=20, help="heads killed")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the instants (printed)")
    options = parser.parse_args()
    print(f"seed {options.seed}; wanted: 0 outputs lost, 0 jobs doubled, 0 jobs orphaned in every line")
    good = [
        outcome(
            f"{len(MISFORTUNES)} misfortunes, bjobs out for {minutes:g} min",
            lambda site, m=minutes: all_at_once(site, m),
        )
        for minutes in options.outages
    ]
    if options.kills:
        prove = functools.partial(heads_killed, times=options.kills, seed=options.seed)
        good.append(outcome(f"{options.kills} heads killed with -9", prove))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
