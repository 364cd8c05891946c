"""Spatial softmax."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.sizes import integers, target_shape
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.spatial_softmax import ExpectedPlaces
from slimdsl.ops.windows import known
from slimdsl.types import Dim, DType, TensorType


def lower_expected_places(node: Node, op: ExpectedPlaces, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """A softmax over the places of each channel, whose sums along rows and columns weigh the places -1 to 1."""
    return (_Places(node, inputs[0], out).result(inputs[1]),)


class _Places:
    """The nodes of one spatial softmax, below its name."""

    def __init__(self, node: Node, x: str, out: NodeWriter) -> None:
        self._name, self._out = node.name, out
        kind = node.inputs[0].type
        self._dtype = kind.dtype
        self._channels = known(kind.shape[-1], kind)
        batch, height, width, _ = kind.shape
        self._kind = TensorType(dtype=kind.dtype, shape=(batch, self._channels, height, width))
        perm = out.const(out.unique(f"{self._name}/perm"), (0, 3, 1, 2), DType.INT32, (4,))
        self._images = self._node("Transpose", x, perm, Tperm=DType.INT32)

    def result(self, temperature: str) -> str:
        """Row and column of each channel."""
        batch, channels, height, width = self._kind.shape
        rows = self._reshape(self._node("RealDiv", self._images, temperature), (batch, channels, height * width))
        weights = self._reshape(self._node("Softmax", rows), self._kind.shape)
        means = [self._mean(weights, height, other=3), self._mean(weights, width, other=2)]
        pairs = self._out.node("Pack", self._out.unique(f"{self._name}/pairs"), means, T=self._dtype, N=2, axis=2)
        shape, _ = integers(self._out, f"{self._name}/shape", (-1, 2 * self._channels), (2,))
        return self._out.node("Reshape", self._name, [pairs, shape], T=self._dtype, Tshape=DType.INT32)

    def _node(self, operation: str, *inputs: str, **attrs: object) -> str:
        return self._out.node(operation, self._out.unique(f"{self._name}/{operation}"), inputs, T=self._dtype, **attrs)

    def _reshape(self, tensor: str, shape: tuple[Dim, ...]) -> str:
        name = self._out.unique(f"{self._name}/Reshape")
        target, index = target_shape(self._out, name, self._images, self._kind, shape)
        return self._out.node("Reshape", name, [tensor, target], T=self._dtype, Tshape=index)

    def _sum(self, tensor: str, axis: int) -> str:
        indices = self._out.const(self._out.unique(f"{self._name}/axis"), (axis,), DType.INT32, (1,))
        return self._node("Sum", tensor, indices, Tidx=DType.INT32, keep_dims=False)

    def _mean(self, weights: str, size: Dim, *, other: int) -> str:
        """The mean place on the axis of this size: the weights are summed over the other axis first."""
        return self._sum(self._node("Mul", self._sum(weights, other), self._places(size, 5 - other)), 2)

    def _places(self, size: Dim, axis: int) -> str:
        """The numbers from -1 to 1, as many as the axis is long."""
        out = self._out
        if isinstance(size, int):
            numbers = [2.0 * place / (size - 1) - 1.0 if size > 1 else -1.0 for place in range(size)]
            return out.const(out.unique(f"{self._name}/places"), numbers, self._dtype, (size,))
        shape = self._node("Shape", self._images, out_type=DType.INT32)
        index = out.const(out.unique(f"{self._name}/index"), axis, DType.INT32)
        zero = out.const(out.unique(f"{self._name}/gather_axis"), 0, DType.INT32)
        attrs = {"Tparams": DType.INT32, "Tindices": DType.INT32, "Taxis": DType.INT32}
        count = out.node("GatherV2", out.unique(f"{self._name}/size"), [shape, index, zero], **attrs)
        start, stop = (("start", -1.0), ("stop", 1.0))
        ends = [out.const(out.unique(f"{self._name}/{end}"), place, self._dtype) for end, place in (start, stop)]
        return self._node("LinSpace", *ends, count, Tidx=DType.INT32)
