"""How members differ, and what each of them adds to the ensemble."""

from collections.abc import Callable, Sequence

import numpy as np

_ORDERS = 30


def agreement(chosen: Sequence[np.ndarray]) -> np.ndarray:
    """Share of rows on which two members choose the same class, `(M, M)` float64; ``chosen``: `(N,)` a member."""
    shares = np.ones((len(chosen), len(chosen)))
    for one in range(len(chosen)):
        for other in range(one):
            shares[one, other] = shares[other, one] = (chosen[one] == chosen[other]).mean()
    return shares


def diversity(chosen: Sequence[np.ndarray], labels: np.ndarray) -> dict[str, float]:
    """Pairwise measures of Kuncheva and Whitaker (Machine Learning 51, 2003) and the bounds of any vote.

    Args:
        chosen: classes `(n,)` that each of at least two members chooses.
        labels: true classes `(n,)`.

    Returns:
        `disagreement`: one of two is right and the other not; `double_fault`: both are wrong (means over pairs of the
        shares of rows); `any_right` and `all_right`: shares of rows.
    """
    right = np.zeros(len(labels), np.int64)
    for one in chosen:
        right += one == labels
    count = len(chosen)
    wrong, pairs = count - right, count * (count - 1) / 2
    return {
        "disagreement": float((right * wrong).mean() / pairs),
        "double_fault": float((wrong * (wrong - 1) / 2).mean() / pairs),
        "any_right": float((right > 0).mean()),
        "all_right": float((wrong == 0).mean()),
    }


Finish = Callable[[np.ndarray], np.ndarray]


def accuracy_without(terms: Sequence[np.ndarray], finish: Finish, labels: np.ndarray) -> list[float]:
    """The ensemble's accuracy without each member in turn.

    Args:
        terms: what each of at least two members adds, `(n, K)`.
        finish: softmaxes from the sum.
        labels: true classes `(n,)`.
    """
    total = sum(terms)
    return [_accuracy(finish(total - term), labels) for term in terms]


def accuracy_by_count(
    terms: Sequence[np.ndarray], finish: Finish, labels: np.ndarray, seed: int = 0
) -> list[dict[str, float]]:
    """Accuracy of ensembles of 1, 2, ..., M members: `mean`, `lowest`, `highest` over random orders of joining."""
    generator = np.random.default_rng(seed)
    curves = np.empty((_ORDERS, len(terms)))
    for curve in curves:
        total = np.zeros_like(terms[0])
        for count, number in enumerate(generator.permutation(len(terms))):
            total += terms[number]
            curve[count] = _accuracy(finish(total), labels)
    return [
        {"mean": float(column.mean()), "lowest": float(column.min()), "highest": float(column.max())}
        for column in curves.T
    ]


def _accuracy(softmaxes: np.ndarray, labels: np.ndarray) -> float:
    return float((softmaxes.argmax(axis=1) == labels).mean())
