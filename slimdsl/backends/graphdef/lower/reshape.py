"""Reshape."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.sizes import target_shape
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.base import Primitive


def lower_reshape(node: Node, op: Primitive, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """``Reshape`` to a constant where at most one size is not known: readers other than TensorFlow want that."""
    x = node.inputs[0].type
    shape, dtype = target_shape(out, node.name, inputs[0], x, node.results[0].type.shape)
    return (out.node("Reshape", node.name, [inputs[0], shape], T=x.dtype, Tshape=dtype),)
