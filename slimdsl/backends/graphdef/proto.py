"""TensorFlow's GraphDef messages, declared with their field numbers in a descriptor pool of our own.

The pool is private, because a second ``tensorflow.GraphDef`` in the common one breaks as soon as TensorFlow is imported
into the same process. Only the fields that are written here are declared; bytes and text are those of the original
(tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape,types,versions}.proto). Knows nothing of the
graphs of this project.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "slimdsl.tensorflow"

DATA_TYPES = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int8": 6, "string": 7, "int64": 9, "bool": 10,
    "bfloat16": 14, "uint16": 17, "float16": 19, "resource": 20, "uint32": 22, "uint64": 23, "int16": 5,
}  # fmt: skip
"""The numbers of TensorFlow's DataType by the element types' names."""

_ENUM_NAMES = {"float32": "DT_FLOAT", "float64": "DT_DOUBLE", "float16": "DT_HALF"}

# Message -> fields as (name, number, type); "*" marks a repeated field, ">" a member of the oneof `value`.
_MESSAGES: dict[str, tuple[tuple[str, int, str], ...]] = {
    "VersionDef": (("producer", 1, "int32"), ("min_consumer", 2, "int32"), ("bad_consumers", 3, "*int32")),
    "TensorShapeProto.Dim": (("size", 1, "int64"), ("name", 2, "string")),
    "TensorShapeProto": (("dim", 2, "*TensorShapeProto.Dim"), ("unknown_rank", 3, "bool")),
    "TensorProto": (
        ("dtype", 1, "DataType"),
        ("tensor_shape", 2, "TensorShapeProto"),
        ("tensor_content", 4, "bytes"),
        ("int_val", 7, "*int32"),
        ("string_val", 8, "*bytes"),
    ),
    "AttrValue.ListValue": (
        ("s", 2, "*bytes"),
        ("i", 3, "*int64"),
        ("f", 4, "*float"),
        ("b", 5, "*bool"),
        ("type", 6, "*DataType"),
        ("shape", 7, "*TensorShapeProto"),
    ),
    "AttrValue": (
        ("list", 1, ">AttrValue.ListValue"),
        ("s", 2, ">bytes"),
        ("i", 3, ">int64"),
        ("f", 4, ">float"),
        ("b", 5, ">bool"),
        ("type", 6, ">DataType"),
        ("shape", 7, ">TensorShapeProto"),
        ("tensor", 8, ">TensorProto"),
        ("func", 10, ">NameAttrList"),
    ),
    "NameAttrList": (("name", 1, "string"),),
    "NodeDef.AttrEntry": (("key", 1, "string"), ("value", 2, "AttrValue")),
    "NodeDef": (
        ("name", 1, "string"),
        ("op", 2, "string"),
        ("input", 3, "*string"),
        ("device", 4, "string"),
        ("attr", 5, "*NodeDef.AttrEntry"),
    ),
    "GraphDef": (("node", 1, "*NodeDef"), ("versions", 4, "VersionDef")),
}

_SCALARS = {"int32": 5, "int64": 3, "float": 2, "bool": 8, "string": 9, "bytes": 12}
_MESSAGE_TYPE, _ENUM_TYPE, _OPTIONAL, _REPEATED = 11, 14, 1, 3


def _add_field(message: Any, name: str, number: int, kind: str) -> None:
    declared = message.field.add(name=name, number=number, label=_REPEATED if kind[0] == "*" else _OPTIONAL)
    if kind[0] == ">":
        declared.oneof_index = 0
    bare = kind.lstrip("*>")
    if bare in _SCALARS:
        declared.type = _SCALARS[bare]
    else:
        declared.type = _ENUM_TYPE if bare == "DataType" else _MESSAGE_TYPE
        declared.type_name = f".{_PACKAGE}.{bare}"


def _file_descriptor() -> Any:
    file: Any = descriptor_pb2.FileDescriptorProto(name="slimdsl/graph.proto", package=_PACKAGE, syntax="proto3")
    enum = file.enum_type.add(name="DataType")
    enum.value.add(name="DT_INVALID", number=0)
    for name, number in DATA_TYPES.items():
        enum.value.add(name=_ENUM_NAMES.get(name, f"DT_{name.upper()}"), number=number)
    messages: dict[str, Any] = {}
    for path in sorted(_MESSAGES):
        outer, _, inner = path.rpartition(".")
        message = messages[outer].nested_type.add(name=inner) if outer else file.message_type.add(name=path)
        messages[path] = message
        if path.endswith("Entry"):
            message.options.map_entry = True
        if any(kind[0] == ">" for _, _, kind in _MESSAGES[path]):
            message.oneof_decl.add(name="value")
        for name, number, kind in _MESSAGES[path]:
            _add_field(message, name, number, kind)
    return file


def _message_classes() -> dict[str, Any]:
    pool: Any = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_file_descriptor().SerializeToString())
    paths = {path: pool.FindMessageTypeByName(f"{_PACKAGE}.{path}") for path in _MESSAGES}
    return {path: message_factory.GetMessageClass(descriptor) for path, descriptor in paths.items()}


_CLASSES = _message_classes()

GraphDef: Any = _CLASSES["GraphDef"]
NodeDef: Any = _CLASSES["NodeDef"]
AttrValue: Any = _CLASSES["AttrValue"]
NameAttrList: Any = _CLASSES["NameAttrList"]
TensorProto: Any = _CLASSES["TensorProto"]
TensorShapeProto: Any = _CLASSES["TensorShapeProto"]
VersionDef: Any = _CLASSES["VersionDef"]


def serialize(message: Any) -> bytes:
    """The bytes of a message without maps: fields in the order of their numbers, the same in every process."""
    encoded: bytes = message.SerializeToString(deterministic=True)
    return encoded
