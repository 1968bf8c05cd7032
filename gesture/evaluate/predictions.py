"""The predictions table: one softmax a sequence, as CSV with a JSON manifest beside it.

Header `Id,p_1,…,p_K[,label]`, rows in ascending order of Id; labels are 1-based in the file and 0-based here.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gesture.base.errors import FailedForGoodError, GestureError
from gesture.base.files import atomic_path, file_digest, read_json, sealed, unsealed, write_json
from gesture.base.text import few

UNLABELLED = -1
DIGEST = "sha256"  # key of the manifest: digest of the table's bytes
SUM_TOLERANCE = 1e-4
_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Predictions:
    """The softmaxes of one member, or of the ensemble, on one split.

    Attributes:
        path: the file they were read from.
        ids: `(N,)` int64, ascending, unique.
        probabilities: `(N, K)` float32 in Fortran order, in which pandas reads and sums over classes are fast; each
            row sums to 1 within 1e-4.
        labels: `(N,)` int64, 0-based, -1 where a sequence has none; None where no sequence has one.
        manifest: what made the table: `step`, `split`, `data_digest`, `member`, `checkpoint_digest`, and the digest of
            its bytes, `sha256`; empty if unknown.
    """

    path: Path
    ids: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The member's name: from the manifest, else the file's stem."""
        return member_name(self.path, self.manifest)

    @property
    def classes(self) -> int:
        """Number of classes K."""
        return int(self.probabilities.shape[1])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of ids and probabilities: the same for any order of rows and any way to write the numbers."""
        digest = hashlib.sha256(f"{self.probabilities.shape}".encode())
        digest.update(np.ascontiguousarray(self.ids, "<i8").data)
        digest.update(np.ascontiguousarray(self.probabilities.T, "<f4").data)
        return digest.hexdigest()

    @cached_property
    def chosen(self) -> np.ndarray:
        """The most probable class of each row, `(N,)` int64, 0-based; of equal ones the lowest."""
        return self.probabilities.argmax(axis=1)


def write_predictions(
    path: Path,
    ids: Sequence[int] | np.ndarray,
    probabilities: np.ndarray,
    labels: Sequence[int | None] | np.ndarray | None,
    manifest: Mapping[str, Any],
) -> None:
    """Writes the table sorted by Id, and its manifest beside it.

    Args:
        path: CSV to write; the manifest gets the same stem and the suffix ``.json``.
        ids: `(N,)` integers.
        probabilities: `(N, K)` float32.
        labels: `(N,)` classes, 0-based; None or -1 where a sequence has none. Without any, the column is left out.
        manifest: `step`, `split`, `data_digest`, `member`, `checkpoint_digest` and whatever else is worth keeping; the
            digest of the written table is added.

    Raises:
        GestureError: the values are no softmaxes, or an Id occurs twice; nothing is written.
    """
    known = None if labels is None else [UNLABELLED if one is None else int(one) for one in labels]
    table = checked(path, np.asarray(ids, np.int64), np.asarray(probabilities, np.float32), known, manifest)
    header = ["Id", *(f"p_{k + 1}" for k in range(table.classes)), *(["label"] if table.labels is not None else [])]
    # 9 significant digits are what a float32 needs to survive.
    row_format = "%d" + ",%.9g" * table.classes
    with atomic_path(path) as temporary:
        with temporary.open("w", encoding="ascii", newline="") as file:
            file.write(",".join(header) + "\n")
            for start in range(0, len(table.ids), _ROWS_AT_ONCE):
                rows = slice(start, start + _ROWS_AT_ONCE)
                numbers = zip(table.ids[rows].tolist(), table.probabilities[rows].tolist(), strict=True)
                lines = (row_format % (id_, *row) for id_, row in numbers)
                if table.labels is None:
                    file.writelines(line + "\n" for line in lines)
                else:
                    cells = ("" if label < 0 else str(label + 1) for label in table.labels[rows].tolist())
                    file.writelines(f"{line},{cell}\n" for line, cell in zip(lines, cells, strict=True))
        digest = file_digest(temporary)
    write_json(path.with_suffix(".json"), sealed({**manifest, DIGEST: digest}))


def read_predictions(path: Path, member: str | None = None) -> Predictions:
    """Reads a table and, if there is one, its manifest; rows may be in any order.

    Args:
        path: the CSV.
        member: whose predictions are expected here; None = anyone's.

    Raises:
        FailedForGoodError: the table is not the one that its manifest was written for, or is another member's.
        GestureError: the file is missing or is no predictions table; the message names the Ids at fault.
    """
    manifest = checked_manifest(path)
    owner = manifest.get("member", member)
    if member is not None and owner != member:
        raise FailedForGoodError(f"{path}: holds the predictions of {owner}: evaluate {member} again")
    columns = _columns(path)
    try:
        ids, probabilities, labels = _read_in_pieces(path, columns)
    except pd.errors.ParserError as error:
        raise GestureError(f"{path}: not a well-formed CSV ({' '.join(str(error).split())})") from error
    except (ValueError, OverflowError):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        _refuse_surplus_fields(path, frame)
        raise GestureError(f"{path}: {_not_a_number(frame)}") from None
    return checked(path, ids, probabilities, labels, manifest)


def _read_in_pieces(path: Path, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Ids, probabilities and labels as in the file; pandas alone would hold three copies of them for a while."""
    types = {"Id": "int64", "label": "float64"}
    names = [name for name in columns if name.startswith("p_")]
    ids, pieces, labels = [], [], []
    with pd.read_csv(
        path, dtype={name: types.get(name, "float32") for name in columns}, chunksize=_ROWS_AT_ONCE
    ) as frames:
        for frame in frames:
            _refuse_surplus_fields(path, frame)
            ids.append(frame["Id"].to_numpy())
            pieces.append(frame[names].to_numpy())
            if "label" in columns:
                labels.append(_labels(path, frame))
    probabilities = np.empty((sum(map(len, ids)), len(names)), np.float32, order="F")
    np.concatenate(pieces, out=probabilities)
    return np.concatenate(ids), probabilities, np.concatenate(labels) if labels else None


