"""What an emitted graph is before it is written: encoded nodes, and slots that raw weights are copied into.

A slot is everything of a constant's node but its numbers. So the exact size of the file is known before the first
number is read, and no weight ever passes through protobuf. Knows nothing of lowering and of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

from slimdsl.backends.graphdef.attributes import shape_message
from slimdsl.backends.graphdef.proto import DATA_TYPES, AttrValue, GraphDef, NodeDef, TensorProto, serialize
from slimdsl.ir.graph import Variable
from slimdsl.values import Value, value

PRODUCER = 1395
"""The version of GraphDef's rules that the nodes follow: TensorFlow 2.12's.

Below 24 a shape of rank 0 stands for an unknown rank; a number above a reader's own makes it warn of a file from the
future. 2.12 is the oldest release that the op table is compared with.
"""


@value
class WeightSlot(Value):
    """A constant whose numbers are those of a variable.

    Attributes:
        name: the node's name.
        variable: whose numbers belong here.
        header: the bytes of the GraphDef's `node` field that come before the numbers; the numbers end it.
    """

    name: str
    variable: Variable
    header: bytes

    @property
    def size(self) -> int:
        """Bytes of the header and the numbers."""
        return len(self.header) + content_size(self.variable)


Piece = Union[bytes, WeightSlot]


@value
class Emission(Value):
    """A graph ready to be written.

    Attributes:
        form: ``frozen`` or ``graphdef``.
        pieces: encoded `node` fields and weight slots, in order, and the version at the end.
        node_count: how many nodes there are.
        inputs: name of the input -> tensor.
        outputs: name of the output -> tensor.
        variables: name of the variable -> tensor that reads it.
        init: the node that initialises all variables; "" in a frozen graph.
        update_ops: the node that runs all updates of a training graph; "" where there are none.
        regularization_loss: the tensor with the sum of all penalties, in a training graph; "" where there are none.
        random_seed: the int64 tensor of shape [2] that is fed to get other random numbers; "" where none are drawn.
        training_step: the int64 scalar that is fed with the steps done before; "" where nothing depends on it.
    """

    form: str
    pieces: tuple[Piece, ...]
    node_count: int
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    variables: Mapping[str, str]
    init: str = ""
    update_ops: str = ""
    regularization_loss: str = ""
    random_seed: str = ""
    training_step: str = ""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in self.pieces)

    @property
    def slots(self) -> tuple[WeightSlot, ...]:
        """The slots that want weights."""
        return tuple(piece for piece in self.pieces if isinstance(piece, WeightSlot))


def content_size(variable: Variable) -> int:
    """Bytes of a variable's numbers."""
    return variable.size * variable.tensor.type.dtype.size


def varint(number: int) -> bytes:
    """Protobuf's encoding of a non-negative integer."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def node_field(node: Any) -> bytes:
    """A NodeDef as a field of a GraphDef."""
    return field(b"\x0a", node_bytes(node))


def node_bytes(node: Any) -> bytes:
    """A NodeDef, its attrs in the order of their names.

    The attrs are put together by hand, because implementations of protobuf differ in how they sort a map: some have
    ``Tseed`` before ``T``.
    """
    encoded = serialize(NodeDef(name=node.name, op=node.op, input=node.input))
    attrs = (attr_field(name, serialize(node.attr[name])) for name in sorted(node.attr))
    return b"".join((encoded, *attrs))


def attr_field(name: str, value: bytes) -> bytes:
    """An attr as a field of a NodeDef, which is an entry of a map."""
    return field(b"\x2a", field(b"\x0a", name.encode()) + field(b"\x12", value))


def field(tag: bytes, content: bytes) -> bytes:
    """A field with a length."""
    return tag + varint(len(content)) + content


def version_field() -> bytes:
    """The last piece of a graph."""
    return serialize(GraphDef(versions={"producer": PRODUCER}))


def weight_slot(name: str, variable: Variable) -> WeightSlot:
    """The slot of a constant with a variable's numbers.

    The nested messages are opened by hand: each length counts the numbers, which stand at the very end of all of them,
    as `tensor_content` (4) is the last field of the tensor, and `value` the last attr.
    """
    number = DATA_TYPES[variable.tensor.type.dtype.value]
    tensor = TensorProto(dtype=number, tensor_shape=shape_message(variable.shape))
    tensor.tensor_shape.SetInParent()
    node = serialize(NodeDef(name=name, op="Const")) + attr_field("dtype", serialize(AttrValue(type=number)))
    count = content_size(variable)
    header = serialize(tensor) + b"\x22" + varint(count)
    for before in (b"\x42", b"\x0a\x05value\x12", node + b"\x2a", b"\x0a"):
        # The tag of the field, or what stands before it in its message, then the length of what follows.
        header = before + varint(len(header) + count) + header
    return WeightSlot(name=name, variable=variable, header=header)
