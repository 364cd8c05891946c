"""Matrix products."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.sizes import integers, target_shape
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.dense import MatMul
from slimdsl.ops.windows import known


def lower_matmul(node: Node, op: MatMul, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """MatMul; at ranks above 2 between two reshapes."""
    x, weights = node.inputs[0].type, node.inputs[1].type
    name = node.name
    if x.rank == 2:
        return (out.node("MatMul", name, inputs, T=x.dtype, transpose_a=False, transpose_b=False),)
    rows_shape, _ = integers(out, f"{name}/Reshape/shape", (-1, known(weights.shape[0], weights)), (2,))
    rows = out.node("Reshape", out.unique(f"{name}/Reshape"), [inputs[0], rows_shape], T=x.dtype)
    product = out.node(
        "MatMul", out.unique(f"{name}/MatMul"), [rows, inputs[1]], T=x.dtype, transpose_a=False, transpose_b=False
    )
    shape, dtype = target_shape(out, name, inputs[0], x, node.results[0].type.shape)
    return (out.node("Reshape", name, [product, shape], T=x.dtype, Tshape=dtype),)
