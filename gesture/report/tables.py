"""The rows of the page's tables."""

from typing import Any

import numpy as np
import pandas as pd

from gesture.average.members import FEWEST_ROWS
from gesture.average.output import software
from gesture.catalog import METHODS
from gesture.evaluate.metrics import confusion_matrix, labelled, wilson_interval
from gesture.report.figures import largest_confusions
from gesture.report.results import SPLITS, Results

_HARDEST = 8
_LENGTH_GROUPS = 4


def member_rows(results: Results) -> list[dict[str, Any]]:
    """One row a member: what it is, how well it does, what the ensemble loses without it."""
    split = results.leading_split
    without = (results.metrics[split].get("accuracy_without") if split else None) or {}
    return [_member_row(results, split, name, without.get(name)) for name in results.members]


def _member_row(results: Results, split: str | None, name: str, without: float | None) -> dict[str, Any]:
    one = results.members[name]
    whole = results.accuracy(split) if split else None
    return {
        "name": name,
        "model": one.member.variant.network.name,
        "modalities": ", ".join(one.member.variant.modalities),
        "parameters": one.parameters,
        "accuracy": {each: results.accuracy(each, name) for each in SPLITS},
        "log_loss": one.metrics.get(split or "", {}).get("log_loss"),
        "gain": whole - without if whole is not None and without is not None else None,
        "weights": one.manifests[-1].get("weights_sha256") if one.manifests else None,
        "sessions": len(one.sessions) or None,
        "hours": sum(session.hours for session in one.sessions) if one.sessions else None,
    }


def confusions(results: Results, split: str) -> list[dict[str, Any]]:
    """The most frequent confusions of the ensemble."""
    table = results.ensemble[split]
    y, _, choice = labelled(table)
    names = results.class_names(table)
    return [
        {"true": f"{names[true]} ({true + 1})", "chosen": f"{names[chosen]} ({chosen + 1})", "hits": hits, "rows": rows}
        for true, chosen, hits, rows in largest_confusions(confusion_matrix(y, choice, table.classes), 6)
    ]


def hardest(results: Results, split: str) -> list[dict[str, Any]]:
    """The sequences whose true class got the least probability from the ensemble."""
    table = results.ensemble[split]
    if table.labels is None:
        return []
    rows = np.flatnonzero(table.labels >= 0)
    own = table.probabilities[rows, table.labels[rows]]
    names = results.class_names(table)
    members = results.comparable_tables(split).values()
    found = []
    for row in rows[np.argsort(own, kind="stable")[:_HARDEST]]:
        true, chosen = int(table.labels[row]), int(table.chosen[row])
        right = sum(int(one.chosen[row]) == true for one in members)
        found.append(
            {
                "id": int(table.ids[row]),
                "true": f"{names[true]} ({true + 1})",
                "chosen": f"{names[chosen]} ({chosen + 1})",
                "probability": float(table.probabilities[row, true]),
                "right": right,
                "members": len(members),
            }
        )
    return found


def groups(results: Results, split: str) -> list[dict[str, Any]]:
    """The ensemble's accuracy by subject and by length, as far as the index of the records knows them."""
    table = results.ensemble[split]
    index = results.index_of(split)
    if index is None or table.labels is None:
        return []
    frame = index.reindex(table.ids)[["subject", "frames"]]
    frame["right"] = table.chosen == table.labels
    frame = frame[table.labels >= 0]
    found = []
    if frame["subject"].nunique() > 1:
        order = sorted(frame["subject"].dropna().unique(), key=lambda one: (len(one), one))
        found += [_group(f"subject {one}", frame.loc[frame["subject"] == one, "right"]) for one in order]
    if frame["frames"].nunique() >= _LENGTH_GROUPS:
        cuts = pd.qcut(frame["frames"], _LENGTH_GROUPS, duplicates="drop")
        for _, part in frame.groupby(cuts, observed=True):
            found.append(_group(f"{part['frames'].min():.0f} to {part['frames'].max():.0f} frames", part["right"]))
    return found


