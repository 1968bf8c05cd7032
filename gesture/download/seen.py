"""What a plan sees of the user's raw files: whether any changed since they were listed, and in which splits.

Names, sizes and dates of all files and the bytes of lists are compared with what `gesture download` wrote down, as
`make` would. Only where something changed, the recordings are looked through again, split by split.
"""

import importlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gesture.base.errors import GestureError
from gesture.base.files import file_digest, read_manifest, value_digest
from gesture.catalog import FORMATS
from gesture.config.layout import MANIFEST, raw_folder
from gesture.config.settings import Experiment
from gesture.formats.source import Source

# Lists of recordings and labels: small, and the date of one that was put back from a copy may be an old one.
LISTS = (".csv", ".txt", ".yaml", ".json")
LIST_BYTES = 4 << 20

Listing = dict[str, list[Any]]


@dataclass(frozen=True)
class Seen:
    """The raw files of an experiment as they are now.

    Attributes:
        files: digest of the list of all files; "" where the configuration alone says what they are.
        splits: split -> digest of its recordings: their files, ids, labels and subjects.
        change: what is new, changed or gone since they were listed; "" where nothing is, or nothing was listed.
    """

    files: str = ""
    splits: Mapping[str, str] = field(default_factory=dict)
    change: str = ""

    def digest(self, *splits: str) -> str:
        """One digest of these splits; without any, of all."""
        return value_digest([[one, self.splits.get(one, "")] for one in sorted(splits or self.splits)])


def see(experiment: Experiment, root: Path = Path()) -> Seen:
    """Looks at the raw files: at their names, sizes and dates, and further only where these have changed.

    Raises:
        OSError: a folder cannot be looked at.
    """
    folder = users_folder(experiment)
    if folder is None:
        return Seen()
    try:
        listed = read_manifest(raw_folder(experiment, root) / MANIFEST, "download", listing=dict, splits=dict)
    except GestureError:
        listed = None
    # Records do without raw files: that their disk is not mounted is no change.
    now = list_files(folder) if folder.is_dir() else listed["listing"] if listed else {}
    files = value_digest(now)
    if listed is None:
        return Seen(files, _digests(experiment, folder, files))
    if listed["listing"] == now:
        return Seen(files, listed["splits"])
    splits = _digests(experiment, folder, files)
    changed = sorted(one for one in {*splits, *listed["splits"]} if splits.get(one) != listed["splits"].get(one))
    return Seen(files, splits, f"{folder}: {_difference(listed['listing'], now)}; {_concerned(changed)}")


def users_folder(experiment: Experiment) -> Path | None:
    """The folder of raw files that is the user's own; None where they are made, or downloaded by the configuration."""
    data = experiment.data
    if FORMATS[data.dataset].made or data.download:
        return None
    return Path(os.path.expandvars(data.folder or ""))


def list_files(folder: Path) -> Listing:
    """Name -> size [bytes], date [ns], and of lists a digest, of all files below a folder; names that hide are not."""
    return dict(sorted(_files(folder, "", set())))


def _digests(experiment: Experiment, folder: Path, files: str) -> dict[str, str]:
    """Split -> digest of its recordings.

    Args:
        experiment: resolved settings.
        folder: of the raw files.
        files: stands for every split where the files cannot be understood here, for want of a library or since they
            are wrong; `download` and `convert` say why.
    """
    data_format = FORMATS[experiment.data.dataset]
    try:
        return by_split(importlib.import_module(data_format.module).sources(folder, experiment.dataset_options))
    except (GestureError, ImportError, OSError):
        return dict.fromkeys(("training", "validation", "test"), files)


def by_split(sources: Iterable[Source]) -> dict[str, str]:
    """Split -> digest of its recordings."""
    found: dict[str, list[Any]] = {}
    for one in sources:
        found.setdefault(one.split, []).append(one.fingerprint)
    return {split: value_digest(prints) for split, prints in sorted(found.items())}


def _files(folder: Path, above: str, walked: set[tuple[int, int]]) -> Iterator[tuple[str, list[Any]]]:
    here = folder.stat()
    if (here.st_dev, here.st_ino) in walked:  # a link to a folder above, or twice to the same
        return
    walked.add((here.st_dev, here.st_ino))
    with os.scandir(folder) as entries:
        for entry in entries:
            name = above + entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _files(Path(entry.path), name + "/", walked)
                continue
            try:
                stat = entry.stat()
            except OSError:  # a link to nowhere
                continue
            is_list = entry.name.endswith(LISTS) and stat.st_size <= LIST_BYTES
            yield name, [stat.st_size, stat.st_mtime_ns, *([file_digest(Path(entry.path))] if is_list else [])]


def _difference(before: Listing, now: Listing) -> str:
    new = [name for name in now if name not in before]
    gone = [name for name in before if name not in now]
    changed = [name for name in now if name in before and now[name] != before[name]]
    named = [(new, "new"), (changed, "changed"), (gone, "gone")]
    return ", ".join(f"{len(names)} {what} ({_few(names)})" for names, what in named if names)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _concerned(splits: list[str]) -> str:
    return f"concerns {', '.join(splits)}" if splits else "no recording is concerned"
