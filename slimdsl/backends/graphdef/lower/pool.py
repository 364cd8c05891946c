"""Pools over windows and over all spatial axes."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.conv import FORMATS
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.pool import AveragePooling, GlobalAvgPool, GlobalMaxPool, MaxPooling, Pooling
from slimdsl.types import DType


def lower_max_pooling(node: Node, op: MaxPooling, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """MaxPool or MaxPool3D."""
    return _pool("MaxPool", node, op, inputs, out)


def lower_average_pooling(node: Node, op: AveragePooling, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """AvgPool or AvgPool3D, whose means leave the padding out."""
    return _pool("AvgPool", node, op, inputs, out)


def _pool(operation: str, node: Node, op: Pooling, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    rank = node.inputs[0].type.rank
    result = out.node(
        operation if rank == 4 else f"{operation}3D",
        node.name,
        inputs,
        T=node.inputs[0].type.dtype,
        ksize=[1, *op.kernel, 1],
        strides=[1, *op.stride, 1],
        padding=op.padding.upper(),
        data_format=FORMATS[rank],
    )
    return (result,)


def lower_global_avg_pool(node: Node, op: GlobalAvgPool, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Mean."""
    return _reduce("Mean", node, op.keep_dims, inputs, out)


def lower_global_max_pool(node: Node, op: GlobalMaxPool, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Max."""
    return _reduce("Max", node, op.keep_dims, inputs, out)


def _reduce(operation: str, node: Node, keep_dims: bool, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    axes = tuple(range(1, node.inputs[0].type.rank - 1))
    indices = out.const(out.unique(f"{node.name}/reduction_indices"), axes, DType.INT32, (len(axes),))
    attrs = {"T": node.inputs[0].type.dtype, "Tidx": DType.INT32}
    return (out.node(operation, node.name, [inputs[0], indices], **attrs, keep_dims=keep_dims),)
