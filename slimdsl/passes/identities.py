"""Nodes that give what they are given: dropout in a network for inference, and arithmetic that changes nothing."""

from __future__ import annotations

from slimdsl.ir.graph import Node
from slimdsl.ops.gradient import ScaleGradient
from slimdsl.ops.layout import Cast, Transpose
from slimdsl.ops.math import Power, Scale, Shift
from slimdsl.ops.reshape import Reshape
from slimdsl.ops.shape import Identity, Pad, Tile
from slimdsl.passes.rewriting import Pass, Rewriting, State
from slimdsl.values import value


def passes_on(node: Node) -> bool:
    """Whether the node's result is its input, in a network for inference.

    `RandomDrop` is not among them: there, it is the noise that the network asks for (``dropout(training=true)``).
    """
    op = node.op
    if isinstance(op, (Identity, ScaleGradient)):
        return True
    if isinstance(op, (Scale, Power)):
        return (op.factor if isinstance(op, Scale) else op.exponent) == 1
    if isinstance(op, Shift):
        return op.offset == 0
    if isinstance(op, Pad):
        return not any(number for pair in op.paddings for number in pair)
    if isinstance(op, Tile):
        return all(times == 1 for times in op.multiples)
    if isinstance(op, Transpose):
        return list(op.perm) == sorted(op.perm)
    return isinstance(op, (Reshape, Cast)) and node.results[0].type == node.inputs[0].type


@value
class RemoveIdentities(Pass):
    """Whoever reads such a node reads what it reads. One that is an output stays, as its name is asked for."""

    def run(self, state: State) -> State:
        """The network without them; their end points are those of their inputs."""
        work = Rewriting(state)
        for index, node in enumerate(state.graph.nodes):
            if passes_on(node) and not work.is_output(node.results[0]):
                work.substitute(node.results[0], node.inputs[0])
                work.replace(index)
        return work.finish()
