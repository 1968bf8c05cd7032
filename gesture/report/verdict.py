"""What two tests of a paired difference allow to say together."""

from collections.abc import Sequence

LEVEL = 0.05


def verdict(interval: Sequence[float], p: float) -> str:
    """`gain`, `loss`, `disagree` or `undecided`.

    Args:
        interval: 95 % bootstrap interval of the difference of accuracies.
        p: of McNemar's exact test of the same difference.

    Returns:
        A gain or a loss where the interval leaves out 0 and p is below 0.05; `disagree` where only one of both is so,
        which few differing sequences cause: the bootstrap is too sure of them; `undecided` where neither is.
    """
    leaves_out_zero = interval[0] > 0 or interval[1] < 0
    if leaves_out_zero != (p < LEVEL):
        return "disagree"
    if not leaves_out_zero:
        return "undecided"
    return "gain" if interval[0] > 0 else "loss"
