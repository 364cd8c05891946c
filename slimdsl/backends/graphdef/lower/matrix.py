"""Products of two tensors, and the causal mask."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.sizes import shape_of, size_of_axis
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.matrix import MaskFuture, MatrixProduct
from slimdsl.types import DType

_LEAST = {
    DType.FLOAT32: -3.4028234663852886e38,
    DType.FLOAT64: -1.7976931348623157e308,
    DType.FLOAT16: -65504.0,
    DType.BFLOAT16: -3.3895313892515355e38,
}
"""The least finite number of each type: infinity would give no number where it is multiplied by 0."""


def lower_matrix_product(node: Node, op: MatrixProduct, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """MatMul, or BatchMatMulV2 above rank 2."""
    x = node.inputs[0].type
    if x.rank == 2:
        attrs = {"T": x.dtype, "transpose_a": op.transpose_a, "transpose_b": op.transpose_b}
        return (out.node("MatMul", node.name, inputs, **attrs),)
    return (out.node("BatchMatMulV2", node.name, inputs, T=x.dtype, adj_x=op.transpose_a, adj_y=op.transpose_b),)


def lower_mask_future(node: Node, op: MaskFuture, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """SelectV2 by comparing the numbers of rows and columns, which takes no constant of L * L elements."""
    (x,) = inputs
    kind, name = node.inputs[0].type, node.name
    length = kind.shape[-1] if isinstance(kind.shape[-1], int) else kind.shape[-2]
    if isinstance(length, int):
        count = out.const(out.unique(f"{name}/length"), length, DType.INT32)
    else:
        count = size_of_axis(out, name, shape_of(out, name, x, kind.dtype), kind.rank - 1)
    start, delta = (out.const(out.unique(f"{name}/{part}"), n, DType.INT32) for part, n in (("start", 0), ("delta", 1)))
    columns = out.node("Range", out.unique(f"{name}/range"), [start, count, delta], Tidx=DType.INT32)
    axis = out.const(out.unique(f"{name}/dim"), 1, DType.INT32)
    rows = out.node("ExpandDims", out.unique(f"{name}/rows"), [columns, axis], T=DType.INT32, Tdim=DType.INT32)
    seen = out.node("GreaterEqual", out.unique(f"{name}/seen"), [rows, columns], T=DType.INT32)
    least = out.const(out.unique(f"{name}/least"), _LEAST[kind.dtype], kind.dtype)
    return (out.node("SelectV2", name, [seen, x, least], T=kind.dtype),)
