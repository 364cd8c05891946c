"""Local response normalisation."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.lrn import Lrn


def lower_lrn(node: Node, op: Lrn, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """LRN."""
    result = out.node(
        "LRN",
        node.name,
        inputs,
        T=node.inputs[0].type.dtype,
        depth_radius=op.depth_radius,
        bias=op.bias,
        alpha=op.alpha,
        beta=op.beta,
    )
    return (result,)
