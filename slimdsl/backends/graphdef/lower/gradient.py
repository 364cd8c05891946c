"""What changes gradients and no value."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.gradient import ScaleGradient


def lower_scale_gradient(node: Node, op: ScaleGradient, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """For inference an Identity; for training x without gradient, plus a zero that has the gradient."""
    (x,) = inputs
    dtype = node.inputs[0].type.dtype
    if not out.training:
        return (out.node("Identity", node.name, [x], T=dtype),)

    def step(operation: str, *operands: str) -> str:
        return out.node(operation, out.unique(f"{node.name}/{operation}"), operands, T=dtype)

    fixed = step("StopGradient", x)
    if op.factor == 0.0:
        return (out.node("Identity", node.name, [fixed], T=dtype),)
    scaled = step("Mul", x, out.const(out.unique(f"{node.name}/factor"), op.factor, dtype))
    zero = step("Sub", scaled, step("StopGradient", scaled))
    return (out.node("AddV2", node.name, [fixed, zero], T=dtype),)
