"""Reductions: axes become one number each, and the place of a greatest element."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import BoolKind, IntKind, IntsKind, arg
from slimdsl.ops.axes import axes_of, axis_of
from slimdsl.ops.base import Primitive
from slimdsl.ops.element_types import require_numbers
from slimdsl.types import Dim, DType, TensorType
from slimdsl.values import value


@value
class Reduction(Primitive):
    """Base of the reductions; `node_name` is TensorFlow's op."""

    axes: tuple[int, ...] = arg(IntsKind(), doc="axes to reduce, counted from 0 or, below 0, from the end")
    keep_dims: bool = arg(BoolKind(), False, doc="keep the axes, with size 1")

    def reduced(self, x: TensorType) -> tuple[int, ...]:
        """The axes counted from 0."""
        return axes_of(self.name, x, self.axes)

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_numbers(self.name, x)
        gone = self.reduced(x)
        kept: tuple[Dim, ...] = tuple(1 if axis in gone else dim for axis, dim in enumerate(x.shape))
        if not self.keep_dims:
            kept = tuple(dim for axis, dim in enumerate(x.shape) if axis not in gone)
        return TensorType(dtype=x.dtype, shape=kept)


@value
class ReduceMean(Reduction):
    """The mean over some axes. TensorFlow: ``tf.reduce_mean``.

    Opens no scope: `as` names the node. Example: ``reduce_mean([1, 2])``.
    """

    name: ClassVar[str] = "reduce_mean"
    node_name: ClassVar[str] = "Mean"

    def infer(self, *inputs: TensorType) -> TensorType:
        require_floating(self.name, inputs[0])
        return Reduction.infer(self, *inputs)


@value
class ReduceSum(Reduction):
    """The sum over some axes. TensorFlow: ``tf.reduce_sum``.

    Opens no scope: `as` names the node. Example: ``reduce_sum(-1, keep_dims=true)``.
    """

    name: ClassVar[str] = "reduce_sum"
    node_name: ClassVar[str] = "Sum"


@value
class ReduceMax(Reduction):
    """The greatest number over some axes. TensorFlow: ``tf.reduce_max``.

    Opens no scope: `as` names the node. Example: ``reduce_max([1, 2])``.
    """

    name: ClassVar[str] = "reduce_max"
    node_name: ClassVar[str] = "Max"


@value
class ReduceMin(Reduction):
    """The least number over some axes. TensorFlow: ``tf.reduce_min``.

    Opens no scope: `as` names the node. Example: ``reduce_min([1, 2])``.
    """

    name: ClassVar[str] = "reduce_min"
    node_name: ClassVar[str] = "Min"


@value
class ArgMax(Primitive):
    """Where the greatest number along an axis stands, the first of several. TensorFlow: ``tf.argmax``.

    Gives int64, without that axis. Opens no scope: `as` names the node. Example: ``argmax``.
    """

    name: ClassVar[str] = "argmax"
    node_name: ClassVar[str] = "ArgMax"
    axis: int = arg(IntKind(), -1, doc="the axis that is searched and goes")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_numbers(self.name, x)
        along = axis_of(x, self.axis)
        return TensorType(dtype=DType.INT64, shape=(*x.shape[:along], *x.shape[along + 1 :]))
