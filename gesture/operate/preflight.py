"""What can be told about raw data in a moment, before any job is submitted; `download` looks at every file."""

import os
import zipfile
from pathlib import Path

from gesture.base.errors import GestureError
from gesture.catalog import FORMATS
from gesture.config.settings import Experiment
from gesture.formats.options import ArraysOptions
from gesture.formats.sequence_list import LIST, read_list
from gesture.legacy2019.weight_files import start_files


def check(experiment: Experiment) -> None:
    """Looks for the data folder and, in `arrays`, at every row of the list of sequences and at its first file.

    Raises:
        GestureError: something that the experiment needs is not there.
    """
    for name, variant in experiment.variants.items():
        start_files(name, variant)
    data = experiment.data
    if FORMATS[data.dataset].made or data.download:
        return
    folder = Path(os.path.expandvars(data.folder or ""))
    if not folder.is_dir():
        raise GestureError(
            f"data.folder: {str(folder)!r}: no such folder (looked in {Path.cwd()}); put the raw files of "
            f"{data.dataset!r} there, or name another one: --config data='{{folder: /path/to/it}}'"
        )
    if data.dataset == "arrays":
        _check_arrays(experiment, folder)


def _check_arrays(experiment: Experiment, folder: Path) -> None:
    options = experiment.dataset_options
    assert isinstance(options, ArraysOptions)
    table, rows = folder / LIST, read_list(folder, options)
    subjects = {row.subject or "" for row in rows if row.split == "training"}
    unknown = [name for name in experiment.data.holdout_subjects if name not in subjects]
    if unknown:
        raise GestureError(
            f"data.holdout_subjects: {', '.join(unknown)}: no training sequence of {table} is of this subject "
            f"(there are {', '.join(sorted(subjects - {''})) or 'none'})"
        )
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
