"""y = gain · x + offset, a number of each for every channel: what batch normalisation with fixed moments comes to."""

from __future__ import annotations

from slimdsl.ir.graph import Node
from slimdsl.ops.batch_norm import FusedBatchNorm, Standardize
from slimdsl.ops.bias import AddBias
from slimdsl.ops.layer_scale import ScaleChannels
from slimdsl.ops.math import Scale, Shift
from slimdsl.passes.derivation import Derivation, Difference, Gain, Number, Product, Sum
from slimdsl.passes.rewriting import Rewriting
from slimdsl.types import DType
from slimdsl.values import Value, field, value

EXACT_TYPES = (DType.FLOAT32, DType.FLOAT64)
"""Element types whose networks keep their values: half precision would round each changed weight to three digits."""


@value
class ChannelMap(Value):
    """The map; no gain is 1, no offset is 0."""

    gain: Derivation | None = field(default=None)
    offset: Derivation | None = field(default=None)

    def then(self, after: ChannelMap) -> ChannelMap:
        """This map, then another."""
        gain, offset = self.gain, self.offset
        if after.gain is not None:
            gain = after.gain if gain is None else Product(gain, after.gain)
            offset = None if offset is None else Product(offset, after.gain)
        if after.offset is not None:
            offset = after.offset if offset is None else Sum(offset, after.offset)
        return ChannelMap(gain=gain, offset=offset)


def channel_map(node: Node, work: Rewriting) -> ChannelMap | None:
    """The map that a node is; None where it is another node, or where its numbers are known only when it runs."""
    op = node.op
    if node.inputs[0].type.dtype not in EXACT_TYPES:
        return None
    if isinstance(op, Scale):
        return ChannelMap(gain=Number(op.factor))
    if isinstance(op, Shift):
        return ChannelMap(offset=Number(op.offset))
    vectors = [work.constant(tensor) for tensor in node.inputs[1:]]
    known = [vector for vector in vectors if vector is not None]
    if len(known) < len(vectors):
        return None
    if isinstance(op, AddBias):
        return ChannelMap(offset=known[0])
    if isinstance(op, ScaleChannels):
        return ChannelMap(gain=known[0])
    if isinstance(op, FusedBatchNorm) and not op.training:
        mean, variance = known[-2:]
        return _norm(mean, variance, known[:-2], op)
    if isinstance(op, Standardize):
        mean, variance, *parameters = known
        return _norm(mean, variance, parameters, op)
    return None


def _norm(
    mean: Derivation, variance: Derivation, parameters: list[Derivation], op: FusedBatchNorm | Standardize
) -> ChannelMap:
    """(x - mean) · gamma / √(variance + epsilon) + beta."""
    gain: Derivation = Gain(variance, op.epsilon)
    if op.scale:
        gain = Product(gain, parameters[0])
    offset = Product(mean, gain)
    beta = parameters[-1] if op.center else Number(0.0)
    return ChannelMap(gain=gain, offset=Difference(beta, offset))
