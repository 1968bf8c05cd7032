"""Pretrained C3D convolutions (Tran et al. 2015) from the forms in which they are published.

| form | names | kernels |
|---|---|---|
| TensorFlow 1 checkpoint | `.../wc1` to `.../wc5b`, `.../bc1` to `.../bc5b` | DHWIO |
| Keras HDF5 | layers `conv1`, `conv2`, `conv3a` to `conv5b` | DHWIO |
| torch | `conv3a.weight`, `conv3a.conv.weight` (1 and 2 also `1a`, `2a`), or `features.N.weight` in order | OIDHW |
"""

import re
from pathlib import Path

import h5py
import numpy as np

from gesture.base.errors import GestureError
from gesture.legacy2019.torch_file import read_tensors
from gesture.legacy2019.weight_files import existing
from gesture.legacy2019.weights import SCOPES, Tensors, convolutions, read_checkpoint, refuse_misfits, refuse_not_finite
from gesture.networks.layers.smnet import SMnet
from gesture.networks.smnet import CONVOLUTIONS

_LAYER = "|".join(CONVOLUTIONS)
_CHECKPOINT_NAME = re.compile(rf"(?:(.*)/)?([wb]c(?:{_LAYER}))")
_KERAS_LAYER = re.compile(rf"conv({_LAYER})")
_TORCH_NAME = re.compile(rf"(?:.*\.)?conv(?:([12])a|({_LAYER}))(?:\.conv)?\.(weight|bias)")
_TORCH_NUMBER = re.compile(r"(?:.*\.)?features\.(\d+)\.(weight|bias)")


def load_pretrained(network: SMnet, files: dict[str, Path], blue_first: bool = False) -> None:
    """Sets kernels and biases of the network's convolutions; all are checked before the first is set.

    Args:
        network: an `SMnet`.
        files: its streams -> file.
        blue_first: the weights are for blue-first pictures, the colour stream gets red-first ones.

    Raises:
        GestureError: a file is missing, damaged or unsafe, lacks tensors, or has other shapes.
    """
    found = []
    for stream, encoder in zip(network.streams, network.encoders, strict=True):
        tensors, others = read_convolutions(files[stream], "/".join(SCOPES[stream][:2]))
        if blue_first and stream == "rgb" and "wc1" in tensors:
            tensors["wc1"] = tensors["wc1"][:, :, :, ::-1]
        variables = {name.rpartition("/")[2]: one for name, one in convolutions(stream, encoder).items()}
        expected = {name: tuple(one.shape) for name, one in variables.items()}
        shapes: dict[str, tuple[int, ...]] = {**dict.fromkeys(others, ()), **{k: v.shape for k, v in tensors.items()}}
        refuse_misfits(files[stream], expected, shapes)
        refuse_not_finite(files[stream], {name: tensors[name] for name in variables})
        found += [(variable, tensors[name]) for name, variable in variables.items()]
    for variable, tensor in found:
        variable.assign(tensor)


def read_convolutions(path: Path, scope: str = "") -> tuple[Tensors, list[str]]:
    """Kernels `wc1`... `(3, 3, 3, in, out)` and biases `bc1`... of a file in any form, float32.

    Args:
        path: the file; a TensorFlow checkpoint of several files without suffix.
        scope: which convolutions to take from a checkpoint that holds several stacks.

    Returns:
        What was recognised, and the names of all other tensors in the file.

    Raises:
        GestureError: the file is missing, damaged or unsafe.
    """
    existing(path)
    if path.is_file():
        if h5py.is_hdf5(path):
            return _from_keras(path)
        with path.open("rb") as file:
            start = file.read(4)
        if start[:1] == b"\x80" or start == b"PK\x03\x04":
            return _from_torch(path)
    return _from_checkpoint(path, scope)


def _from_checkpoint(path: Path, scope: str) -> tuple[Tensors, list[str]]:
    names = read_checkpoint(path, lambda reader: sorted(reader.get_variable_to_shape_map()))
    matches = [match for match in map(_CHECKPOINT_NAME.fullmatch, names) if match]
    scopes = {match[1] for match in matches}
    chosen = [match for match in matches if len(scopes) == 1 or match[1] == scope]
    taken = {match[2]: match[0] for match in chosen}
    tensors = read_checkpoint(path, lambda reader: {key: reader.get_tensor(name) for key, name in taken.items()})
    return tensors, sorted(set(names) - set(taken.values()))


def _from_keras(path: Path) -> tuple[Tensors, list[str]]:
    tensors: Tensors = {}
    others: list[str] = []

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        layers = [match[1] for part in name.split("/") if (match := _KERAS_LAYER.fullmatch(part))]
        kind = {5: "wc", 1: "bc"}.get(item.ndim)
        if layers and kind and not name.startswith("optimizer_weights/"):
            if item.external or item.is_virtual:
                raise GestureError(
                    f"{path}: {name} lies in other files, which are not read; give a file that holds all"
                )
            tensors[kind + layers[-1]] = np.asarray(item, np.float32)
        else:
            others.append(name)

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, OverflowError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise GestureError(f"{path}: not readable as HDF5 ({reason})") from error
    return tensors, others


def _from_torch(path: Path) -> tuple[Tensors, list[str]]:
    stored = read_tensors(path)
    numbers = sorted(
        int(match[1]) for name, one in stored.items() if (match := _TORCH_NUMBER.fullmatch(name)) and one.ndim == 5
    )
    layer_of = dict(zip(numbers, CONVOLUTIONS, strict=False))
    tensors: Tensors = {}
    others = []
    for name, tensor in stored.items():
        named, numbered = _TORCH_NAME.fullmatch(name), _TORCH_NUMBER.fullmatch(name)
        layer = (named[1] or named[2]) if named else layer_of.get(int(numbered[1])) if numbered else None
        if layer is None or tensor.ndim not in (1, 5):
            others.append(name)
        elif tensor.ndim == 5:
            tensors[f"wc{layer}"] = np.asarray(tensor.transpose(2, 3, 4, 1, 0), np.float32)
        else:
            tensors[f"bc{layer}"] = np.asarray(tensor, np.float32)
    return tensors, others
