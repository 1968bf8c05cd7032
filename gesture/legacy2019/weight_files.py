"""Files of weights from elsewhere: where a variant's settings point, and their digest; standard library only."""

import os
from collections.abc import Iterable
from pathlib import Path

from gesture.base.errors import GestureError
from gesture.base.files import file_digest, value_digest
from gesture.config.settings import Variant

# Stream of `smnet`, named as the modality it needs -> stem of its file in a folder of pretrained convolutions.
_STEMS = {"rgb": "c3d_rgb", "depth": "c3d_depth", "skeleton": "c3d_sk"}


def start_files(name: str, variant: Variant) -> list[Path]:
    """The files that a variant of this name starts from, without the `.index` of TensorFlow; none if from nothing.

    Raises:
        GestureError: one is not there, or there are several for a stream.
    """
    try:
        if variant.start is not None:
            return [existing(variant.start)]
        return sorted(set(pretrained_files(variant).values()))
    except GestureError as error:
        key = "start" if variant.start is not None else "pretrained"
        raise GestureError(f"variants.{name}.{key}: {error}; or remove the key to start from random weights") from None


def pretrained_files(variant: Variant) -> dict[str, Path]:
    """Stream -> file of convolutions: one file for all, or `c3d_rgb.*`, `c3d_depth.*`, `c3d_sk.*` in a folder.

    Raises:
        GestureError: there is no such file, or more than one for a stream.
    """
    if variant.pretrained is None:
        return {}
    streams = [stream for stream in _STEMS if stream in variant.modalities]
    folder = Path(os.path.expandvars(variant.pretrained))
    if not folder.is_dir():
        return dict.fromkeys(streams, existing(variant.pretrained))
    return {stream: _in_folder(folder, _STEMS[stream]) for stream in streams}


def existing(name: str | Path) -> Path:
    """The path of a file of weights, environment variables expanded.

    Raises:
        GestureError: there is neither a file nor a TensorFlow checkpoint of this name.
    """
    path = Path(os.path.expandvars(name))
    if not parts(path):
        raise GestureError(f"{path}: no such file of weights (nor with .index; looked in {Path.cwd()})")
    return path


def _in_folder(folder: Path, stem: str) -> Path:
    found = {path for path in folder.glob(f"{stem}.*") if ".data-" not in path.name and path.suffix != ".meta"}
    whole = sorted({path.with_suffix("") if path.suffix == ".index" else path for path in found})
    if len(whole) != 1:
        names = ", ".join(path.name for path in whole)
        problem = f"several files {stem}.* ({names}): keep one" if whole else f"no file {stem}.*, such as {stem}.chkp"
        raise GestureError(f"{folder}: {problem}")
    return whole[0]


def parts(path: Path) -> list[Path]:
    """The files that hold a checkpoint's bytes; none if there is none of this name."""
    if path.is_file():
        return [path]
    index = path.with_name(path.name + ".index")
    return [index, *sorted(path.parent.glob(f"{path.name}.data-*"))] if index.is_file() else []


def digest(paths: Iterable[Path]) -> str:
    """SHA-256 over the names and bytes of checkpoints."""
    return value_digest([[part.name, file_digest(part)] for path in sorted(set(paths)) for part in parts(path)])
