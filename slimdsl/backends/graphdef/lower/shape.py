"""Ops that change the layout of a tensor and no value."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.sizes import integers
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.shape import ExpandDims, Identity, Pad, Squeeze, Tile
from slimdsl.types import DType


def lower_identity(node: Node, op: Identity, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Identity."""
    return (out.node("Identity", node.name, inputs, T=node.inputs[0].type.dtype),)


def lower_expand_dims(node: Node, op: ExpandDims, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """ExpandDims."""
    axis = out.const(out.unique(f"{node.name}/dim"), op.place(node.inputs[0].type), DType.INT32)
    return (out.node("ExpandDims", node.name, [inputs[0], axis], T=node.inputs[0].type.dtype, Tdim=DType.INT32),)


def lower_tile(node: Node, op: Tile, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Tile."""
    multiples, dtype = integers(out, f"{node.name}/multiples", op.multiples, (len(op.multiples),))
    return (out.node("Tile", node.name, [inputs[0], multiples], T=node.inputs[0].type.dtype, Tmultiples=dtype),)


def lower_squeeze(node: Node, op: Squeeze, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Squeeze, always with its axes, lest a batch of one goes too."""
    x = node.inputs[0].type
    return (out.node("Squeeze", node.name, inputs, T=x.dtype, squeeze_dims=list(op.removed(x))),)


def lower_pad(node: Node, op: Pad, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Pad with zeros, PadV2 with another constant, or MirrorPad."""
    x = node.inputs[0].type
    numbers = [number for pair in op.paddings for number in pair]
    paddings, dtype = integers(out, f"{node.name}/paddings", numbers, (len(op.paddings), 2))
    if op.mode != "constant":
        attrs = {"T": x.dtype, "Tpaddings": dtype, "mode": op.mode.upper()}
        return (out.node("MirrorPad", node.name, [inputs[0], paddings], **attrs),)
    if op.value == 0.0:
        return (out.node("Pad", node.name, [inputs[0], paddings], T=x.dtype, Tpaddings=dtype),)
    filling = out.const(
        out.unique(f"{node.name}/constant_values"), op.value if x.dtype.floating else int(op.value), x.dtype
    )
    return (out.node("PadV2", node.name, [inputs[0], paddings, filling], T=x.dtype, Tpaddings=dtype),)
