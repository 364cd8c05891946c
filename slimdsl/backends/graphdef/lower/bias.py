"""Adding biases."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.bias import AddBias


def lower_add_bias(node: Node, op: AddBias, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """BiasAdd, whose NHWC stands for channels last at any rank."""
    return (out.node("BiasAdd", node.name, inputs, T=node.inputs[0].type.dtype, data_format="NHWC"),)
