"""Batch normalisation by formula that stands behind no convolution."""

from __future__ import annotations

from slimdsl.ir.graph import Node, Tensor
from slimdsl.ops.batch_norm import Standardize
from slimdsl.ops.bias import AddBias
from slimdsl.ops.layer_scale import ScaleChannels
from slimdsl.passes.channel_maps import channel_map
from slimdsl.passes.rewriting import Pass, Rewriting, State
from slimdsl.types import TensorType
from slimdsl.values import value


@value
class SimplifyNorms(Pass):
    """With fixed moments it becomes a product and a sum.

    The formula has a root and a quotient of constants, which every run of the network would work out again.
    `FusedBatchNorm` stays: one kernel is faster than two.
    """

    def run(self, state: State) -> State:
        """The network without `Standardize` by constants."""
        work = Rewriting(state)
        for index, node in enumerate(state.graph.nodes):
            mapping = channel_map(node, work) if isinstance(node.op, Standardize) else None
            if mapping is None or mapping.gain is None or mapping.offset is None:
                continue
            x, behind = node.inputs[0], work.variable(node.inputs[1])
            vector = TensorType(dtype=x.type.dtype, shape=behind.shape)
            gain = work.derive_as(behind, f"{node.scope}/gain_folded".lstrip("/"), vector, mapping.gain)
            offset = work.derive_as(behind, f"{node.scope}/offset_folded".lstrip("/"), vector, mapping.offset)
            scaled = Tensor(work.unique(f"{node.name}/mul_folded"), 0, x.type, node.span)
            work.replace(
                index,
                Node(scaled.node, ScaleChannels(), (x, gain), (scaled,), node.scope, node.span),
                Node(node.name, AddBias(), (scaled, offset), node.results, node.scope, node.span),
            )
        return work.finish()
