"""Batch normalisation and its like go into the kernel and the biases of the convolution before them.

    conv -> batch norm              becomes    conv with kernel · gain -> biases
    conv -> biases -> layer scale   becomes    the same
    matmul -> reshape -> batch norm -> reshape back   too

The last node of such a run keeps its name and its value: it is now the one that adds the biases. The convolution, whose
value is another, gets a new name, and so does its kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.ir.graph import Node, Tensor
from slimdsl.ops.base import Primitive
from slimdsl.ops.bias import AddBias
from slimdsl.ops.conv import Convolution, TransposedConvolution
from slimdsl.ops.dense import MatMul
from slimdsl.ops.reshape import Reshape
from slimdsl.ops.separable import DepthwiseConvolution
from slimdsl.ops.shape import ExpandDims, Squeeze
from slimdsl.passes.channel_maps import ChannelMap, channel_map
from slimdsl.passes.derivation import ScaledKernel
from slimdsl.passes.rewriting import Pass, Rewriting, State
from slimdsl.types import TensorType
from slimdsl.values import Value, value

PRODUCERS: tuple[type[Primitive], ...] = (Convolution, DepthwiseConvolution, MatMul, TransposedConvolution)
"""Linear maps with a kernel as second input, whose channels are the axis of their result that comes last."""


@value
class Run(Value):
    """A linear map and what follows it, each node the only reader of the one before.

    Attributes:
        producer: index of the linear map.
        indices: those of the nodes that are joined with it, in order.
        moves: which of them only give the tensor other axes, the channels staying the last; none where the shape is in
            the end what it was.
        map: what the others come to.
        kernel: how the changed kernel is computed; None where it stays as it is.
    """

    producer: int
    indices: tuple[int, ...]
    moves: tuple[int, ...]
    map: ChannelMap
    kernel: ScaledKernel | None


@value
class FoldChannelMaps(Pass):
    """See the module.

    Attributes:
        largest_growth: by how many bytes the weights may grow, all together, where layers share a kernel and each wants
            it changed in its own way.
    """

    largest_growth: int = 1 << 20

    def run(self, state: State) -> State:
        """The network with such runs joined; variables that nothing reads any more stay."""
        work = Rewriting(state)
        runs = [run for index in range(len(state.graph.nodes)) if (run := _find(index, work)) is not None]
        made: dict[ScaledKernel, Tensor] = {}
        for run in _affordable(runs, work, self.largest_growth):
            _fold(run, work, made)
        return work.finish()


def _find(index: int, work: Rewriting) -> Run | None:
    """The run that begins with a node, where joining it saves a node."""
    nodes = work.graph.nodes
    producer = nodes[index]
    kernel = work.constant(producer.inputs[1]) if isinstance(producer.op, PRODUCERS) else None
    if kernel is None:
        return None
    indices, moves, total, count = [], [], ChannelMap(), 0
    # What was found up to the last map, and up to the first move behind it that brings the shape back.
    joined: tuple[tuple[int, ...], tuple[int, ...], ChannelMap, int] | None = None
    at = work.only_reader(producer)
    while at is not None:
        node = nodes[at]
        indices.append(at)
        step = channel_map(node, work)
        if step is not None:
            total, count = total.then(step), count + 1
        elif _moves(node):
            moves.append(at)
        else:
            break
        back = node.results[0].type == producer.results[0].type
        if step is not None or (back and joined is not None and joined[1]):
            joined = tuple(indices), () if back else tuple(moves), total, count
        at = work.only_reader(node)
    if joined is None:
        return None
    found, moved, mapping, maps = joined
    if mapping.gain is None:
        # Biases alone are what it is to become; two of them are one too many.
        return Run(producer=index, indices=found, moves=moved, map=mapping, kernel=None) if maps > 1 else None
    scaled = ScaledKernel(kernel, mapping.gain, _repeat(producer))
    return Run(producer=index, indices=found, moves=moved, map=mapping, kernel=scaled)


def _moves(node: Node) -> bool:
    """Whether the elements stay in their order, and the channels the last axis."""
    if not isinstance(node.op, (ExpandDims, Reshape, Squeeze)):
        return False
    before, after = node.inputs[0].type.shape, node.results[0].type.shape
    return bool(before) and bool(after) and isinstance(before[-1], int) and before[-1] == after[-1]


def _repeat(producer: Node) -> int:
    """How many neighbours in the kernel belong to the same channel of the result."""
    last = producer.inputs[1].type.shape[-1]
    return last if isinstance(producer.op, TransposedConvolution) and isinstance(last, int) else 1


def _affordable(runs: Sequence[Run], work: Rewriting, limit: int) -> list[Run]:
    """The runs without those that would have too much of a shared kernel stored several times."""
    by_kernel: dict[Tensor, list[Run]] = {}
    for run in runs:
        if run.kernel is not None:
            by_kernel.setdefault(work.graph.nodes[run.producer].inputs[1], []).append(run)
    refused: set[Run] = set()
    for tensor, sharers in by_kernel.items():
        variable = work.variable(tensor)
        left_alone = len(work.readers(tensor)) > len(sharers) or work.is_output(tensor)
        copies = len({run.kernel for run in sharers}) + left_alone - 1
        growth = copies * variable.size * tensor.type.dtype.size
        if growth > limit:
            refused.update(sharers)
        else:
            limit -= growth
    return [run for run in runs if run not in refused]


def _fold(run: Run, work: Rewriting, made: dict[ScaledKernel, Tensor]) -> None:
    """Put new nodes in the place of a run."""
    nodes = work.graph.nodes
    producer, last = nodes[run.producer], nodes[run.indices[-1]]
    result = producer.results[0]
    reason = f"folded into {producer.name}"
    if run.kernel is not None:
        carried = not run.moves and run.map.offset is None
        product = last.results[0] if carried else _renamed(result, work.unique(f"{producer.name}_folded"))
        reason = f"folded into {product.node}"
        kernel = _changed_kernel(producer, run.kernel, work, made)
        inputs = (producer.inputs[0], kernel)
        work.replace(run.producer, Node(product.node, producer.op, inputs, (product,), producer.scope, producer.span))
        work.give_up(result, reason)
        result = product
    for index in run.indices:
        work.replace(index)
        work.give_up(nodes[index].results[0], reason)
    tail = [] if run.map.offset is None else [_biases(run, result, work)]
    for index in run.moves:
        node, source = nodes[index], tail[-1].results[0] if tail else result
        moved = _renamed(node.results[0], work.unique(f"{node.name}_folded"))
        tail.append(Node(moved.node, node.op, (source,), (moved,), node.scope, node.span))
    if tail:
        final = tail.pop()
        tail.append(Node(last.name, final.op, final.inputs, last.results, last.scope, last.span))
        work.replace(run.indices[-1], *tail)


def _changed_kernel(
    producer: Node, derivation: ScaledKernel, work: Rewriting, made: dict[ScaledKernel, Tensor]
) -> Tensor:
    """The new kernel; those that are computed alike are one."""
    if derivation not in made:
        kernel = producer.inputs[1]
        made[derivation] = work.derive_as(work.variable(kernel), f"{kernel.node}_folded", kernel.type, derivation)
    return made[derivation]


def _biases(run: Run, result: Tensor, work: Rewriting) -> Node:
    """The node that adds the offset to the result of the linear map."""
    producer = work.graph.nodes[run.producer]
    offset = run.map.offset
    assert offset is not None, "there is an offset"
    kind = TensorType(dtype=result.type.dtype, shape=result.type.shape[-1:])
    kernel = work.variable(producer.inputs[1])
    biases = work.derive_as(kernel, f"{producer.scope}/biases_folded".lstrip("/"), kind, offset)
    name = work.unique(f"{producer.name}_folded/BiasAdd")
    return Node(name, AddBias(), (result, biases), (_renamed(result, name),), producer.scope, producer.span)


def _renamed(tensor: Tensor, name: str) -> Tensor:
    return Tensor(name, 0, tensor.type, tensor.span)
