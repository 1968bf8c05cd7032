"""How members differ, and what each of them adds to the ensemble."""

from collections.abc import Sequence

import numpy as np

from gesture.evaluation.predictions import Predictions

_ORDERS = 30


def agreement(tables: Sequence[Predictions]) -> np.ndarray:
    """Share of rows on which two members choose the same class, `(M, M)` float64."""
    chosen = np.stack([table.chosen for table in tables])
    return (chosen[:, None, :] == chosen[None, :, :]).mean(axis=2)


def accuracy_without(tables: Sequence[Predictions], method: str) -> list[float]:
    """The ensemble's accuracy without each member in turn; needs two members and labels."""
    labels, terms = _terms(tables, method)
    total = sum(terms)
    return [_accuracy(total - term, labels) for term in terms]


def accuracy_by_count(tables: Sequence[Predictions], method: str, seed: int = 0) -> list[dict[str, float]]:
    """Accuracy of ensembles of 1, 2, ..., M members: `mean`, `lowest`, `highest` over random orders of joining."""
    labels, terms = _terms(tables, method)
    generator = np.random.default_rng(seed)
    curves = np.empty((_ORDERS, len(terms)))
    for curve in curves:
        total = np.zeros_like(terms[0])
        for count, number in enumerate(generator.permutation(len(terms))):
            total += terms[number]
            curve[count] = _accuracy(total, labels)
    return [
        {"mean": float(column.mean()), "lowest": float(column.min()), "highest": float(column.max())}
        for column in curves.T
    ]


def _terms(tables: Sequence[Predictions], method: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels of the labelled rows, and per member what is summed: softmaxes or their logarithms."""
    labels = np.max([table.labels for table in tables if table.labels is not None], axis=0)
    rows = labels >= 0
    terms = [table.probabilities[rows].astype(np.float64) for table in tables]
    if method == "geometric":
        terms = [np.log(np.maximum(term, np.finfo(np.float32).smallest_subnormal)) for term in terms]
    return labels[rows], terms


def _accuracy(total: np.ndarray, labels: np.ndarray) -> float:
    return float((total.argmax(axis=1) == labels).mean())
