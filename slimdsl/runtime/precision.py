"""Mixed precision: the same network with its heavy work in half precision, by casts that stand in the graph.

Variables stay float32 and are cast where they are read, so the weights that are trained are full ones. Float32 too are
the statistics and parameters of batch normalisation, softmax and other normalisations, means, recurrent cells, and
every output of the network, so logits and losses. What has no rule here is computed in float32.
"""

from __future__ import annotations

from slimdsl.ir.graph import Graph, Node, Tensor, Update
from slimdsl.ops.activations import Elu, Gelu, HardSigmoid, HardSwish, LeakyRelu, Relu, Relu6, Selu, Sigmoid, Silu, Tanh
from slimdsl.ops.base import Primitive, ShapeError
from slimdsl.ops.batch_norm import BatchMean, FusedBatchNorm, Standardize
from slimdsl.ops.bias import AddBias
from slimdsl.ops.conv import Convolution, TransposedConvolution
from slimdsl.ops.dense import MatMul
from slimdsl.ops.dropout import RandomDrop
from slimdsl.ops.gradient import ScaleGradient
from slimdsl.ops.layout import Cast, DepthToSpace, SpaceToDepth, Transpose
from slimdsl.ops.math import Scale, Shift
from slimdsl.ops.matrix import MatrixProduct
from slimdsl.ops.merge import Add, Concat, Maximum, Minimum, Mul, Sub
from slimdsl.ops.pool import AveragePooling, MaxPooling
from slimdsl.ops.reshape import Reshape
from slimdsl.ops.separable import DepthwiseConvolution
from slimdsl.ops.shape import ExpandDims, Identity, Pad, Squeeze
from slimdsl.ops.slicing import Index, Slice, SplitPart
from slimdsl.types import DType, TensorType

_HEAVY: tuple[type[Primitive], ...] = (
    Convolution, TransposedConvolution, DepthwiseConvolution, MatMul, MatrixProduct,
)  # fmt: skip
"""Computed in half precision, whatever their inputs are."""

_FOLLOWING: tuple[type[Primitive], ...] = (
    AddBias, Elu, Gelu, HardSigmoid, HardSwish, LeakyRelu, Relu, Relu6, Selu, Sigmoid, Silu, Tanh, RandomDrop,
    ScaleGradient, DepthToSpace, SpaceToDepth, Transpose, Scale, Shift, Add, Concat, Maximum, Minimum, Mul, Sub,
    AveragePooling, MaxPooling, Reshape, ExpandDims, Identity, Pad, Squeeze, Index, Slice, SplitPart,
)  # fmt: skip
"""Computed in half precision where their first input is."""

_FIRST_INPUT_ALONE: tuple[type[Primitive], ...] = (FusedBatchNorm, Standardize, BatchMean)
"""Likewise, but all their other inputs stay as they are."""


def mixed(graph: Graph, dtype: DType) -> Graph:
    """The network with its heavy work in another type.

    Args:
        graph: the network.
        dtype: bfloat16 or float16; float32 leaves it as it is.

    Returns:
        A graph with the same inputs, variables and outputs by name and type, and no record of its layers.
    """
    return graph if dtype is DType.FLOAT32 else _Caster(graph, dtype).graph()


class _Caster:
    """The state of one pass: tensors of the old graph in both types, as far as somebody has asked."""

    def __init__(self, graph: Graph, dtype: DType) -> None:
        self._old = graph
        self._dtype = dtype
        self._nodes: list[Node] = []
        self._names = {*(v.name for v in graph.variables), *(node.name for node in graph.nodes), *graph.inputs}
        self._made: dict[Tensor, Tensor] = {}
        """Tensor of the old graph -> the one that has its value."""
        self._cast: dict[tuple[Tensor, DType], Tensor] = {}

    def graph(self) -> Graph:
        """The new graph."""
        for node in self._old.nodes:
            self._add(node)
        old = self._old
        return Graph(
            name=old.name,
            inputs=old.inputs,
            variables=old.variables,
            outputs={name: self._as(tensor, tensor.type.dtype) for name, tensor in old.outputs.items()},
            updates=tuple(Update(u.variable, self._as(u.new_value, u.new_value.type.dtype)) for u in old.updates),
            end_points={name: self._now(tensor) for name, tensor in old.end_points.items()},
            nodes=tuple(self._nodes),
            training=old.training,
        )

    def _add(self, node: Node) -> None:
        inputs = self._inputs(node)
        try:
            types = node.op.infer_all(*(tensor.type for tensor in inputs))
        except ShapeError:
            # Some ops have no kernel for the type.
            inputs = [self._as(tensor, tensor.type.dtype) for tensor in node.inputs]
            types = node.op.infer_all(*(tensor.type for tensor in inputs))
        results = tuple(
            Tensor(old.node, old.index, type, old.span) for old, type in zip(node.results, types, strict=True)
        )
        self._nodes.append(Node(node.name, node.op, tuple(inputs), results, node.scope, node.span))
        self._made.update(zip(node.results, results, strict=True))

    def _inputs(self, node: Node) -> list[Tensor]:
        """What the node takes: each input in the type that the rules give it."""
        first = self._now(node.inputs[0]).type.dtype if node.inputs else None
        if isinstance(node.op, _HEAVY) or (isinstance(node.op, _FOLLOWING) and first is self._dtype):
            return [self._as(tensor, self._dtype if _full(tensor) else tensor.type.dtype) for tensor in node.inputs]
        wide = [self._as(tensor, tensor.type.dtype) for tensor in node.inputs[1:]]
        if isinstance(node.op, _FIRST_INPUT_ALONE) and first is self._dtype:
            return [self._now(node.inputs[0]), *wide]
        return [*(self._as(tensor, tensor.type.dtype) for tensor in node.inputs[:1]), *wide]

    def _now(self, tensor: Tensor) -> Tensor:
        return self._made.get(tensor, tensor)

    def _as(self, old: Tensor, dtype: DType) -> Tensor:
        """A tensor of the old graph in a type: itself, or a cast of it."""
        tensor = self._now(old)
        if tensor.type.dtype is dtype:
            return tensor
        if (old, dtype) not in self._cast:
            name = self._unique(f"{old.node}/{dtype.value}")
            result = Tensor(name, 0, TensorType(dtype=dtype, shape=tensor.type.shape), old.span)
            self._nodes.append(Node(name, Cast(dtype=dtype.value), (tensor,), (result,), "", old.span))
            self._cast[old, dtype] = result
        return self._cast[old, dtype]

    def _unique(self, name: str) -> str:
        free, number = name, 0
        while free in self._names:
            number += 1
            free = f"{name}_{number}"
        self._names.add(free)
        return free


def _full(tensor: Tensor) -> bool:
    return tensor.type.dtype is DType.FLOAT32
