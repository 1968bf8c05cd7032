"""The raw files of an experiment: made, downloaded, or found in the user's folder; listed in a manifest."""

import importlib
import os
import shutil
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gesture.base.errors import GestureError
from gesture.base.files import (
    json_text,
    link_or_copy,
    read_manifest,
    remove_litter,
    sync,
    write_json,
    write_text_if_other,
)
from gesture.base.lease import Lease
from gesture.catalog import FORMATS
from gesture.config.data import Download, RemoteFile
from gesture.config.settings import Experiment
from gesture.download.address import expanded
from gesture.download.fetch import Credentials, check_space, fetch, remote_size
from gesture.download.seen import by_split, list_files, users_folder
from gesture.download.unpack import unpack
from gesture.formats.options import Options


def download(experiment: Experiment, output: Path, processes: int) -> None:
    """Makes, downloads or finds the raw files, checks that each can be opened, and writes the manifest ``output``.

    The manifest says in which folder they are, and their names and sizes [bytes].

    Raises:
        GestureError: the folder is missing or empty, a file cannot be downloaded, or one is damaged.
    """
    data, options = experiment.data, experiment.dataset_options
    module = importlib.import_module(FORMATS[data.dataset].module)
    own, listing = users_folder(experiment), {}
    if own is not None:
        folder = own
        if not folder.is_dir():
            raise GestureError(f"data.folder: {folder}: no such folder; put the raw files of {data.dataset!r} there")
        listing = list_files(folder)
    elif data.download:
        folder = _download(data.download, output.parent)
    else:
        folder = output.parent / "raw"
        with Lease(output.parent, patient=True):
            remove_litter(folder)
            _make(module, folder, options, processes)
    sources = module.sources(folder, options)
    files = {one.name: one.size for one in sources}
    splits = by_split(sources) if own is not None else {}
    manifest = {"dataset": data.dataset, "folder": str(folder), "files": files, "listing": listing, "splits": splits}
    # Where nothing changed, its date stays too, and what was made of the files is not made again.
    write_text_if_other(output, json_text(manifest))
    print(f"{len(files)} raw files, {sum(files.values()) / 1e6:.1f} MB: {folder}")


def _make(module: Any, folder: Path, options: Options, processes: int) -> None:
    with tqdm(unit="sample", desc="generate", mininterval=2) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        module.make(folder, options, processes, progress)


# ---- Download -------------------------------------------------------------------------------------------------------


def _download(settings: Download, where: Path) -> Path:
    """Makes `raw` in the folder ``where``, unless it is there, and returns where in it the raw files are.

    The files wait in `downloads` until all have come. Digests of those that were used are kept in
    `download.lock.json`: a file that has no checksum in the configuration never changes unnoticed either.
    """
    raw = where / "raw"
    if not raw.exists():
        with Lease(where, patient=True):
            if not raw.exists():  # the one that this one waited for may have made it
                _fill(settings, where)
    folder = raw / (settings.subfolder or "")
    if not folder.is_dir():
        there = ", ".join(sorted(one.name for one in raw.iterdir())[:5])
        raise GestureError(f"data.download.subfolder: {folder}: no such folder; in {raw} there is {there}")
    return folder


def _fill(settings: Download, where: Path) -> None:
    lock = where / "download.lock.json"
    facts = _fetch_all(settings, where / "downloads", read_manifest(lock, "download") if lock.exists() else {})
    unfinished = where / "raw.part"
    _assemble(settings.files, where / "downloads", unfinished)
    write_json(lock, facts)
    unfinished.rename(where / "raw")
    sync(where)


def _fetch_all(settings: Download, folder: Path, lock: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Downloads what is not in the folder yet; returns size [bytes] and digests of each file."""
    credentials = _credentials(settings)
    for file in settings.files:
        for url in file.urls:
            expanded(url)  # a variable that is not set is told before the first byte
    missing = [file for file in settings.files if not (folder / file.name).exists()]
    # What is unpacked takes its space once more, and as a rule more than that.
    needed = sum((remote_size(file.urls[0], credentials) or 0) * (1 + file.unpack) for file in missing)
    kept = sum(one.stat().st_size for one in folder.glob("*.part"))
    check_space(folder.parent, needed - kept, "the download")
    facts = {}
    for file in settings.files:
        known = {"sha256": str(lock[file.name]["sha256"])} if file.name in lock else {}
        checksums = {**known, **file.checksums}
        facts[file.name] = fetch(file.urls, folder / file.name, checksums=checksums, credentials=credentials)
    return facts


def _credentials(settings: Download) -> Credentials | None:
    """User and password from the environment.

    Raises:
        GestureError: a variable is not set.
    """
    if settings.user_env is None or settings.password_env is None:
        return None
    for key, name in (("user_env", settings.user_env), ("password_env", settings.password_env)):
        if not os.environ.get(name):
            raise GestureError(
                f"data.download.{key}: the environment variable {name} is not set: export it and run again"
            )
    source = f"the environment variables {settings.user_env} and {settings.password_env}"
    return Credentials(os.environ[settings.user_env], os.environ[settings.password_env], source)


def _assemble(files: list[RemoteFile], downloads: Path, folder: Path) -> None:
    """Unpacks the archives, and links the other files, into a fresh folder."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    for file in files:
        if file.unpack:
            unpack(downloads / file.name, folder)
        else:
            _link(downloads / file.name, folder / file.name)


def _link(path: Path, link: Path) -> None:
    if link.exists():
        raise GestureError(f"data.download.files: {path.name} is also in one of the unpacked archives: rename it")
    link_or_copy(path, link)
