"""Weights of the 2019 program (TensorFlow 1): the names of its tensors, and loading them into an `SMnet`.

Both of TensorFlow's checkpoint formats are read. Kernels have the same layout there and here.
"""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from gesture.errors import GestureError
from gesture.models.encoders import ClipEncoder
from gesture.models.recurrent import AttentionCell
from gesture.models.smnet import SMnet

# Stream -> variable scope, scope of the stack and of the head, file of pretrained convolutions.
_SCOPES = {
    "rgb": ("C3D_model", "c3d_var", "c3d_rgb_encoder"),
    "depth": ("C3D_depth", "c3d_depth", "c3d_depth_encoder"),
    "skeleton": ("C3D_sk_model", "sk_var", "c3d_sk_encoder"),
}
PRETRAINED_FILES = {"rgb": "c3d_rgb.chkp", "depth": "c3d_depth.chkp", "skeleton": "c3d_sk.chkp"}
_NORM = ("gamma", "beta", "moving_mean", "moving_variance")

Variables = dict[str, keras.Variable]


def variables_by_name(network: SMnet) -> Variables:
    """All variables of the network under their 2019 names; 160 at full size."""
    named: Variables = {}
    for stream, encoder in zip(network.streams, network.encoders, strict=True):
        named |= _convolutions(stream, encoder) | _norms_and_head(stream, encoder)
    for direction, cell in zip(("fw", "bw"), network.recurrent.cells, strict=True):
        named |= _cell(f"rnn_model/recurrent/bidirectional_rnn/{direction}/attention_cell_wrapper", cell)
    return named | _linear("logits/dense", [network.logits.kernel, network.logits.bias])


def load_checkpoint(network: SMnet, path: Path) -> None:
    """Sets all variables of the network from a 2019 checkpoint; optimiser slots are left out.

    Args:
        network: an `SMnet` of the same sizes.
        path: the checkpoint without suffix, such as `.../model-63581`.

    Raises:
        GestureError: the file is missing or damaged, lacks tensors, or has other shapes.
    """
    _assign(variables_by_name(network), path)


def load_pretrained(network: SMnet, folder: Path) -> None:
    """Sets kernels and biases of the convolutions from the `PRETRAINED_FILES` of the network's streams.

    Raises:
        GestureError: a file is missing or damaged, lacks tensors, or has other shapes.
    """
    for stream, encoder in zip(network.streams, network.encoders, strict=True):
        _assign(_convolutions(stream, encoder), folder / PRETRAINED_FILES[stream])


def _convolutions(stream: str, encoder: ClipEncoder) -> Variables:
    scope, stack, _ = _SCOPES[stream]
    named: Variables = {}
    for name, layer in zip(encoder.stack.names, encoder.stack.convolutions, strict=True):
        named |= {f"{scope}/{stack}/wc{name}": layer.kernel, f"{scope}/{stack}/bc{name}": layer.bias}
    return named


def _norms_and_head(stream: str, encoder: ClipEncoder) -> Variables:
    scope, stack, head = _SCOPES[stream]
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


def _assign(variables: Mapping[str, keras.Variable], path: Path) -> None:
    """Sets variables from the tensors of the same names; all are checked before the first is set."""
    tensors = _read(path, variables)
    for name, variable in variables.items():
        variable.assign(tensors[name])


def _read(path: Path, variables: Mapping[str, keras.Variable]) -> dict[str, np.ndarray]:
    if not (path.is_file() or path.with_name(path.name + ".index").is_file()):
        raise GestureError(f"{path}: no such TensorFlow checkpoint (neither this file nor this name + .index)")
    try:
        reader = tf.train.load_checkpoint(str(path))
        shapes = reader.get_variable_to_shape_map()
        problems = [_problem(name, variable, shapes.get(name)) for name, variable in variables.items()]
        problems = [problem for problem in problems if problem]
        if problems:
            more = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
            raise GestureError(f"{path}: does not fit this network: {'; '.join(problems[:3])}{more}")
        return {name: reader.get_tensor(name) for name in variables}
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        raise GestureError(f"{path}: not readable as a TensorFlow checkpoint ({str(error).splitlines()[0]})") from error


def _problem(name: str, variable: keras.Variable, shape: list[int] | None) -> str:
    if shape is None:
        return f"no tensor {name}"
    if tuple(shape) != tuple(variable.shape):
        return f"{name} is {tuple(shape)}, expected {tuple(variable.shape)}"
    return ""
