"""What can be computed before the network runs: nodes that read variables alone."""

from __future__ import annotations

from slimdsl.ops.base import Primitive
from slimdsl.ops.layout import Transpose
from slimdsl.ops.reshape import Reshape
from slimdsl.ops.shape import ExpandDims, Squeeze, Tile
from slimdsl.passes.derivation import Computed
from slimdsl.passes.rewriting import Pass, Rewriting, State
from slimdsl.values import value

COMPUTABLE: tuple[type[Primitive], ...] = (ExpandDims, Reshape, Squeeze, Tile, Transpose)
"""What layers do to their variables: `conv_in_plane` repeats its filter, `conv` of a sequence gives its kernel an axis.

They move elements and change none, so the result is the same to the bit in every element type.
"""


@value
class FoldConstants(Pass):
    """Nodes of `COMPUTABLE` that read a constant become constants of the same name, and so on.

    Attributes:
        largest_growth: by how many bytes the weights may grow, all together.
    """

    largest_growth: int = 1 << 20

    def run(self, state: State) -> State:
        """The network with these constants; variables that nothing reads any more stay."""
        work = Rewriting(state)
        left = self.largest_growth
        for index, node in enumerate(state.graph.nodes):
            if not isinstance(node.op, COMPUTABLE):
                continue
            known = work.constant(node.inputs[0])
            if known is None:
                continue
            source = work.variable(node.inputs[0])
            result = node.results[0]
            shared = len(work.readers(source.tensor)) > 1 or work.is_output(source.tensor)
            growth = _bytes(result.type.shape, source.tensor.type.dtype.size)
            if not shared:
                growth -= _bytes(source.shape, source.tensor.type.dtype.size)
            if growth > left:
                continue
            left -= max(growth, 0)
            work.derive(source, result, Computed(node.op, known))
            work.replace(index)
        return work.finish()


def _bytes(shape: tuple[object, ...], size: int) -> int:
    for dim in shape:
        assert isinstance(dim, int), "the shape of a constant is known"
        size *= dim
    return size
