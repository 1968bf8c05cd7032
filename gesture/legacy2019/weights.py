"""Weights of the 2019 program (TensorFlow 1): the names of its tensors, and loading them into an `SMnet`.

Both of TensorFlow's checkpoint formats are read. Kernels have the same layout there and here.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from gesture.base.errors import GestureError
from gesture.base.text import few
from gesture.legacy2019.weight_files import existing
from gesture.networks.layers.encoders import ClipEncoder
from gesture.networks.layers.recurrent import AttentionCell
from gesture.networks.layers.smnet import SMnet
from gesture.networks.smnet import CONVOLUTIONS

# Stream -> variable scope, scope of the stack and of the head.
SCOPES = {
    "rgb": ("C3D_model", "c3d_var", "c3d_rgb_encoder"),
    "depth": ("C3D_depth", "c3d_depth", "c3d_depth_encoder"),
    "skeleton": ("C3D_sk_model", "sk_var", "c3d_sk_encoder"),
}
_COLOUR_KERNEL = "C3D_model/c3d_var/wc1"
_NORM = ("gamma", "beta", "moving_mean", "moving_variance")

Variables = dict[str, keras.Variable]
Tensors = dict[str, np.ndarray]
T = TypeVar("T")


@dataclass(frozen=True)
class Sizes:
    """What a checkpoint's shapes say of its network: arguments of `SMnetSettings` and of `build`."""

    widths: tuple[int, ...]
    head_units: tuple[int, int, int]
    recurrent_units: int
    streams: tuple[str, ...]
    classes: int


def sizes(path: Path) -> Sizes:
    """Reads the sizes of the network that wrote a checkpoint.

    Raises:
        GestureError: the file is missing, damaged, or not one of the 2019 program.
    """
    shapes = read_checkpoint(path, lambda reader: reader.get_variable_to_shape_map())
    streams = tuple(name for name, (scope, stack, _) in SCOPES.items() if f"{scope}/{stack}/wc1" in shapes)
    stacks = {name: "/".join(SCOPES[name][:2]) for name in streams}
    widths = [
        max((shapes[key][-1] for stack in stacks.values() if (key := f"{stack}/wc{name}") in shapes), default=0)
        for name in CONVOLUTIONS
    ]
    heads = [shapes.get(f"{scope}/{head}/dense/bias", [1])[0] for scope, _, head in SCOPES.values()]
    vector = shapes.get("rnn_model/recurrent/bidirectional_rnn/fw/attention_cell_wrapper/attention/attn_v")
    logits = shapes.get("logits/dense/bias")
    if not streams or vector is None or logits is None:
        raise GestureError(f"{path}: no checkpoint of the 2019 program; it has {_named(shapes)}")
    rgb, depth, skeleton = heads
    return Sizes(tuple(filter(None, widths)), (rgb, depth, skeleton), vector[0], streams, logits[0])


def variables_by_name(network: SMnet) -> Variables:
    """All variables of the network under their 2019 names; 160 at full size."""
    named: Variables = {}
    for stream, encoder in zip(network.streams, network.encoders, strict=True):
        named |= convolutions(stream, encoder) | _norms_and_head(stream, encoder)
    for direction, cell in zip(("fw", "bw"), network.recurrent.cells, strict=True):
        named |= _cell(f"rnn_model/recurrent/bidirectional_rnn/{direction}/attention_cell_wrapper", cell)
    return named | _linear("logits/dense", [network.logits.kernel, network.logits.bias])


def load_checkpoint(network: SMnet, path: Path, blue_first: bool = False) -> None:
    """Sets all variables of the network from a 2019 checkpoint; optimiser slots are left out.

    Args:
        network: an `SMnet` of the same sizes.
        path: the checkpoint without suffix, such as `.../model-63581`.
        blue_first: it was trained on blue-first pictures, the network gets red-first ones.

    Raises:
        GestureError: the file is missing or damaged, lacks tensors, or has other shapes.
    """
    variables = variables_by_name(network)
    for name, tensor in _tensors(path, variables, {name: name for name in variables}, blue_first).items():
        variables[name].assign(tensor)


def adam_moments(network: SMnet, path: Path, blue_first: bool = False) -> tuple[int, Tensors, Tensors]:
    """What Adam remembered when a 2019 checkpoint was saved.

    Two optimisers each added 1 to the step, which began at 1; lost additions of the unlocked counter make it even.

    Returns:
        Steps made, and the first and second moments of all trained variables under their 2019 names.

    Raises:
        GestureError: as `load_checkpoint`, or the checkpoint has no such slots.
    """
    untrained = re.compile(r"moving_|(c3d_var|c3d_depth|sk_var)/batch_normalization")
    variables = {name: one for name, one in variables_by_name(network).items() if not untrained.search(name)}
    first, second = (
        _tensors(path, variables, {name: f"{name}/{slot}" for name in variables}, blue_first)
        for slot in ("Adam", "Adam_1")
    )
    counter = int(read_checkpoint(path, lambda reader: reader.get_tensor("Training/global_step")))
    return counter // 2, first, second


