"""Vectors of length 1, and the best of each group."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.sizes import target_shape
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.unit import DivideByLength, GroupMaximum
from slimdsl.ops.windows import known
from slimdsl.types import DType


def lower_divide_by_length(node: Node, op: DivideByLength, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Square, Sum, Sqrt, RealDiv."""
    (x,) = inputs
    name, dtype = node.name, node.inputs[0].type.dtype
    squares = out.node("Square", out.unique(f"{name}/Square"), [x], T=dtype)
    axis = out.const(out.unique(f"{name}/reduction_indices"), (op.axis,), DType.INT32, (1,))
    attrs = {"T": dtype, "Tidx": DType.INT32, "keep_dims": True}
    total = out.node("Sum", out.unique(f"{name}/Sum"), [squares, axis], **attrs)
    epsilon = out.const(out.unique(f"{name}/epsilon"), op.epsilon, dtype)
    shifted = out.node("AddV2", out.unique(f"{name}/add"), [epsilon, total], T=dtype)
    length = out.node("Sqrt", out.unique(f"{name}/Sqrt"), [shifted], T=dtype)
    return (out.node("RealDiv", name, [x, length], T=dtype),)


def lower_group_maximum(node: Node, op: GroupMaximum, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """``[N, …, C]`` to ``[N, …, units, C / units]``, then Max over the last axis."""
    x = node.inputs[0].type
    name, rank = node.name, x.rank
    shape = (*x.shape[:-1], op.units, known(x.shape[-1], x) // op.units)
    target, index = target_shape(out, name, inputs[0], x, shape)
    groups = out.node("Reshape", out.unique(f"{name}/Reshape"), [inputs[0], target], T=x.dtype, Tshape=index)
    axis = out.const(out.unique(f"{name}/reduction_indices"), (rank,), DType.INT32, (1,))
    return (out.node("Max", name, [groups, axis], T=x.dtype, Tidx=DType.INT32, keep_dims=False),)
