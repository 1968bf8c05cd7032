"""What can be told about raw data in a moment, before any job is submitted; `download` looks at every file."""

import zipfile
from pathlib import Path

from gesture.base.errors import GestureError, raise_all
from gesture.base.files import read_manifest
from gesture.base.text import few
from gesture.config.layout import MANIFEST, records_folder
from gesture.config.settings import Experiment
from gesture.download.seen import users_folder
from gesture.formats.options import ArraysOptions
from gesture.formats.sequence_list import LIST, read_list, rows_and_problems
from gesture.legacy2019.weight_files import start_files

_SHOWN = 10


def check(experiment: Experiment) -> None:
    """Looks for the data folder and, in `arrays`, at every row of the list of sequences and at its first file.

    Raises:
        GestureError: something that the experiment needs is not there.
    """
    for name, variant in experiment.variants.items():
        start_files(name, variant)
    folder, dataset = users_folder(experiment), experiment.data.dataset
    if folder is None:
        return
    if not folder.is_dir():
        raise GestureError(
            f"data.folder: {str(folder)!r}: no such folder (looked in {Path.cwd()}); put the raw files of "
            f"{dataset!r} there, or name another one: --config data='{{folder: /path/to/it}}'"
        )
    if dataset == "arrays":
        _check_arrays(experiment, folder)


def suspicious(experiment: Experiment, root: Path = Path()) -> list[str]:
    """What is legal and may be a mistake: told by `convert` where records are there, else seen in a list of arrays.

    Args:
        experiment: the settings.
        root: working directory.

    Returns:
        A sentence each; the last one counts those beyond ten.
    """
    told = _told(experiment, records_folder(experiment, root) / MANIFEST)
    more = [f"and {len(told) - _SHOWN} more, see the log of `convert`"] if len(told) > _SHOWN else []
    return [*told[:_SHOWN], *more]


def _told(experiment: Experiment, manifest: Path) -> list[str]:
    try:
        if manifest.exists():
            return [str(one) for one in read_manifest(manifest, "convert").get("warnings", [])]
        folder, options = users_folder(experiment), experiment.dataset_options
        if folder is None or not isinstance(options, ArraysOptions):
            return []
        rows = read_list(folder, options)
    except (GestureError, OSError, TypeError):
        return []  # `check` says what is wrong
    shown = {row.label for row in rows if row.split == "training"}
    without = [number for number in range(1, options.classes + 1) if number - 1 not in shown]
    return [f"no training sequence of class {few(without, _SHOWN)}: it cannot be learnt"] if without else []


def _check_arrays(experiment: Experiment, folder: Path) -> None:
    options = experiment.dataset_options
    assert isinstance(options, ArraysOptions)
    table = folder / LIST
    rows, problems = rows_and_problems(folder, options)
    subjects = {row.subject or "" for row in rows if row.split == "training"}
    unknown = [name for name in experiment.data.holdout_subjects if name not in subjects]
    if unknown:
        problems.append(
            f"data.holdout_subjects: {', '.join(unknown)}: no training sequence of {table} is of this subject "
            f"(there are {', '.join(sorted(subjects - {''})) or 'none'})"
        )
    raise_all(problems)
    if not rows:
        raise GestureError(f"{table}: no rows")
    _check_modalities(experiment, options, folder / rows[0].file)


def _check_modalities(experiment: Experiment, options: ArraysOptions, path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            available = options.available(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise GestureError(f"{path}: not a readable .npz file ({error})") from error
    for name, variant in experiment.variants.items():
        missing = [one for one in variant.modalities if one not in available]
        if missing:
            raise GestureError(
                f"variants.{name}.modalities: the data has no {', '.join(missing)}: {path} holds "
                f"{', '.join(sorted(available)) or 'nothing'}"
            )
