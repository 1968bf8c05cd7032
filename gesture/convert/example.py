"""One sequence as the bytes of a tf.train.Example: encode and decode side by side.

Images are uint8, the skeleton float32, laid out as `gesture.convert.layouts` says; the skeleton picture is drawn on
reading. Only a compact record names its layout. The message type is declared here field by field, as in
tensorflow/core/example/{example,feature}.proto, so that records are written and read without TensorFlow.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from gesture.convert.layouts import from_compact, from_lean, to_compact, to_lean
from gesture.formats.sequence import MODALITIES, Sequence

_UNLABELLED = -1


def encode(sequence: Sequence, layout: str = "lean") -> bytes:
    """The sequence as a serialised Example; equal sequences give equal bytes."""
    to_bytes = to_compact if layout == "compact" else to_lean
    example = Example()
    features = example.features.feature
    integers = {
        "id": sequence.id,
        "length": sequence.length,
        "label": _UNLABELLED if sequence.label is None else sequence.label,
    }
    for name, array in sequence.arrays.items():
        if name != "skeleton":
            integers |= {"height": array.shape[1], "width": array.shape[2]}
        features[name].bytes_list.value.append(to_bytes(name, array))
    if sequence.max_depth_mm is not None:
        integers["max_depth_mm"] = sequence.max_depth_mm
    for name, value in integers.items():
        features[name].int64_list.value.append(value)
    for name in ("split", "subject", "source"):
        text = getattr(sequence, name)
        if text is not None:
            features[name].bytes_list.value.append(text.encode())
    if layout != "lean":
        features["layout"].bytes_list.value.append(layout.encode())
    return bytes(example.SerializeToString(deterministic=True))


def decode(data: bytes) -> Sequence:
    """The sequence that `encode` was given, to the bit.

    Raises:
        ValueError: the bytes are no such Example.
    """
    features = Example.FromString(data).features.feature

    def integer(name: str) -> int | None:
        return int(features[name].int64_list.value[0]) if name in features else None

    def text(name: str) -> str | None:
        return features[name].bytes_list.value[0].decode() if name in features else None

    from_bytes = from_compact if text("layout") == "compact" else from_lean
    length, image = integer("length") or 0, (integer("height") or 0, integer("width") or 0)
    shapes = {"rgb": (*image, 3), "depth": (*image, 1), "mask": (*image, 1), "skeleton": (20, 9)}
    arrays: dict[str, Any] = {
        name: from_bytes(name, features[name].bytes_list.value[0], (length, *shapes[name]))
        for name in MODALITIES
        if name in features
    }
    label = integer("label")
    return Sequence(
        id=integer("id") or 0,
        split=text("split") or "",
        label=None if label == _UNLABELLED else label,
        subject=text("subject"),
        source=text("source"),
        max_depth_mm=integer("max_depth_mm"),
        **arrays,
    )


def _declare_example() -> Any:
    """The message class of tf.train.Example, with its public field numbers."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="gesture/example.proto", package="gesture", syntax="proto3")

    def message(name: str, *fields: tuple[str, int, Any, str | None]) -> Any:
        made = file.message_type.add(name=name)
        for field_name, number, kind, type_name in fields:
            repeated = field_name in ("value", "feature")
            made.field.add(
                name=field_name,
                number=number,
                type=kind,
                type_name=type_name,
                label=field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL,
            )
        return made

    message("BytesList", ("value", 1, field.TYPE_BYTES, None))
    message("FloatList", ("value", 1, field.TYPE_FLOAT, None))
    message("Int64List", ("value", 1, field.TYPE_INT64, None))
    feature = message(
        "Feature",
        ("bytes_list", 1, field.TYPE_MESSAGE, ".gesture.BytesList"),
        ("float_list", 2, field.TYPE_MESSAGE, ".gesture.FloatList"),
        ("int64_list", 3, field.TYPE_MESSAGE, ".gesture.Int64List"),
    )
    feature.oneof_decl.add(name="kind")
    for one in feature.field:
        one.oneof_index = 0
    features = message("Features", ("feature", 1, field.TYPE_MESSAGE, ".gesture.Features.FeatureEntry"))
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(
        name="value", number=2, type=field.TYPE_MESSAGE, type_name=".gesture.Feature", label=field.LABEL_OPTIONAL
    )
    message("Example", ("features", 1, field.TYPE_MESSAGE, ".gesture.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("gesture.Example"))


Example = _declare_example()
