"""Channels multiplied by a vector."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.layer_scale import ScaleChannels


def lower_scale_channels(node: Node, op: ScaleChannels, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Mul."""
    return (out.node("Mul", node.name, inputs, T=node.inputs[0].type.dtype),)