def read_manifest(path: Path) -> dict[str, Any]:
    """What the JSON beside a table says of it; empty if there is none.

    Raises:
        GestureError: it is no JSON object.
        FailedForGoodError: it was changed after it was written.
    """
    manifest_path = path.with_suffix(".json")
    manifest = read_json(manifest_path) if manifest_path.is_file() else {}
    if not isinstance(manifest, dict):
        raise GestureError(f"{manifest_path}: expected a JSON object that says what made {path.name}")
    return unsealed(manifest_path, manifest, str(manifest.get("step") or "evaluate"))


def checked_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a table, whose bytes are those that the manifest was written for; empty if there is none.

    A manifest of 0.1.0 has no digest; such tables are taken as they are, as are those without a manifest.

    Raises:
        FailedForGoodError: the table was changed since.
        GestureError: the manifest is no JSON object, or the table cannot be read.
    """
    manifest = read_manifest(path)
    if DIGEST not in manifest or not path.is_file():
        return manifest
    try:
        digest = file_digest(path)
    except OSError as error:
        raise GestureError(f"{path}: cannot be read ({error.strerror})") from error
    if digest != manifest[DIGEST]:
        step = f"`gesture {manifest['step']}`" if manifest.get("step") else "the step that wrote it"
        raise FailedForGoodError(
            f"{path}: was changed after it was written: its SHA-256 is not that of {path.with_suffix('.json').name}; "
            f"remove both files and run {step} again"
        )
    return manifest


def tell_unchecked(manifests: Mapping[Path, Mapping[str, Any]]) -> None:
    """Prints which tables could not be compared with a digest, given the manifests of all: a line for each reason."""
    without = [path for path, manifest in manifests.items() if not manifest]
    older = [path for path, manifest in manifests.items() if manifest and DIGEST not in manifest]
    reasons = ((without, "no manifest beside it"), (older, "its manifest, of 0.1.0, holds no digest"))
    for paths, why in reasons:
        if paths:
            print(f"{listing(paths, 'table')}: not checked for changes: {why}")


def member_name(path: Path, manifest: Mapping[str, Any]) -> str:
    """What the member of a table is called: as its manifest says, else by the file's stem."""
    return str(manifest.get("member") or path.stem)


def listing(ids: Sequence[Any] | np.ndarray, noun: str = "Id") -> str:
    """At most five ids in words: `Id 3`, `Ids 3, 5`, `Ids 1, 2, 3, 4, 5 and 7 more`."""
    return f"{noun}{'s' if len(ids) != 1 else ''} {few(ids, 5)}"


