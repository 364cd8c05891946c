"""The messages of a SavedModel by the names of their fields, written in one way only.

A message's fields go out in the order of their numbers and the entries of a map in that of their keys, so that the same
content is the same bytes wherever it is written; what protobuf's own implementations make of maps differs. The numbers
are those of tensorflow/core/protobuf/{saved_model,meta_graph,saver,saved_object_graph,struct}.proto, of
trackable_object_graph.proto beside them, and of
tensorflow/core/framework/{graph,function,op_def,attr_value,tensor_shape,variable,versions}.proto; only the fields that
are written or read here are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Union

from slimdsl.backends.graphdef.proto import DATA_TYPES
from slimdsl.types import DType, TensorType
from slimdsl.weights.wire import bytes_field, varint, varint_field

Content = Union[int, str, bytes, Sequence[int], Sequence[str], Sequence[bytes], Mapping[str, bytes], Mapping[str, str]]
"""What a field may be given: a number, a text, an encoded message, several of one of these, or a map."""

_MAP_KEY, _MAP_VALUE = 1, 2
_BITS = (1 << 64) - 1

FIELDS: dict[str, dict[str, int]] = {
    "SavedModel": {"saved_model_schema_version": 1, "meta_graphs": 2},
    "MetaGraphDef": {
        "meta_info_def": 1, "graph_def": 2, "saver_def": 3, "collection_def": 4, "signature_def": 5,
        "object_graph_def": 7,
    },
    "MetaInfoDef": {"tags": 4},
    "GraphDef": {"node": 1, "library": 2, "versions": 4},
    "FunctionDefLibrary": {"function": 1},
    "SaverDef": {"filename_tensor_name": 1, "save_tensor_name": 2, "restore_op_name": 3, "version": 7},
    "CollectionDef": {"bytes_list": 2},
    "BytesList": {"value": 1},
    "VariableDef": {
        "variable_name": 1, "initializer_name": 2, "snapshot_name": 3, "is_resource": 5, "initial_value_name": 6,
        "trainable": 7,
    },
    "SignatureDef": {"inputs": 1, "outputs": 2, "method_name": 3},
    "TensorInfo": {"name": 1, "dtype": 2, "tensor_shape": 3},
    "TensorShapeProto": {"dim": 2, "unknown_rank": 3},
    "Dim": {"size": 1},
    "FunctionDef": {"signature": 1, "node_def": 3, "ret": 4, "control_ret": 6, "arg_attr": 7},
    "OpDef": {"name": 1, "input_arg": 2, "output_arg": 3, "is_stateful": 17, "control_output": 20},
    "ArgDef": {"name": 1, "type": 3, "handle_data": 7},
    "DtypeAndShape": {"dtype": 1, "shape": 2},
    "ArgAttrEntry": {"key": 1, "value": 2},
    "ArgAttrs": {"attr": 1},
    "AttrValue": {"list": 1, "s": 2},
    "ListValue": {"shape": 7},
    "SavedObjectGraph": {"nodes": 1, "concrete_functions": 2},
    "SavedObject": {"children": 1, "user_object": 4, "function": 6, "variable": 7, "bare_concrete_function": 8},
    "ObjectReference": {"node_id": 1, "local_name": 2},
    "SavedUserObject": {"identifier": 1, "version": 2},
    "VersionDef": {"producer": 1, "min_consumer": 2},
    "SavedVariable": {"dtype": 1, "shape": 2, "trainable": 3, "name": 6},
    "SavedFunction": {"concrete_functions": 1, "function_spec": 2},
    "SavedBareConcreteFunction": {
        "concrete_function_name": 1, "argument_keywords": 2, "allowed_positional_arguments": 3, "function_spec": 4,
    },
    "SavedConcreteFunction": {"bound_inputs": 2, "canonicalized_input_signature": 3, "output_signature": 4},
    "FunctionSpec": {"fullargspec": 1, "input_signature": 5},
    "StructuredValue": {
        "none_value": 1, "string_value": 13, "tensor_spec_value": 33, "list_value": 51, "tuple_value": 52,
        "dict_value": 53, "named_tuple_value": 54,
    },
    "ListValue_": {"values": 1},
    "DictValue": {"fields": 1},
    "NamedTupleValue": {"name": 1, "values": 2},
    "PairValue": {"key": 1, "value": 2},
    "TensorSpecProto": {"name": 1, "shape": 2, "dtype": 3},
    "TrackableObjectGraph": {"nodes": 1},
    "TrackableObject": {"children": 1, "attributes": 2, "has_checkpoint_values": 5},
    "SerializedTensor": {"name": 1, "full_name": 2, "checkpoint_key": 3},
    "BoolValue": {"value": 1},
}  # fmt: skip
"""Message -> name of the field -> its number. `ListValue_` is that of struct.proto, of lists and of tuples."""


def message(kind: str, /, **fields: Content) -> bytes:
    """Encode a message.

    Args:
        kind: an entry of `FIELDS`.
        **fields: what is in it. A number that is 0 and an empty text are left out, as a field that is not there means
            them; an empty message is not.
    """
    numbers = FIELDS[kind]
    ordered = sorted((numbers[name], content) for name, content in fields.items())
    return b"".join(piece for number, content in ordered for piece in _field(number, content))


def _field(number: int, content: Content) -> Iterator[bytes]:
    if isinstance(content, int):
        yield varint_field(number, content & _BITS)
    elif isinstance(content, str):
        yield bytes_field(number, content.encode()) if content else b""
    elif isinstance(content, bytes):
        yield bytes_field(number, content)
    elif isinstance(content, Mapping):
        for key in sorted(content):
            entry = bytes_field(_MAP_KEY, key.encode()) + bytes_field(_MAP_VALUE, _encoded(content[key]))
            yield bytes_field(number, entry)
    elif content and isinstance(content[0], int):
        # Repeated numbers are packed into one field.
        yield bytes_field(number, b"".join(varint(item) for item in content if isinstance(item, int)))
    else:
        for item in content:
            yield bytes_field(number, _encoded(item))


def _encoded(item: object) -> bytes:
    if isinstance(item, bytes):
        return item
    assert isinstance(item, str)
    return item.encode()


def shape_message(type: TensorType) -> bytes:
    """The TensorShapeProto of a tensor's type, with -1 for every dimension that is not known."""
    dims = [message("Dim", size=dim if isinstance(dim, int) else -1) for dim in type.shape]
    return message("TensorShapeProto", dim=dims)


def type_number(dtype: DType) -> int:
    """TensorFlow's number of an element type."""
    return DATA_TYPES[dtype.value]
