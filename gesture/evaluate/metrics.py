"""How good a set of softmaxes is, with its uncertainty.

Everything that counts classes follows from the confusion matrix; the tests hold each figure against scikit-learn,
which takes several passes over tables that may have a million rows.
"""

from typing import Any

import numpy as np
from scipy.stats import binomtest

from gesture.evaluate.predictions import UNLABELLED, Predictions

BINS = 15
RESAMPLES = 10_000
_NO_LABELS, _NO_ROWS = "none in this split", "no rows in this split"


def metrics(table: Predictions) -> dict[str, Any]:
    """All figures of one table over its labelled rows; each is None where there is none, and `labels` says so."""
    y, p, chosen = labelled(table)
    if not len(y):
        return {**dict.fromkeys(_NAMES), "labelled": 0, "labels": _NO_LABELS if len(table.ids) else _NO_ROWS}
    counts = confusion_matrix(y, chosen, table.classes)
    correct = int(np.trace(counts))
    return {
        "accuracy": correct / len(y),
        "accuracy_interval": wilson_interval(correct, len(y)),
        "top_3_accuracy": top_k_accuracy(y, p, 3),
        "macro_f1": macro_f1(counts),
        "log_loss": log_loss(y, p),
        "brier": brier(y, p),
        "calibration_error": calibration_error(y, chosen, p.max(axis=1)),
        "recall": per_class_recall(counts),
        "labelled": len(y),
        "labels": f"{len(y)} of {len(table.ids)} rows",
    }


_NAMES = (
    "accuracy", "accuracy_interval", "top_3_accuracy", "macro_f1", "log_loss", "brier", "calibration_error",
    "recall",
)  # fmt: skip


def labelled(table: Predictions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the rows that have a label: labels `(n,)`, probabilities `(n, K)` float32, chosen classes `(n,)`."""
    labels = np.full(len(table.ids), UNLABELLED) if table.labels is None else table.labels
    rows = labels >= 0
    if rows.all():
        return labels, table.probabilities, table.chosen
    return labels[rows], table.probabilities[rows], table.chosen[rows]


def confusion_matrix(y: np.ndarray, chosen: np.ndarray, classes: int) -> np.ndarray:
    """Counts `(K, K)` int64; row = true class, column = chosen class."""
    return np.bincount(y * classes + chosen, minlength=classes**2).reshape(classes, classes)


def wilson_interval(correct: int, rows: int) -> list[float]:
    """95 % score interval of a proportion (Wilson, J. Am. Stat. Assoc. 22, 1927)."""
    interval = binomtest(correct, rows).proportion_ci(0.95, method="wilson")
    return [float(interval.low), float(interval.high)]


def top_k_accuracy(y: np.ndarray, p: np.ndarray, k: int) -> float:
    """Share of rows whose class has fewer than ``k`` others before it; of equal classes the lowest comes first."""
    own = p[np.arange(len(y)), y][:, None]
    ties_before = (p == own) & (np.arange(p.shape[1]) < y[:, None])
    return float((((p > own) | ties_before).sum(axis=1) < k).mean())


def macro_f1(counts: np.ndarray) -> float:
    """Mean over classes of 2 TP / (2 TP + FP + FN); classes neither true nor predicted anywhere are left out."""
    size = counts.sum(axis=0) + counts.sum(axis=1)
    return float((2 * np.diag(counts)[size > 0] / size[size > 0]).mean())


def per_class_recall(counts: np.ndarray) -> list[float | None]:
    """Share of each class's rows that were found; None for a class without rows."""
    return [int(hits) / int(rows) if rows else None for hits, rows in zip(np.diag(counts), counts.sum(1), strict=True)]


def log_loss(y: np.ndarray, p: np.ndarray) -> float:
    """Mean of -ln p(true class) [nat] with p at least 2.2e-16, as scikit-learn has it for float64."""
    own = p[np.arange(len(y)), y].astype(np.float64) / p.sum(axis=1, dtype=np.float64)
    return float(-np.log(np.clip(own, np.finfo(np.float64).eps, 1)).mean())


def brier(y: np.ndarray, p: np.ndarray) -> float:
    """Mean squared distance to the one-hot label, 0 to 2 (Brier, Monthly Weather Review 78, 1950)."""
    own = p[np.arange(len(y)), y].astype(np.float64)
    return float((np.einsum("nk,nk->n", p, p, dtype=np.float64) - 2 * own + 1).mean())


def reliability(y: np.ndarray, chosen: np.ndarray, confidence: np.ndarray) -> list[dict[str, float]]:
    """Per bin of confidence (the highest probability), where it has rows: `rows`, mean `confidence`, `accuracy`."""
    # Bins are open below and closed above, as in Guo et al. 2017.
    bins = np.clip(np.ceil(confidence.astype(np.float64) * BINS).astype(np.int64) - 1, 0, BINS - 1)
    rows = np.bincount(bins, minlength=BINS)
    sums, hits = (np.bincount(bins, weights=one, minlength=BINS) for one in (confidence, chosen == y))
    return [
        {"rows": int(rows[b]), "confidence": float(sums[b] / rows[b]), "accuracy": float(hits[b] / rows[b])}
        for b in np.flatnonzero(rows)
    ]


def calibration_error(y: np.ndarray, chosen: np.ndarray, confidence: np.ndarray) -> float:
    """Expected calibration error with 15 equal bins of confidence (Guo et al., ICML 2017)."""
    bins = reliability(y, chosen, confidence)
    return sum(one["rows"] * abs(one["confidence"] - one["accuracy"]) for one in bins) / len(y)


def paired_gain(ours: np.ndarray, theirs: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """How much more accurate ours is than theirs on the same rows, `(n,)` bool each: True = right.

    Interval: percentile bootstrap over rows (Efron and Tibshirani 1993, ch. 13); a resample is drawn as the counts of
    rows that only ours or only theirs gets right, which is the same distribution without the n draws.
    p: McNemar's exact test (Psychometrika 12, 1947) on those two counts.
    """
    rows, only_ours, only_theirs = len(ours), int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    shares = np.array([only_ours, only_theirs, rows - only_ours - only_theirs]) / rows
    draws = np.random.default_rng(seed).multinomial(rows, shares, size=RESAMPLES)
    low, high = np.percentile((draws[:, 0] - draws[:, 1]) / rows, [2.5, 97.5])
    discordant = only_ours + only_theirs
    return {
        "accuracy": (only_ours - only_theirs) / rows,
        "interval": [float(low), float(high)],
        "only_ensemble_right": only_ours,
        "only_member_right": only_theirs,
        "mcnemar_p": float(binomtest(only_ours, discordant).pvalue) if discordant else 1.0,
        "resamples": RESAMPLES,
    }
