"""Reductions."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.axes import axis_of
from slimdsl.ops.reduce import ArgMax, Reduction
from slimdsl.types import DType


def lower_reduction(node: Node, op: Reduction, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Mean, Sum, Max or Min."""
    x = node.inputs[0].type
    axes = op.reduced(x)
    indices = out.const(out.unique(f"{node.name}/reduction_indices"), axes, DType.INT32, (len(axes),))
    attrs = {"T": x.dtype, "Tidx": DType.INT32}
    return (out.node(op.node_name, node.name, [inputs[0], indices], **attrs, keep_dims=op.keep_dims),)


def lower_argmax(node: Node, op: ArgMax, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """ArgMax."""
    x = node.inputs[0].type
    axis = out.const(out.unique(f"{node.name}/dimension"), axis_of(x, op.axis), DType.INT32)
    attrs = {"T": x.dtype, "Tidx": DType.INT32, "output_type": DType.INT64}
    return (out.node("ArgMax", node.name, [inputs[0], axis], **attrs),)
