"""The nodes of softmax as TensorFlow's."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.sizes import target_shape
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.softmax import SoftmaxRows, SplitRows


def lower_split_rows(node: Node, op: SplitRows, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """``Reshape`` to the shape of the second input."""
    rows, like = inputs
    x = node.inputs[1].type
    shape, dtype = target_shape(out, node.name, like, x, x.shape)
    return (out.node("Reshape", node.name, [rows, shape], T=x.dtype, Tshape=dtype),)


def lower_softmax_rows(node: Node, op: SoftmaxRows, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """``Softmax``."""
    return (out.node("Softmax", node.name, inputs, T=node.inputs[0].type.dtype),)
