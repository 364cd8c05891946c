"""Ops that move elements, and casts."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.layout import Cast, DepthToSpace, Reverse, SpaceToDepth, Transpose
from slimdsl.types import DTYPES, DType


def lower_transpose(node: Node, op: Transpose, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Transpose."""
    perm = out.const(out.unique(f"{node.name}/perm"), op.perm, DType.INT32, (len(op.perm),))
    return (out.node("Transpose", node.name, [inputs[0], perm], T=node.inputs[0].type.dtype, Tperm=DType.INT32),)


def lower_reverse(node: Node, op: Reverse, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """ReverseV2."""
    x = node.inputs[0].type
    axes = op.turned(x)
    indices = out.const(out.unique(f"{node.name}/axis"), axes, DType.INT32, (len(axes),))
    return (out.node("ReverseV2", node.name, [inputs[0], indices], T=x.dtype, Tidx=DType.INT32),)


def lower_depth_to_space(node: Node, op: DepthToSpace, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """DepthToSpace."""
    attrs = {"T": node.inputs[0].type.dtype, "block_size": op.block, "data_format": "NHWC"}
    return (out.node("DepthToSpace", node.name, inputs, **attrs),)


def lower_space_to_depth(node: Node, op: SpaceToDepth, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """SpaceToDepth."""
    attrs = {"T": node.inputs[0].type.dtype, "block_size": op.block, "data_format": "NHWC"}
    return (out.node("SpaceToDepth", node.name, inputs, **attrs),)


def lower_cast(node: Node, op: Cast, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Cast."""
    return (out.node("Cast", node.name, inputs, SrcT=node.inputs[0].type.dtype, DstT=DTYPES[op.dtype]),)
