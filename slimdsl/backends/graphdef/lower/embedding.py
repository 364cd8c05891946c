"""Words and places as vectors."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.sizes import integers, pack, shape_of, size_of_axis
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.embedding import AddPositions, Lookup, OneHot, Prepend
from slimdsl.ops.windows import known
from slimdsl.types import DType


def lower_lookup(node: Node, op: Lookup, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """GatherV2."""
    ids, table = inputs
    axis = out.const(out.unique(f"{node.name}/axis"), 0, DType.INT32)
    attrs = {"Tparams": node.inputs[1].type.dtype, "Tindices": node.inputs[0].type.dtype, "Taxis": DType.INT32}
    return (out.node("GatherV2", node.name, [table, ids, axis], **attrs),)


def lower_add_positions(node: Node, op: AddPositions, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """AddV2 of the table, or of its first rows."""
    x, table = inputs
    kind, rows = node.inputs[0].type, node.inputs[1].type
    length = kind.shape[1]
    if length != rows.shape[0]:
        begin, _ = integers(out, f"{node.name}/begin", (0, 0), (2,))
        if isinstance(length, int):
            size, _ = integers(out, f"{node.name}/size", (length, -1), (2,))
        else:
            count = size_of_axis(out, node.name, shape_of(out, node.name, x, kind.dtype), 1)
            size = pack(out, f"{node.name}/size", [count, -1])
        table = out.node(
            "Slice", out.unique(f"{node.name}/Slice"), [table, begin, size], T=kind.dtype, Index=DType.INT32
        )
    return (out.node("AddV2", node.name, [x, table], T=kind.dtype),)


def lower_prepend(node: Node, op: Prepend, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """BroadcastTo over the batch, then ConcatV2."""
    x, table = inputs
    kind, tokens = node.inputs[0].type, node.inputs[1].type
    count, channels = (known(dim, tokens) for dim in tokens.shape)
    batch = kind.shape[0]
    if isinstance(batch, int):
        shape, _ = integers(out, f"{node.name}/tokens/shape", (batch, count, channels), (3,))
    else:
        size = size_of_axis(out, node.name, shape_of(out, node.name, x, kind.dtype), 0)
        shape = pack(out, f"{node.name}/tokens/shape", [size, count, channels])
    attrs = {"T": kind.dtype, "Tidx": DType.INT32}
    each = out.node("BroadcastTo", out.unique(f"{node.name}/tokens"), [table, shape], **attrs)
    axis = out.const(out.unique(f"{node.name}/axis"), 1, DType.INT32)
    return (out.node("ConcatV2", node.name, [each, x, axis], **attrs, N=2),)


def lower_one_hot(node: Node, op: OneHot, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """OneHot."""
    depth = out.const(out.unique(f"{node.name}/depth"), op.depth, DType.INT32)
    on, off = (
        out.const(out.unique(f"{node.name}/{part}"), number, DType.FLOAT32)
        for part, number in (("on_value", op.on), ("off_value", op.off))
    )
    attrs = {"T": DType.FLOAT32, "TI": node.inputs[0].type.dtype, "axis": -1}
    return (out.node("OneHot", node.name, [inputs[0], depth, on, off], **attrs),)
