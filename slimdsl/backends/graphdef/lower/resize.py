"""Images of another size."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.sizes import integers, shape_of, sizes_of_axes
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.resize import Resize, Resizing, Upsample
from slimdsl.ops.windows import per_axis, spatial_part
from slimdsl.types import DType


def lower_resizing(node: Node, op: Resizing, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """ResizeNearestNeighbor or ResizeBilinear, whose result is always float32."""
    x = node.inputs[0].type
    align_corners, half_pixel_centers = op.centers
    operands = [inputs[0], _size(node, op, inputs[0], out)]
    attrs = {"T": x.dtype, "align_corners": align_corners, "half_pixel_centers": half_pixel_centers}
    if op.by == "nearest":
        return (out.node("ResizeNearestNeighbor", node.name, operands, **attrs),)
    if x.dtype is DType.FLOAT32:
        return (out.node("ResizeBilinear", node.name, operands, **attrs),)
    resized = out.node("ResizeBilinear", out.unique(f"{node.name}/ResizeBilinear"), operands, **attrs)
    return (out.node("Cast", node.name, [resized], SrcT=DType.FLOAT32, DstT=x.dtype),)


def _size(node: Node, op: Resizing, x: str, out: NodeWriter) -> str:
    """Height and width of the result, a constant where they are known."""
    sizes = spatial_part(node.results[0].type.shape)
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) == len(sizes):
        return integers(out, f"{node.name}/size", known, (2,))[0]
    assert isinstance(op, (Resize, Upsample))
    assert op.factor is not None
    runtime = sizes_of_axes(out, node.name, shape_of(out, node.name, x, node.inputs[0].type.dtype), 1, 3)
    factors, _ = integers(out, f"{node.name}/factors", per_axis("factor", op.factor, node.inputs[0].type), (2,))
    return out.node("Mul", out.unique(f"{node.name}/mul"), [runtime, factors], T=DType.INT32)
