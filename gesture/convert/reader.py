"""Records of an experiment: which sequences train, validate and test, and reading any of them by position."""

import io
import resource
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from google.protobuf.message import DecodeError
from zstandard import ZstdError

from gesture.base.errors import FailedForGoodError, GestureError
from gesture.base.files import read_manifest, value_digest
from gesture.config.layout import INDEX
from gesture.config.settings import Data
from gesture.config.splits import plays
from gesture.convert.example import decode
from gesture.convert.shard import REMEDY, read_record
from gesture.formats.sequence import Sequence

_DTYPES: Any = {"subject": str, "source": str, "label": "Int64"}


class Records:
    """Random access to the sequences of a record folder.

    Attributes:
        manifest: what `convert` wrote: classes, modalities, size, counts, digest.
        index: one row a sequence, in the order of splits and ids.
    """

    def __init__(self, manifest: Path) -> None:
        """Reads the manifest and the index, and compares the one with the other.

        Raises:
            GestureError: one of the two is missing or unreadable.
            FailedForGoodError: the index has changed since the records were written.
        """
        self.folder = manifest.parent
        self.manifest = read_records_manifest(manifest)
        self.index = read_index(manifest.with_name(INDEX), self.manifest)
        # As arrays: looking a row up in the table would cost a tenth of reading its record.
        self._labels = self.index["label"].fillna(0).to_numpy(np.int32) - 1
        self._ids = self.index["id"].to_numpy(np.int64)
        self._splits = self.index["split"].to_numpy()
        self._places = self.index[["offset", "size"]].to_numpy(np.int64)
        self._shards, names = pd.factorize(self.index["shard"])
        self._paths = [self.folder / name for name in names]
        _allow_open_files(len(self._paths))
        self._files: dict[int, BinaryIO] = {}
        self._closing = ExitStack()
        weakref.finalize(self, self._closing.close)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes in label order."""
        return list(self.manifest["classes"])

    def positions(self, role: str, data: Data) -> np.ndarray:
        """Rows of the index that play a role, as int64.

        Args:
            role: ``training``, ``validation`` or ``test``.
            data: who plays which, see `gesture.config.splits`.

        Raises:
            GestureError: a held-out subject does not occur in the training split, or nothing is left to train on.
        """
        index = self.index
        rows = zip(index["split"], index["subject"], index["label"].notna(), strict=True)
        chosen = np.array([plays(role, *row, data) for row in rows], dtype=bool)
        if role == "training":
            self._check_training(chosen, data)
        return np.flatnonzero(chosen)

    def _check_training(self, chosen: np.ndarray, data: Data) -> None:
        subjects = set(self.index.loc[self.index["split"] == "training", "subject"].dropna())
        unknown = [one for one in data.holdout_subjects if one not in subjects]
        if unknown:
            raise GestureError(
                f"data.holdout_subjects: {', '.join(unknown)} not in the training split "
                f"(its subjects: {', '.join(sorted(subjects)) or 'unknown'})"
            )
        if not chosen.any():
            raise GestureError(f"{self.folder}: no labelled training sequence is left; check data.holdout_subjects")

    def labels(self, positions: np.ndarray) -> np.ndarray:
        """Labels at these positions, `(N,)` int32, 0-based, -1 where there is none."""
        return self._labels[positions]

    def ids(self, positions: np.ndarray) -> np.ndarray:
        """Ids at these positions, `(N,)` int64."""
        return self._ids[positions]

    def read(self, position: int) -> Sequence:
        """The sequence at a row of the index; several threads may read at once.

        Raises:
            FailedForGoodError: the shard is missing, damaged there, or another one; it is named.
        """
        shard = int(self._shards[position])
        path = self._paths[shard]
        if shard not in self._files:
            try:
                self._files[shard] = self._closing.enter_context(path.open("rb"))
            except OSError as error:
                raise FailedForGoodError(f"{path}: cannot be opened ({error}); run gesture convert again") from error
        offset, size = self._places[position].tolist()
        data = read_record(self._files[shard].fileno(), offset, size, path)
        try:
            sequence = decode(data)
        except (ValueError, LookupError, DecodeError, ZstdError) as error:
            raise FailedForGoodError(
                f"{path}: the record at byte {offset} is no sequence ({error}); {REMEDY}"
            ) from error
        label = -1 if sequence.label is None else sequence.label
        found = (sequence.split, sequence.id, label)
        expected = (self._splits[position], int(self._ids[position]), int(self._labels[position]))
        if found != expected:
            raise FailedForGoodError(
                f"{path}: the record at byte {offset} is {_words(*found)}, the index has {_words(*expected)}; {REMEDY}"
            )
        return sequence


def read_records_manifest(path: Path) -> dict[str, Any]:
    """The manifest that `convert` wrote beside the records.

    Raises:
        GestureError: it is missing, or is something else.
    """
    keys = {
        "classes": list,
        "modalities": list,
        "size": int,
        "counts": dict,
        "digest": str,
        "shards": dict,
    }
    return read_manifest(path, "convert", **keys)


def records_digest(shards: Mapping[str, str], index: str) -> str:
    """Digest of every byte of the records.

    Args:
        shards: file name -> digest.
        index: text of `index.csv`.
    """
    return value_digest([sorted(shards.items()), index])


def digests_by_split(shards: Mapping[str, str], index: pd.DataFrame) -> dict[str, str]:
    """Split -> digest of every byte of its records: another test set is no reason to train again.

    Args:
        shards: file name -> digest.
        index: all rows of `index.csv`.
    """
    found = {}
    for split, rows in index.groupby("split"):
        used = {name: shards[name] for name in sorted(set(rows["shard"]))}
        found[str(split)] = records_digest(used, str(rows.to_csv(index=False, lineterminator="\n")))
    return found


def digest_of(manifest: Mapping[str, Any], *splits: str) -> str:
    """Digest of the records of some splits, from the records' manifest.

    A split that is not there counts as empty; where the manifest tells no splits, all stand for each.
    """
    digests = manifest.get("digests")
    found = manifest["digest"] if digests is None else [[one, digests.get(one, "")] for one in sorted(set(splits))]
    return value_digest(found)


def read_index(path: Path, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """The index of records, after comparing it with the digest that their manifest gives.

    Raises:
        FailedForGoodError: it has changed since the records were written.
        GestureError: it is missing or unreadable.
    """
    try:
        text = path.read_bytes().decode(errors="surrogateescape")
        if records_digest(manifest["shards"], text) != manifest["digest"]:
            raise FailedForGoodError(
                f"{path}: has changed since the records were written; remove it and run gesture convert again"
            )
        return pd.read_csv(io.StringIO(text), dtype=_DTYPES)
    except (OSError, ValueError, TypeError) as error:
        raise GestureError(f"{path}: cannot be read ({error}); run gesture convert again") from error


def _words(split: str, number: int, label: int) -> str:
    return f"{split} Id {number}" + (f" of class {label + 1}" if label >= 0 else " without a label")


def _allow_open_files(count: int) -> None:
    """Raises this process's own limit of open files, as far as the system lets it: every shard stays open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 512  # beside TensorFlow's and the log's
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
