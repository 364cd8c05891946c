"""The nodes of softmax as TensorFlow's."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.softmax import MergeRows, SoftmaxRows, SplitRows
from slimdsl.types import DType


def lower_merge_rows(node: Node, op: MergeRows, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:  # noqa: ARG001
    """``Reshape`` to [-1, C]."""
    x = node.inputs[0].type
    sizes = [-1, x.shape[-1] if isinstance(x.shape[-1], int) else 0]
    shape = out.const(out.unique(f"{node.name}/shape"), sizes, DType.INT32, (2,))
    return (out.node("Reshape", node.name, [inputs[0], shape], T=x.dtype, Tshape=DType.INT32),)


def lower_split_rows(node: Node, op: SplitRows, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:  # noqa: ARG001
    """``Reshape`` to a constant shape where at most one size is not known, else to the shape at run time."""
    rows, like = inputs
    x = node.inputs[1].type
    sizes = [dim if isinstance(dim, int) else -1 for dim in x.shape]
    name = out.unique(f"{node.name}/shape")
    if sizes.count(-1) > 1:
        shape = out.node("Shape", name, [like], T=x.dtype, out_type=DType.INT32)
    else:
        shape = out.const(name, sizes, DType.INT32, (len(sizes),))
    return (out.node("Reshape", node.name, [rows, shape], T=x.dtype, Tshape=DType.INT32),)


def lower_softmax_rows(node: Node, op: SoftmaxRows, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:  # noqa: ARG001
    """``Softmax``."""
    return (out.node("Softmax", node.name, inputs, T=node.inputs[0].type.dtype),)