def convolutions(stream: str, encoder: ClipEncoder) -> Variables:
    """Kernels and biases of a stream's stack under their 2019 names."""
    scope, stack, _ = SCOPES[stream]
    named: Variables = {}
    for name, layer in zip(encoder.stack.names, encoder.stack.convolutions, strict=True):
        named |= {f"{scope}/{stack}/wc{name}": layer.kernel, f"{scope}/{stack}/bc{name}": layer.bias}
    return named


def _norms_and_head(stream: str, encoder: ClipEncoder) -> Variables:
    scope, stack, head = SCOPES[stream]
    norms = {
        f"{scope}/{stack}/batch_normalization" + (f"_{index}" if index else ""): norm
        for index, norm in enumerate(encoder.stack.norms)
    }
    norms[f"{scope}/{head}/batch_normalization"] = encoder.norm
    named = {f"{name}/{part}": getattr(norm, part) for name, norm in norms.items() for part in _NORM}
    return named | _linear(f"{scope}/{head}/dense", [encoder.dense.kernel, encoder.dense.bias])


def _cell(scope: str, cell: AttentionCell) -> Variables:
    return {
        **_linear(scope, cell.mix),
        **_linear(f"{scope}/lstm_cell", cell.gates),
        f"{scope}/attention/attn_w": cell.key_kernel,
        f"{scope}/attention/attn_v": cell.score_vector,
        **_linear(f"{scope}/attention", cell.query),
        **_linear(f"{scope}/attn_output_projection", cell.project),
    }


def _linear(scope: str, kernel_and_bias: list[keras.Variable]) -> Variables:
    kernel, bias = kernel_and_bias
    return {f"{scope}/kernel": kernel, f"{scope}/bias": bias}


def _tensors(path: Path, variables: Variables, names: Mapping[str, str], blue_first: bool) -> Tensors:
    """The tensors called ``names[name]`` for each variable, after looking that all are there and fit."""

    def read(reader: Any) -> Tensors:
        shapes = reader.get_variable_to_shape_map()
        expected = {names[name]: tuple(variable.shape) for name, variable in variables.items()}
        refuse_misfits(path, expected, shapes)
        return {name: reader.get_tensor(names[name]) for name in variables}

    tensors = read_checkpoint(path, read)
    refuse_not_finite(path, tensors)
    if blue_first and _COLOUR_KERNEL in tensors:
        tensors[_COLOUR_KERNEL] = tensors[_COLOUR_KERNEL][:, :, :, ::-1]
    return tensors


def refuse_misfits(path: Path, expected: Mapping[str, tuple[int, ...]], shapes: Mapping[str, Iterable[int]]) -> None:
    """Compares the shapes that a network expects with those in a file.

    Raises:
        GestureError: some are missing or differ; also what the file has instead.
    """
    missing = [name for name in expected if name not in shapes]
    differing = [
        f"{name} is {tuple(shapes[name])}, expected {shape}"
        for name, shape in expected.items()
        if name in shapes and tuple(shapes[name]) != shape
    ]
    problems = [f"no tensor {name}" for name in missing] + differing
    if problems:
        more = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
        has = f"; it has {_named(set(shapes) - set(expected))}" if missing else ""
        raise GestureError(f"{path}: does not fit this network: {'; '.join(problems[:3])}{more}{has}")


def _named(names: Iterable[str]) -> str:
    """At most four tensors in words."""
    return few(sorted(names), 4) or "no other tensor"


def read_checkpoint(path: Path, what: Callable[[Any], T]) -> T:
    """Reads from a checkpoint of either format; whatever TensorFlow says is one line."""
    existing(path)
    try:
        return what(tf.train.load_checkpoint(str(path)))
    except GestureError:
        raise
    except Exception as error:  # at damaged bytes TensorFlow raises almost anything, such as IndexError
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise GestureError(f"{path}: not readable as a TensorFlow checkpoint ({reason})") from error


def refuse_not_finite(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Looks for values that are no numbers, also those that are none as float32.

    Raises:
        GestureError: there are some; the tensors are named.
    """
    with np.errstate(over="ignore"):
        wrong = [name for name, one in tensors.items() if not np.isfinite(np.asarray(one, np.float32)).all()]
    if wrong:
        raise GestureError(
            f"{path}: {_named(wrong)}: values that are not finite in float32; the file is damaged or its training "
            "diverged"
        )
