"""From a row of a submission back to softmaxes, checkpoints, sessions and the record, and why this class won."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gesture.average.fitted import Combination, Turns
from gesture.average.output import read_submission
from gesture.base.errors import GestureError
from gesture.base.files import atomic_path, read_manifest
from gesture.config.layout import ENSEMBLE, MANIFEST, ORIGIN, SUBMISSION, ResultFolder, records_folder
from gesture.config.settings import Experiment, parse
from gesture.convert.reader import Records, digest_of
from gesture.evaluate.predictions import Predictions, read_predictions, tell_unchecked
from gesture.report.inspect import find, strip
from gesture.report.summary import aligned

_TOLERANCE = 1e-6


def explain(identity: int, results: Path, split: str, records: Path | None, output: Path) -> dict[str, Any]:
    """Tells where one answer comes from; prints it, and writes the picture strip of the sequence.

    Args:
        identity: the Id.
        results: results folder of the experiment.
        split: ``test`` or ``validation``.
        records: manifest of the records; None = where the settings say, below the working directory.
        output: PNG to write, if the records are there.

    Returns:
        What was found: `answer`, `members`, `training`, `record`, `doubts`.

    Raises:
        FailedForGoodError: a table was changed after it was written.
        GestureError: there is no such Id, or a file of the experiment is missing or damaged or lacks the Id.
    """
    kept = ResultFolder(results)
    folder = kept.average(split)
    ensemble = read_predictions(folder / ENSEMBLE, "ensemble")
    row = _row(ensemble, identity)
    origin = read_manifest(folder / ORIGIN, "average", settings=(dict, type(None)))
    names = [one["member"] for one in ensemble.manifest["members"]]
    paths = {name: kept.table(split, name) for name in names}
    tables = {name: read_predictions(path, name) for name, path in paths.items()}
    own = {name: table.probabilities[[_row(table, identity)]] for name, table in tables.items()}
    tell_unchecked({table.path: table.manifest for table in (ensemble, *tables.values())})
    experiment = parse(origin["settings"], "submission.json") if origin["settings"] else None
    record, classes = _record(experiment, records, split, identity, output)
    found = {
        "id": identity,
        "split": split,
        "answer": _answer(ensemble, row, folder, classes),
        "members": _members(ensemble, row, tables, own, classes),
        "training": {name: _training(results, name) for name in names},
        "record": record,
    }
    found["doubts"] = _doubts(ensemble, row, tables, own, found)
    print(told(found))
    return found


def _row(table: Predictions, identity: int) -> int:
    """The row of an Id.

    Raises:
        GestureError: there is none.
    """
    row = _place(table.ids, identity)
    if row is None:
        some = ", ".join(map(str, table.ids[:5]))
        raise GestureError(f"{table.path}: has no Id {identity} (it has {some}, …); --split says of which split")
    return row


def _place(ids: np.ndarray, identity: int) -> int | None:
    """Where an Id stands among ascending ones; None if it is not there."""
    place = int(np.searchsorted(ids, identity))
    return place if place < len(ids) and ids[place] == identity else None


def _answer(table: Predictions, row: int, folder: Path, classes: Sequence[str]) -> dict[str, Any]:
    """What was submitted, and how far ahead it was."""
    submission = folder / SUBMISSION
    ids, submitted = read_submission(submission)
    place = _place(ids, int(table.ids[row]))
    if place is None:
        raise GestureError(f"{submission}: has no Id {table.ids[row]}, but {table.path} has: average the members again")
    p = table.probabilities[row]
    first, second = (int(k) for k in np.argsort(-p, kind="stable")[:2])
    label = None if table.labels is None or table.labels[row] < 0 else int(table.labels[row])
    return {
        "submitted": int(submitted[place]),
        "class": first + 1,
        "name": _name(classes, first),
        "probability": float(p[first]),
        "runner_up": second + 1,
        "runner_up_name": _name(classes, second),
        "runner_up_probability": float(p[second]),
        "label": None if label is None else label + 1,
        "label_name": None if label is None else _name(classes, label),
    }


def _members(
    ensemble: Predictions,
    row: int,
    tables: Mapping[str, Predictions],
    own: Mapping[str, np.ndarray],
    classes: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """What each member said of this sequence, and what the ensemble had said without it."""
    turns = _turns(ensemble)
    terms = {name: turns.term(name, p, row)[0] for name, p in own.items()} if turns.additive else {}
    first, second = np.argsort(-ensemble.probabilities[row], kind="stable")[:2]
    part = turns.parts[row % len(turns.parts)]
    found = {}
    for name, (p,) in own.items():
        chosen = int(p.argmax())
        others = {other: q for other, q in own.items() if other != name}
        without = int(turns.combine(others, row).argmax()) if others else None
        found[name] = {
            "class": chosen + 1,
            "name": _name(classes, chosen),
            "probability": float(p[chosen]),
            "of_winner": float(p[first]),
            "of_runner_up": float(p[second]),
            "weight": part.method.weights[name],
            "lead_added": float(terms[name][first] - terms[name][second]) if terms else None,
            "answer_without": None if without is None else without + 1,
            "checkpoint": tables[name].manifest.get("checkpoint_digest"),
            "table": str(tables[name].path),
            "softmax": p.tolist(),
        }
    return found


def _turns(ensemble: Predictions) -> Turns:
    """The combination that made an ensemble, from its manifest."""
    return Turns([Combination.of(one) for one in ensemble.manifest["combinations"]])


def _training(results: Path, member: str) -> list[dict[str, Any]]:
    """Stages of a member with their sessions, as far as their manifests are there."""
    found = []
    for path in sorted((results / "train" / member).glob("stage*/manifest.json")):
        stage = read_manifest(path, "train", stage=int)
        keys = ("stage", "step", "weights_sha256", "code_version", "sessions")
        found.append({key: stage.get(key) for key in keys})
    return sorted(found, key=lambda one: one["stage"])


def _record(
    experiment: Experiment | None, manifest: Path | None, split: str, identity: int, output: Path
) -> tuple[dict[str, Any] | None, list[str]]:
    """Where the sequence is stored, and the names of the classes; writes its pictures. None without records."""
    if manifest is None and experiment is not None:
        manifest = records_folder(experiment) / MANIFEST
    if manifest is None or not manifest.exists():
        return None, []
    records = Records(manifest)
    held_out = split == "validation" and experiment is not None and experiment.data.holdout_subjects
    stored_as = "training" if held_out else split
    sequence = find(records, stored_as, identity)
    index = records.index
    row = index[(index["split"] == stored_as) & (index["id"] == identity)].iloc[0]
    with atomic_path(output) as temporary:
        strip(sequence).save(temporary)
    found = {
        "manifest": str(manifest),
        "digest": digest_of(records.manifest, stored_as),
        "shard": row["shard"],
        "offset": int(row["offset"]),
        "frames": sequence.length,
        "subject": sequence.subject,
        "source": sequence.source,
        "picture": str(output),
    }
    return found, records.class_names


def _doubts(
    ensemble: Predictions,
    row: int,
    tables: Mapping[str, Predictions],
    own: Mapping[str, np.ndarray],
    found: Mapping[str, Any],
) -> list[str]:
    """Where the files contradict each other: each a sentence."""
    doubts = []
    if found["answer"]["submitted"] != found["answer"]["class"]:
        doubts.append("submission.csv holds another class than ensemble.csv")
    kept = {one["member"]: one["content_digest"] for one in ensemble.manifest["members"]}
    changed = [name for name, table in tables.items() if table.digest != kept[name]]
    if changed:
        doubts.append(f"the predictions of {', '.join(changed)} were changed after they were averaged")
    turns = _turns(ensemble)
    again = turns.combine(own, row)[0]
    if not changed and np.abs(again - ensemble.probabilities[row]).max() > _TOLERANCE:
        doubts.append("the members' softmaxes do not give the ensemble's again")
    for name, stages in found["training"].items():
        trained = stages[-1]["weights_sha256"] if stages else None
        if trained and trained != found["members"][name]["checkpoint"]:
            doubts.append(f"{name} was trained again after it was evaluated")
    digest = ensemble.manifest.get("data_digest")
    if found["record"] and digest and found["record"]["digest"] != digest:
        doubts.append("the records are not those that were evaluated")
    return doubts


def _name(classes: Sequence[str], number: int) -> str:
    return classes[number] if number < len(classes) else "class"


def told(found: Mapping[str, Any]) -> str:
    """All of it as text for the terminal."""
    parts = [
        _told_answer(found),
        _told_members(found),
        _told_training(found["training"]),
        _told_record(found["record"]),
    ]
    parts.append(
        ["the files agree with each other"] if not found["doubts"] else [f"DOUBT: {one}" for one in found["doubts"]]
    )
    return "\n\n".join("\n".join(part) for part in parts)


def _told_answer(found: Mapping[str, Any]) -> list[str]:
    answer, members = found["answer"], found["members"]
    lead = answer["probability"] - answer["runner_up_probability"]
    votes = sum(one["class"] == answer["class"] for one in members.values())
    decisive = [name for name, one in members.items() if one["answer_without"] not in (None, answer["class"])]
    lines = [
        f"{found['split']} Id {found['id']}: class {answer['submitted']} ({answer['name']}), "
        f"probability {answer['probability']:.3f}",
        f"ahead of class {answer['runner_up']} ({answer['runner_up_name']}) by {lead:.3f}; "
        f"{votes} of {len(members)} members chose it",
        f"without {' or '.join(decisive)} the answer had been another" if decisive else "no single member decided it",
    ]
    if answer["label"] is not None:
        right = "right" if answer["label"] == answer["submitted"] else "wrong"
        lines.append(f"the label is {answer['label']} ({answer['label_name']}): {right}")
    return lines


def _told_members(found: Mapping[str, Any]) -> list[str]:
    answer = found["answer"]
    rows = [["member", "weight", "chose", "p", f"p({answer['class']})", f"p({answer['runner_up']})", "checkpoint"]]
    for name, one in found["members"].items():
        numbers = [f"{one[key]:.3f}" for key in ("probability", "of_winner", "of_runner_up")]
        rows.append([name, f"{one['weight']:.3g}", str(one["class"]), *numbers, (one["checkpoint"] or "unknown")[:12]])
    return aligned(rows)


def _told_training(training: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    rows = [["trained", "stage", "steps", "sessions", "ended", "weights"]]
    for name, stages in training.items():
        for one in stages:
            sessions = one["sessions"] or []
            last = sessions[-1] if sessions else {}
            ended = f"{last.get('end') or 'unknown'} on {last.get('host') or 'unknown'}"
            count = str(len(sessions))
            rows.append([name, str(one["stage"]), str(one["step"]), count, ended, (one["weights_sha256"] or "")[:12]])
    return aligned(rows) if len(rows) > 1 else ["no manifest of the training was found"]


def _told_record(record: Mapping[str, Any] | None) -> list[str]:
    if record is None:
        return ["the records are not here: name their manifest with --records to see the sequence"]
    return [
        f"record: {record['shard']} at byte {record['offset']}, {record['frames']} frames, "
        f"subject {record['subject'] or 'unknown'}, from {record['source'] or 'unknown'}",
        f"picture: {record['picture']}",
    ]
