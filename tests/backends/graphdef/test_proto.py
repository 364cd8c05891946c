"""Our messages are TensorFlow's byte for byte, and live beside them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from slimdsl.backends.graphdef.emission import node_field, weight_slot
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.backends.graphdef.proto import GraphDef, NodeDef
from slimdsl.ir.graph import Tensor, Variable
from slimdsl.ops.initializers import Zeros
from slimdsl.types import DType, TensorType
from tests.work import PATIENCE

OURS = "import slimdsl.backends.graphdef.proto as ours"
THEIRS = "from tensorflow.core.framework import graph_pb2 as theirs"
USE = """
graph = ours.GraphDef()
node = graph.node.add(name="n", op="Const", input=["a", "^b"])
node.attr["s"].s = b"x"
node.attr["i"].i = -3
node.attr["f"].f = 0.1
node.attr["b"].b = False
node.attr["type"].type = 19
node.attr["shape"].shape.dim.add(size=-1)
node.attr["unknown"].shape.unknown_rank = True
node.attr["tensor"].tensor.dtype = 3
node.attr["tensor"].tensor.tensor_content = b"1234"
node.attr["strings"].list.s.extend([b"u", b"v"])
node.attr["ints"].list.i.extend([1, -2])
node.attr["floats"].list.f.extend([0.5, -2])
node.attr["bools"].list.b.extend([True, False])
node.attr["types"].list.type.extend([1, 14])
node.attr["shapes"].list.shape.add().dim.add(size=7)
graph.versions.producer = 1395
encoded = ours.serialize(graph)
other = theirs.GraphDef.FromString(encoded)
assert other.SerializeToString(deterministic=True) == encoded
assert str(other) == str(graph), (str(other), str(graph))
from google.protobuf import text_format
assert text_format.Parse(text_format.MessageToString(graph), theirs.GraphDef()) == other
"""


@pytest.mark.parametrize("order", [(OURS, THEIRS), (THEIRS, OURS)], ids=["ours first", "theirs first"])
def test_both_sorts_of_messages_live_in_one_process(order: tuple[str, str]) -> None:
    subprocess.run([sys.executable, "-c", "\n".join([*order, USE])], check=True, timeout=PATIENCE)


@pytest.mark.parametrize("shape", [(), (1,), (127,), (128,), (3, 3, 64, 64), (5, 6, 7)])
def test_a_weight_slot_is_the_constant_that_protobuf_writes(shape: tuple[int, ...]) -> None:
    tensor = Tensor("a/weights", 0, TensorType(dtype=DType.FLOAT32, shape=shape))
    variable = Variable("a/weights", tensor, Zeros(), None, trainable=True, scope="a")
    content = bytes(range(256)) * 2000
    content = content[: variable.size * 4]
    slot = weight_slot("a/weights", variable)
    assert slot.size == len(slot.header) + len(content)
    out = NodeWriter(training=False, seed=0)
    out.const("a/weights", [0] * variable.size, DType.FLOAT32, shape)
    out.nodes[0].attr["value"].tensor.tensor_content = content
    assert slot.header + content == node_field(out.nodes[0])


def test_attrs_are_in_the_order_of_their_names() -> None:
    """Protobuf alone does not see to that: its implementations sort maps differently."""
    names = ["T", "Tseed", "Ts", "dtype", "a", "Z", "TT"]
    node = NodeDef(name="n", op="Op", input=["x", "^y"])
    for name in names:
        node.attr[name].s = name.encode() * 3
    encoded = node_field(node)
    places = [encoded.index(name.encode() * 3) for name in sorted(names)]
    assert places == sorted(places)
    assert GraphDef.FromString(encoded).node[0] == node
