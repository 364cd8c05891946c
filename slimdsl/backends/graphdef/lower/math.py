"""Element-wise mathematics."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.element_types import as_element
from slimdsl.ops.math import Clip, Function, Power, Scale, Shift


def lower_function(node: Node, op: Function, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """A function that TensorFlow has an op for."""
    return (out.node(op.node_name, node.name, inputs, T=node.inputs[0].type.dtype),)


def lower_scale(node: Node, op: Scale, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Mul."""
    return _with_number("Mul", op.factor, node, inputs, out)


def lower_shift(node: Node, op: Shift, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """AddV2."""
    return _with_number("AddV2", op.offset, node, inputs, out)


def lower_power(node: Node, op: Power, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Pow."""
    return _with_number("Pow", op.exponent, node, inputs, out)


def _with_number(operation: str, number: float, node: Node, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    dtype = node.inputs[0].type.dtype
    constant = out.const(out.unique(f"{node.name}/y"), as_element(number, dtype), dtype)
    return (out.node(operation, node.name, [inputs[0], constant], T=dtype),)


def lower_clip(node: Node, op: Clip, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Minimum, then Maximum, as ``tf.clip_by_value`` does it."""
    (x,) = inputs
    dtype = node.inputs[0].type.dtype
    if op.max is not None:
        bound = out.const(out.unique(f"{node.name}/Minimum/y"), as_element(op.max, dtype), dtype)
        name = node.name if op.min is None else out.unique(f"{node.name}/Minimum")
        x = out.node("Minimum", name, [x, bound], T=dtype)
    if op.min is not None:
        bound = out.const(out.unique(f"{node.name}/y"), as_element(op.min, dtype), dtype)
        x = out.node("Maximum", node.name, [x, bound], T=dtype)
    return (x,)
