"""What a graph would meet on a GPU, read from the kernels registered in this very TensorFlow; no GPU is needed.

The Linux wheel is one binary for CPU and GPU, so its registry names the GPU's kernels, their types, and which of their
inputs and outputs lie in the host's memory. TensorFlow's placer puts an operation on the GPU if there is a kernel for
its types, and on the host otherwise.
"""

import mmap
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.python.framework import kernels

# What a function takes and gives, and edges that only say what comes first: nothing runs.
_PASSING = {"Placeholder", "_Arg", "_Retval", "NoOp"}

# Kernels that copy something back and wait for it, as TensorFlow's sources say.
WAITING = {
    "Where": "waits to know how many there are",
    "Unique": "waits to know how many there are",
    "ScatterNd": "waits for a check of its indices when it must be deterministic",
    "TensorScatterUpdate": "waits for a check of its indices when it must be deterministic",
    "SegmentSum": "waits to know how many rows there are",
    "BooleanMask": "waits to know how many there are",
}

MESSAGE = re.compile(
    r"A deterministic GPU implementation|Determinism is not yet supported|Deterministic GPU implementation|"
    r"The GPU implementation of .* is not deterministic"
)

# TensorFlow 2.21's messages, as `messages_of_determinism` finds them, and the operations that they are about. None of
# the two about segments can appear: those kernels have a deterministic form, which they take when it is required.
_NO = "A deterministic GPU implementation of {} is not currently available."
_NOT_YET = "Determinism is not yet supported {}."
_OTHER = (
    "The GPU implementation of {} that would have been executed is not deterministic. Note that the Python API uses an "
    "alternative, deterministic, GPU-accelerated path when {} is enabled."
)
MESSAGES: dict[str, tuple[str, ...]] = {
    _NO.format("AdjustContrast"): ("AdjustContrast",),
    _NO.format("AdjustContrastv2"): ("AdjustContrastv2",),
    _NO.format("ResizeNearestNeighborGrad"): ("ResizeNearestNeighborGrad",),
    _NO.format("SparseTensorDenseMatmulOp"): ("SparseTensorDenseMatMul",),
    # Looked at by itself: training is the usual case.
    _NO.format("fused batch-norm backprop, when training is disabled,"): (),
    # The cuDNN that is pinned is newer.
    "A deterministic GPU implementation of DepthwiseConvBackpropFilter is not available with this version of cuDNN. "
    "Please build with cuDNN version 7.6.3 or later.": (),
    _NOT_YET.format("for DebugNumericSummaryV2 when tensor_debug_mode is CONCISE_HEALTH"): ("DebugNumericSummaryV2",),
    _NOT_YET.format("for DebugNumericSummaryV2 when tensor_debug_mode is FULL_HEALTH"): ("DebugNumericSummaryV2",),
    _NOT_YET.format("for Dilation2DBackpropFilter"): ("Dilation2DBackpropFilter",),
    _NOT_YET.format("for Dilation2DBackpropInput"): ("Dilation2DBackpropInput",),
    _NOT_YET.format("for MaxPoolGradWithArgmax"): ("MaxPoolGradWithArgmax",),
    _NOT_YET.format("for SVD of matrices with 1 column"): ("Svd",),
    _NOT_YET.format("in GPU implementation of Bincount"): ("Bincount",),
    _NOT_YET.format("in GPU implementation of DenseBincount"): ("DenseBincount",),
    _NOT_YET.format("in GPU implementation of FakeQuantWithMinMaxVarsGradient"): ("FakeQuantWithMinMaxVarsGradient",),
    _NOT_YET.format("in GPU implementation of FakeQuantWithMinMaxVarsPerChannelGradient"): (
        "FakeQuantWithMinMaxVarsPerChannelGradient",
    ),
    # Looked at by name, see REFERENCES.
    "Determinism is not yet supported in GPU implementation of Scatter ops with ref inputs. Consider using resource "
    "variables instead if you want to run Scatter when op determinism is enabled.": (),
    "Deterministic GPU implementation of CropAndResizeBackpropBoxes not available.": ("CropAndResizeGradBoxes",),
    "Deterministic GPU implementation of CropAndResizeBackpropImage not available.": ("CropAndResizeGradImage",),
    "Deterministic GPU implementation of sorted segment reduction op not available.": (),
    "Deterministic GPU implementation of unsorted segment reduction op not available.": (),
    _OTHER.format("SoftmaxCrossEntropyWithLogits", "determinism"): ("SoftmaxCrossEntropyWithLogits",),
    _OTHER.format("SparseSoftmaxCrossEntropyWithLogits", "determinsim"): ("SparseSoftmaxCrossEntropyWithLogits",),
}
NOT_DETERMINISTIC = {op for ops in MESSAGES.values() for op in ops} | {"NonDeterministicInts", "Timestamp"}
# Names of the scatters into references, which TensorFlow 1 had for variables.
REFERENCES = ("ScatterAdd", "ScatterSub", "ScatterMul", "ScatterDiv", "ScatterUpdate", "ScatterMin", "ScatterMax")


class Finding(NamedTuple):
    """One thing that a GPU would not like."""

    what: str
    op: str
    types: tuple[str, ...]
    where: str

    def __str__(self) -> str:
        return f"{self.op} ({', '.join(self.types)}) {self.what}: {self.where}"


