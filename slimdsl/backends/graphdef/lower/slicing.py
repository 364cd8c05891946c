"""Parts of a tensor along one axis."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.sizes import integers
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.axes import axis_of
from slimdsl.ops.slicing import Index, Slice, SplitPart
from slimdsl.types import DType, TensorType


def lower_slice(node: Node, op: Slice, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Slice, which checks its bounds; StridedSlice where it steps, or counts from an end that is not known."""
    x = node.inputs[0].type
    along = axis_of(x, op.axis)
    dim = x.shape[along]
    start, stop = op.start, op.stop
    if isinstance(dim, int):
        start = start + dim if start < 0 else start
        stop = dim if stop is None else stop + dim if stop < 0 else stop
    if op.step > 1 or start < 0 or (stop is not None and stop < 0):
        return (_strided(node, inputs[0], along, start, stop, op.step, out),)
    return (_slice(node, inputs[0], along, start, -1 if stop is None else stop - start, out),)


def lower_index(node: Node, op: Index, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """StridedSlice that drops the axis; it checks the place."""
    along = axis_of(node.inputs[0].type, op.axis)
    stop = op.place + 1 or None
    return (_strided(node, inputs[0], along, op.place, stop, 1, out, drop=True),)


def lower_split_part(node: Node, op: SplitPart, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Slice where the size is known, else Split, of which one result is taken."""
    x = node.inputs[0].type
    along = axis_of(x, op.axis)
    dim = x.shape[along]
    if isinstance(dim, int):
        size = dim // op.of
        return (_slice(node, inputs[0], along, op.part * size, size, out),)
    axis = out.const(out.unique(f"{node.name}/split_dim"), along, DType.INT32)
    parts = out.node("Split", out.unique(f"{node.name}/parts"), [axis, inputs[0]], T=x.dtype, num_split=op.of)
    return (out.node("Identity", node.name, [f"{parts}:{op.part}"], T=x.dtype),)


def _slice(node: Node, x: str, along: int, start: int, size: int, out: NodeWriter) -> str:
    """The node: `size` elements from `start`, -1 for all that are left."""
    kind = node.inputs[0].type
    begin, dtype = integers(out, f"{node.name}/begin", _placed(kind, along, start, 0), (kind.rank,))
    sizes, dtype = integers(out, f"{node.name}/size", _placed(kind, along, size, -1), (kind.rank,))
    return out.node("Slice", node.name, [x, begin, sizes], T=kind.dtype, Index=dtype)


def _strided(
    node: Node, x: str, along: int, start: int, stop: int | None, step: int, out: NodeWriter, *, drop: bool = False
) -> str:
    kind = node.inputs[0].type
    others = sum(1 << axis for axis in range(kind.rank) if axis != along)
    bounds = [
        integers(out, f"{node.name}/{part}", _placed(kind, along, number, neutral), (kind.rank,))[0]
        for part, number, neutral in (("stack", start, 0), ("stack_1", stop or 0, 0), ("stack_2", step, 1))
    ]
    return out.node(
        "StridedSlice",
        node.name,
        [x, *bounds],
        T=kind.dtype,
        Index=DType.INT32,
        begin_mask=others,
        end_mask=others | (1 << along if stop is None else 0),
        shrink_axis_mask=1 << along if drop else 0,
    )


def _placed(kind: TensorType, along: int, number: int, others: int) -> list[int]:
    """A number for each axis."""
    return [number if axis == along else others for axis in range(kind.rank)]
