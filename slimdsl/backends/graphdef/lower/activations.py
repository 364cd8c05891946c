"""Activations as TensorFlow's nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from slimdsl.backends.graphdef.emission import WeightSlot
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.activations import Activation, Gelu, HardSigmoid, HardSwish, LeakyRelu, Silu, Tanh


def lower_activation(node: Node, op: Activation, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """An activation that TensorFlow has an op for, called like the node."""
    return (out.node(op.node_name, node.name, inputs, T=node.inputs[0].type.dtype),)


def lower_tanh(node: Node, op: Tanh, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """``Tanh``; behind a batch normalisation with a bound on its input that changes no result.

    TensorFlow on CPUs joins a convolution, ``FusedBatchNormV3`` and ``Tanh`` to one node, for which it then has no
    kernel: "Fusion is not implemented: [FusedBatchNorm,Tanh]". It looks through ``Identity``, but not through
    ``Minimum``; from 20 on, tanh is 1 in every floating-point type.
    """
    (x,) = inputs
    steps = _Steps(node, out)
    if _is_normalized(x, out):
        x = steps.apply("Minimum", x, steps.number("bound", 20.0))
    return (out.node("Tanh", node.name, [x], T=steps.dtype),)


def _is_normalized(tensor: str, out: NodeWriter) -> bool:
    """Whether a tensor comes from a batch normalisation by fixed moments, with nothing in between."""
    name = tensor.partition(":")[0]
    for node in reversed(out.nodes):
        if node.name != name:
            continue
        if isinstance(node, WeightSlot) or node.op != "Identity":
            return not isinstance(node, WeightSlot) and node.op == "FusedBatchNormV3" and not node.attr["is_training"].b
        name = node.input[0].partition(":")[0]
    return False


def lower_leaky_relu(node: Node, op: LeakyRelu, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """``LeakyRelu``."""
    return (out.node("LeakyRelu", node.name, inputs, alpha=op.alpha, T=node.inputs[0].type.dtype),)


def lower_silu(node: Node, op: Silu, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Lower x · sigmoid(x)."""
    (x,) = inputs
    dtype = node.inputs[0].type.dtype
    gate = out.node("Sigmoid", out.unique(f"{node.name}/Sigmoid"), [x], T=dtype)
    return (out.node("Mul", node.name, [x, gate], T=dtype),)


def lower_gelu(node: Node, op: Gelu, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """The two formulas of ``tf.nn.gelu``, in its order of operations."""
    (x,) = inputs
    steps = _Steps(node, out)
    one, half = steps.number("one", 1.0), steps.number("half", 0.5)
    if op.approximate:
        cube = steps.apply("Pow", x, steps.number("three", 3.0))
        inner = steps.apply("AddV2", x, steps.apply("Mul", steps.number("coefficient", 0.044715), cube))
        inner = steps.apply("Mul", steps.number("scale", math.sqrt(2.0 / math.pi)), inner)
        inner = steps.apply("Tanh", inner)
    else:
        inner = steps.apply("Erf", steps.apply("RealDiv", x, steps.number("root", math.sqrt(2.0))))
    halved = steps.apply("Mul", half, x)
    return (out.node("Mul", node.name, [halved, steps.apply("AddV2", one, inner)], T=steps.dtype),)


def lower_hard_sigmoid(node: Node, op: HardSigmoid, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Lower relu6(x + 3) · (1/6)."""
    (x,) = inputs
    steps = _Steps(node, out)
    gate = steps.apply("Relu6", steps.apply("AddV2", x, steps.number("three", 3.0)))
    return (out.node("Mul", node.name, [gate, steps.number("sixth", 1.0 / 6.0)], T=steps.dtype),)


def lower_hard_swish(node: Node, op: HardSwish, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Lower x · relu6(x + 3) · (1/6)."""
    (x,) = inputs
    steps = _Steps(node, out)
    gate = steps.apply("Relu6", steps.apply("AddV2", x, steps.number("three", 3.0)))
    gated = steps.apply("Mul", x, gate)
    return (out.node("Mul", node.name, [gated, steps.number("sixth", 1.0 / 6.0)], T=steps.dtype),)


class _Steps:
    """The auxiliary nodes of one activation: all of its input's type, named below it."""

    def __init__(self, node: Node, out: NodeWriter) -> None:
        self.dtype = node.inputs[0].type.dtype
        self._name = node.name
        self._out = out

    def number(self, label: str, number: float) -> str:
        """A scalar constant."""
        return self._out.const(self._out.unique(f"{self._name}/{label}"), number, self.dtype)

    def apply(self, op: str, *inputs: str) -> str:
        """A node named like its op."""
        return self._out.node(op, self._out.unique(f"{self._name}/{op}"), inputs, T=self.dtype)