def without_gpu_kernel(graph: tf.Graph) -> list[Finding]:
    """Operations, also of loops, branches and gradients, that a GPU has no kernel for in their types."""
    return [
        Finding("has no GPU kernel", op.type, _types(op), op.name)
        for op in operations(graph)
        if op.type not in _PASSING and _kernel(op) is None
    ]


def waiting_for_the_gpu(graph: tf.Graph) -> list[Finding]:
    """Operations whose GPU kernel makes the host wait for all that was launched before it."""
    return [Finding(WAITING[op.type], op.type, _types(op), op.name) for op in operations(graph) if op.type in WAITING]


def copied_to_the_host(graph: tf.Graph) -> dict[tuple[str, str], list[str]]:
    """What operations on the GPU make and others read in the host's memory: each copy waits for all before it.

    Kernels say which of their inputs and outputs lie in the host's memory; TensorFlow does most of int32 there. What
    functions take and give has no kernel, and int32 of it lies with the host, as TensorFlow's placer assumes.

    Returns:
        (maker, reader) -> names of the readers. Handles of variables are on neither side and are left out.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for op in operations(graph):
        for tensor, at_host in zip(op.inputs, _at_host(op, "input_arg"), strict=True):
            if at_host and tensor.dtype != tf.resource and not _at_host(tensor.op, "output_arg")[tensor.value_index]:
                found.setdefault((tensor.op.type, op.type), []).append(op.name)
    return found


def not_deterministic(graph: tf.Graph) -> list[Finding]:
    """Operations that TensorFlow itself refuses, or warns of, when it must be deterministic on a GPU."""
    return [
        Finding("is not deterministic", op.type, _types(op), op.name)
        for op in operations(graph)
        if op.type in NOT_DETERMINISTIC
        or (op.type.startswith("FusedBatchNormGrad") and not op.get_attr("is_training"))
        or op.type in REFERENCES
    ]


def messages_of_determinism() -> set[str]:
    """What the TensorFlow that is installed can say about operations that are not deterministic."""
    library = Path(tf.sysconfig.get_lib()) / "libtensorflow_cc.so.2"
    found, place = set(), 0
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while (place := data.find(b"eterminis", place)) >= 0:
            begin, end = data.rfind(b"\0", max(0, place - 400), place) + 1, data.find(b"\0", place)
            text = data[begin:end].decode("latin-1").strip()
            if MESSAGE.match(text):
                found.add(text)
            place = end
    return found


def operations(graph: tf.Graph) -> Iterator[tf.Operation]:
    """All operations of a graph and of the functions that it calls."""
    for each in _graphs(graph):
        yield from each.get_operations()


def _graphs(graph: tf.Graph, seen: set[str] | None = None) -> Iterator[tf.Graph]:
    seen = set() if seen is None else seen
    yield graph
    for op in graph.get_operations():
        for name in _called(op):
            if name not in seen:
                seen.add(name)
                yield from _graphs(_body(op.graph, name), seen)


def _called(op: tf.Operation) -> list[str]:
    attributes = op.node_def.attr.values()
    return [one.func.name for one in attributes if one.func.name] + [
        one.name for attribute in attributes for one in attribute.list.func
    ]


def _body(graph: Any, name: str) -> tf.Graph:
    while graph is not None:
        if name in graph._functions:
            return graph._functions[name].graph
        graph = getattr(graph, "outer_graph", None)
    raise KeyError(name)


def _at_host(op: tf.Operation, side: str) -> list[bool]:
    """Which of its inputs (`input_arg`) or outputs (`output_arg`) an operation has in the host's memory."""
    tensors = list(op.inputs if side == "input_arg" else op.outputs)
    kernel = None if op.type in _PASSING or _called(op) else _kernel(op)
    if kernel is None:
        return [one.dtype in (tf.int32, tf.string) for one in tensors]
    attributes, found = op.node_def.attr, []
    for argument in getattr(op.op_def, side):
        if argument.number_attr:
            count = attributes[argument.number_attr].i
        elif argument.type_list_attr:
            count = len(attributes[argument.type_list_attr].list.type)
        else:
            count = 1
        found += [argument.name in kernel.host_memory_arg] * count
    return found


def _types(op: tf.Operation) -> tuple[str, ...]:
    return tuple(one.dtype.name for one in op.inputs)


@cache
def _kernels(op_type: str) -> list[Any]:
    found = kernels.get_registered_kernels_for_op(op_type).kernel
    return [one for one in found if one.device_type in ("GPU", "DEFAULT")]


def _kernel(op: tf.Operation) -> Any:
    """The kernel that the GPU would run; its own before one for any device, as TensorFlow chooses."""
    fitting = [one for one in _kernels(op.type) if all(_allows(one, op) for one in one.constraint)]
    return max(fitting, key=lambda one: (one.priority, one.device_type == "GPU"), default=None)


def _allows(constraint: Any, op: tf.Operation) -> bool:
    attribute = op.node_def.attr[constraint.name]
    allowed = constraint.allowed_values.list.type
    types = list(attribute.list.type) or [attribute.type]
    return not allowed or all(one in allowed for one in types)  # some are registered for any type, or for a text