def _columns(path: Path) -> list[str]:
    """The header's names, if they are those of a predictions table."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline().strip()
    except FileNotFoundError:
        raise GestureError(f"{path}: no such predictions table") from None
    except (OSError, UnicodeDecodeError) as error:
        raise GestureError(f"{path}: cannot be read ({error})") from error
    columns = [name.strip().strip('"') for name in header.split(",")]
    classes = sum(name.startswith("p_") for name in columns)
    expected = ["Id", *(f"p_{k + 1}" for k in range(classes))]
    if classes < 2 or columns not in (expected, [*expected, "label"]):
        short = header if len(header) <= 80 else f"{header[:77]}..."
        raise GestureError(
            f"{path}: header is {short!r}, expected 'Id,p_1,...,p_K' with an optional last column 'label': "
            "write the table with `gesture evaluate`"
        )
    return columns


def _refuse_surplus_fields(path: Path, frame: pd.DataFrame) -> None:
    # pandas takes surplus first fields as row names.
    if not isinstance(frame.index, pd.RangeIndex):
        raise GestureError(f"{path}: rows have more fields than the header names ({', '.join(frame.columns)})")


def _not_a_number(text: pd.DataFrame) -> str:
    """Says which cell is not the number it should be."""
    for name in text.columns:
        values = pd.to_numeric(text[name], errors="coerce").to_numpy(np.float64)
        wrong = np.isnan(values)
        if name == "label":
            wrong &= (text[name].str.strip() != "").to_numpy()
        if name == "Id":
            wrong |= values != np.floor(values)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            what = "an integer" if name in ("Id", "label") else "a number"
            return f"Id {text['Id'].iloc[row]}: {name} is {text[name].iloc[row]!r}, expected {what}"
    return "holds values that are not numbers"


def _labels(path: Path, frame: pd.DataFrame) -> np.ndarray:
    """The label column 0-based, -1 where empty."""
    values = frame["label"].to_numpy(np.float64)
    wrong = ~np.isnan(values) & ((values != np.floor(values)) | (values < 1))
    if wrong.any():
        raise GestureError(
            f"{path}: {listing(frame['Id'].to_numpy()[wrong])}: label {values[wrong][0]:g}, expected 1, 2, ..."
        )
    return np.where(np.isnan(values), 0, values).astype(np.int64) - 1


def checked(
    path: Path,
    ids: np.ndarray,
    probabilities: np.ndarray,
    labels: Sequence[int] | np.ndarray | None,
    manifest: Mapping[str, Any],
) -> Predictions:
    """Predictions in ascending order of Id, see `Predictions`.

    Raises:
        GestureError: they are no softmaxes, or an Id occurs twice; the Ids are named.
    """
    if probabilities.ndim != 2 or len(probabilities) != len(ids) or (labels is not None and len(labels) != len(ids)):
        raise GestureError(f"{path}: {len(ids)} Ids do not fit probabilities of shape {probabilities.shape}")
    known = None if labels is None else np.asarray(labels, np.int64)
    if not (ids[1:] > ids[:-1]).all():
        order = np.argsort(ids, kind="stable")
        ids, probabilities, known = ids[order], probabilities[order], known if known is None else known[order]
    repeated = ids[1:][ids[1:] == ids[:-1]]
    if len(repeated):
        raise GestureError(f"{path}: {listing(np.unique(repeated))} given more than once: keep one row an Id")
    probabilities = np.asfortranarray(probabilities)
    _refuse_other_than_softmaxes(path, ids, probabilities)
    if known is not None and not (known >= 0).any():
        known = None
    if known is not None and (known >= probabilities.shape[1]).any():
        wrong = known >= probabilities.shape[1]
        raise GestureError(
            f"{path}: {listing(ids[wrong])}: label {known[wrong][0] + 1}, "
            f"but the table has {probabilities.shape[1]} classes"
        )
    return Predictions(path, ids, probabilities, known, manifest)


def _refuse_other_than_softmaxes(path: Path, ids: np.ndarray, probabilities: np.ndarray) -> None:
    sums = probabilities.sum(axis=1, dtype=np.float64)
    wrong = ~(np.abs(sums - 1) <= SUM_TOLERANCE) | (probabilities < 0).any(axis=1)
    if not wrong.any():
        return
    bad = probabilities[wrong]
    missing = np.isnan(bad).any(axis=1)
    if missing.any():
        raise GestureError(
            f"{path}: {listing(ids[wrong][missing])}: a probability is missing or NaN: evaluate it again"
        )
    value = bad.min() if bad.min() < 0 else bad.max()
    if value < 0 or value > 1:
        sums_to_one = (np.abs(sums[wrong] - 1) <= SUM_TOLERANCE).all()
        remedy = "evaluate it again" if sums_to_one else "this looks like logits: apply a softmax first"
        raise GestureError(
            f"{path}: {listing(ids[wrong])}: holds {value:.4g}, expected probabilities from 0 to 1; {remedy}"
        )
    raise GestureError(
        f"{path}: {listing(ids[wrong])}: row sums to {sums[wrong][0]:.6g}, expected 1 within {SUM_TOLERANCE:g}: "
        "give the softmax over all classes"
    )