def _group(name: str, right: "pd.Series[bool]") -> dict[str, Any]:
    hits, rows = int(right.sum()), len(right)
    return {"name": name, "rows": rows, "accuracy": hits / rows, "interval": wilson_interval(hits, rows)}


def sessions(results: Results) -> dict[str, Any] | None:
    """The ledger of training: sessions, hours, how they ended, steps done again; None where nothing is known."""
    everything = [session for one in results.members.values() for session in one.sessions]
    if not everything:
        return None
    ends = [session.reason for session in everything]
    return {
        "count": len(everything),
        "hours": sum(session.hours for session in everything),
        "ends": {reason: ends.count(reason) for reason in sorted(set(ends))},
        "replayed": sum(session.replayed for session in everything),
    }


def ledger(results: Results) -> list[dict[str, Any]]:
    """What every stage cost: one row a member and stage that has a session."""
    found = []
    for name, member in results.members.items():
        for stage in sorted({one.stage for one in member.sessions}):
            own = [one for one in member.sessions if one.stage == stage]
            waits = [one.waited for one in own if one.waited is not None]
            found.append(
                {
                    "member": name,
                    "stage": stage,
                    "sessions": len(own),
                    "hours": sum(one.hours for one in own),
                    "waited": sum(waits) if waits else None,
                    "killed": sum(one.end is None for one in own),
                    "replayed": sum(one.replayed for one in own),
                    "ended": own[-1].reason,
                    "hosts": ", ".join(dict.fromkeys(one.host for one in own if one.host)),
                    "devices": ", ".join(dict.fromkeys(one.device for one in own if one.device)),
                    "peak_mb": max((one.peak_mb for one in own if one.peak_mb), default=None),
                }
            )
    return found


def inexact(results: Results) -> dict[str, str]:
    """Member -> why its weights are not byte-exact; only those that are not."""
    return {name: one.exactness for name, one in results.members.items() if one.exactness}


def methods(results: Results) -> dict[str, Any] | None:
    """Every method of averaging: its scores, and the share of the weight that it gives to each member."""
    if len(results.members) < 2:
        return None
    for split in reversed(SPLITS):
        rows = results.metrics.get(split, {}).get("methods") or []
        splits = [one for one in SPLITS if any(row.get(one) for row in rows)]
        if splits:
            return {
                "rows": [{**row, "title": _title(row["method"])} for row in rows],
                "fitted": ", ".join(one.title for one in METHODS.values() if one.fitted),
                "shares": _shares(results, rows),
                "splits": splits,
                "unfitted": _unfitted(results, rows),
            }
    return None


def _title(method: str) -> str:
    """What a method is called; by its own name if the package that brought it is not here."""
    return METHODS[method].title if method in METHODS else method


def _shares(results: Results, rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    return {
        name: [one["weights"].get(name, 0) / (sum(one["weights"].values()) or 1) for one in rows]
        for name in results.members
    }


def _unfitted(results: Results, rows: list[dict[str, Any]]) -> str | None:
    """Why no method is there that is fitted; None where they are."""
    learning = [name for name, one in METHODS.items() if one.fitted and not one.takes_weights]
    if any(row["method"] in learning for row in rows):
        return None
    if results.experiment.data.train_on_validation:
        return "the members were trained on the validation split"
    labelled = results.metrics.get("validation", {}).get("labelled", 0)
    if labelled < FEWEST_ROWS:
        return f"that takes at least {FEWEST_ROWS} labelled validation sequences, and there are {labelled}"
    return "no validation predictions were given to `gesture average`"


def versions(results: Results) -> dict[str, str]:
    """Software that trained the members, as their manifests say, and software that made this page."""
    manifests = [one for member in results.members.values() for one in member.manifests]
    trained = {
        name: " and ".join(sorted({one[key] for one in manifests if one.get(key)}))
        for name, key in (("gesture", "code_version"), ("tensorflow", "tensorflow"))
    }
    return {"Trained with": _listed(trained) or "unknown", "Page made with": _listed(software())}


def _listed(software: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in software.items() if version)
