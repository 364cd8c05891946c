"""Merges: what joins several tensors into one. Written with branches in braces, or with tensors in parentheses."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.arguments import IntKind, arg
from slimdsl.ops.base import Primitive, ShapeError
from slimdsl.types import Dim, DType, TensorType, shape_text, surely_unequal
from slimdsl.values import value


@value
class Merge(Primitive):
    """Base of the merges.

    Attributes:
        pairwise: True where more than two tensors are joined two at a time, from the left.
    """

    pairwise: ClassVar[bool] = False


@value
class Elementwise(Merge):
    """Base of the merges that work element by element; an axis of size 1 is stretched to the other's."""

    pairwise: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> TensorType:
        left, right = inputs
        if left.dtype in (DType.BOOL, DType.STRING):
            raise ShapeError(f"{self.name} wants numbers, branch 1 is {left}", operand=0)
        if left.dtype != right.dtype:
            raise ShapeError(f"branch 2 is {right}, branch 1 is {left}", operand=1)
        if left.rank != right.rank:
            message = f"branch 2 is {shape_text(right.shape)}, branch 1 is {shape_text(left.shape)}"
            raise ShapeError(message, operand=1, help="branches have the same number of axes")
        dims = [self._dim(left, right, axis) for axis in range(left.rank)]
        return TensorType(dtype=left.dtype, shape=tuple(dims))

    def _dim(self, left: TensorType, right: TensorType, axis: int) -> Dim:
        a, b = left.shape[axis], right.shape[axis]
        if a == 1 or b == 1:
            return b if a == 1 else a
        if surely_unequal(a, b):
            message = f"branch 2 is {shape_text(right.shape)}, branch 1 is {shape_text(left.shape)}"
            last = axis == left.rank - 1
            help = (
                f"give both the same number of channels, {a} or {b}" if last else f"axis {axis} is {b} here, {a} there"
            )
            raise ShapeError(message, operand=1, help=help)
        return a if isinstance(a, int) else b


@value
class Add(Elementwise):
    """The sum of the branches. TensorFlow: ``+``.

    Example: ``add(it, it -> conv(8, 1x1))``.
    """

    name: ClassVar[str] = "add"
    node_name: ClassVar[str] = "add"


@value
class Sub(Elementwise):
    """The first branch minus the others. TensorFlow: ``-``.

    Example: ``sub(it, it -> conv(8, 1x1))``.
    """

    name: ClassVar[str] = "sub"
    node_name: ClassVar[str] = "sub"


@value
class Mul(Elementwise):
    """The product of the branches, element by element. TensorFlow: ``*``.

    Example: ``mul(it, it -> global_avg_pool)``.
    """

    name: ClassVar[str] = "mul"
    node_name: ClassVar[str] = "mul"


@value
class Maximum(Elementwise):
    """The greater element of the branches. TensorFlow: ``tf.maximum``.

    Example: ``maximum(it, it -> conv(8, 1x1))``.
    """

    name: ClassVar[str] = "maximum"
    node_name: ClassVar[str] = "Maximum"


@value
class Minimum(Elementwise):
    """The lesser element of the branches. TensorFlow: ``tf.minimum``.

    Example: ``minimum(it, it -> conv(8, 1x1))``.
    """

    name: ClassVar[str] = "minimum"
    node_name: ClassVar[str] = "Minimum"


@value
class Concat(Merge):
    """The branches one behind the other along an axis. TensorFlow: ``tf.concat``.

    All other axes are equal. Example: ``concat(it, it -> conv(16, 3x3))``.
    """

    name: ClassVar[str] = "concat"
    node_name: ClassVar[str] = "concat"
    axis: int = arg(IntKind(), -1, doc="the axis that grows, counted from 0 or, below 0, from the end")

    def infer(self, *inputs: TensorType) -> TensorType:
        first = inputs[0]
        if not -first.rank <= self.axis < first.rank:
            raise ShapeError(f"{shape_text(first.shape)} has no axis {self.axis}", argument="axis")
        along = self.axis % first.rank
        total: Dim = 0
        for number, other in enumerate(inputs):
            fits = other.dtype == first.dtype and other.rank == first.rank
            if not fits or any(
                surely_unequal(a, b) for axis, (a, b) in enumerate(zip(first.shape, other.shape)) if axis != along
            ):
                message = f"branch {number + 1} is {other}, branch 1 is {first}"
                raise ShapeError(message, operand=number, help=f"only axis {along} may differ")
            total = total + other.shape[along]
        shape = list(first.shape)
        shape[along] = total
        for axis, dim in enumerate(shape):
            if axis != along and not isinstance(dim, int):
                shape[axis] = next((o.shape[axis] for o in inputs if isinstance(o.shape[axis], int)), dim)
        return TensorType(dtype=first.dtype, shape=tuple(shape))


@value
class Pack(Merge):
    """The branches side by side on a new axis. TensorFlow: ``tf.stack``.

    All branches have one shape. Example: ``pack(it, it -> relu, axis=1)``.
    """

    name: ClassVar[str] = "pack"
    node_name: ClassVar[str] = "stack"
    axis: int = arg(
        IntKind(), 0, doc="where the new axis stands, counted from 0 or, below 0, from the end of the result"
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        first = inputs[0]
        if not -first.rank - 1 <= self.axis <= first.rank:
            raise ShapeError(f"{shape_text(first.shape)} has no place for an axis {self.axis}", argument="axis")
        for number, other in enumerate(inputs):
            same = other.dtype == first.dtype and other.rank == first.rank
            if not same or any(surely_unequal(a, b) for a, b in zip(first.shape, other.shape)):
                raise ShapeError(f"branch {number + 1} is {other}, branch 1 is {first}", operand=number)
        at = self.axis % (first.rank + 1)
        return TensorType(dtype=first.dtype, shape=(*first.shape[:at], len(inputs), *first.shape[at:]))
