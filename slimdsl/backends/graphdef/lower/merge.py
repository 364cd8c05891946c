"""Merges."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.merge import Add, Concat, Maximum, Minimum, Mul, Pack, Sub
from slimdsl.types import DType


def _binary(tensorflow_op: str, node: Node, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    return (out.node(tensorflow_op, node.name, inputs, T=node.inputs[0].type.dtype),)


def lower_add(node: Node, op: Add, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """AddV2."""
    return _binary("AddV2", node, inputs, out)


def lower_sub(node: Node, op: Sub, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Sub."""
    return _binary("Sub", node, inputs, out)


def lower_mul(node: Node, op: Mul, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Mul."""
    return _binary("Mul", node, inputs, out)


def lower_maximum(node: Node, op: Maximum, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Maximum."""
    return _binary("Maximum", node, inputs, out)


def lower_minimum(node: Node, op: Minimum, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Minimum."""
    return _binary("Minimum", node, inputs, out)


def lower_concat(node: Node, op: Concat, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """ConcatV2; an axis counted from the front, since OpenCV does not know the others."""
    first = node.inputs[0].type
    axis = out.const(out.unique(f"{node.name}/axis"), op.axis % first.rank, DType.INT32)
    return (out.node("ConcatV2", node.name, [*inputs, axis], T=first.dtype, N=len(inputs), Tidx=DType.INT32),)


def lower_pack(node: Node, op: Pack, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Pack."""
    axis = op.axis % (node.inputs[0].type.rank + 1)
    return (out.node("Pack", node.name, inputs, T=node.inputs[0].type.dtype, N=len(inputs), axis=axis),)
