"""The raw files of an experiment: made by the generator, or found in the user's folder; listed in a manifest."""

import importlib
import os
from pathlib import Path

from tqdm import tqdm

from gesture.datasets.catalog import FORMATS, SyntheticOptions
from gesture.errors import GestureError
from gesture.files import write_json
from gesture.settings import Experiment


def download(experiment: Experiment, output: Path, processes: int) -> None:
    """Makes or finds the raw files, checks that each can be opened, and writes the manifest ``output``.

    The manifest says in which folder they are, and their names and sizes [bytes].

    Raises:
        GestureError: the folder is missing or empty, or a file in it is damaged.
    """
    data, options = experiment.data, experiment.dataset_options
    if FORMATS[data.dataset].made:
        assert isinstance(options, SyntheticOptions)
        folder = output.parent / "raw"
        _generate(folder, options, processes)
    else:
        folder = Path(os.path.expandvars(data.folder or ""))
        if not folder.is_dir():
            raise GestureError(f"data.folder: {folder}: no such folder; put the raw files of {data.dataset!r} there")
    sources = importlib.import_module(FORMATS[data.dataset].module).sources(folder, options)
    files = {one.name: one.path.stat().st_size for one in sources}
    write_json(output, {"dataset": data.dataset, "folder": str(folder), "files": files})
    print(f"{len(files)} raw files, {sum(files.values()) / 1e6:.1f} MB: {folder}")


def _generate(folder: Path, options: SyntheticOptions, processes: int) -> None:
    from gesture.datasets.synthetic import generate

    with tqdm(unit="sample", desc="generate", mininterval=2) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        generate(folder, options.preset, options.seed, processes, progress)
