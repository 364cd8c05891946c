"""Small layers without weights that work along an axis: vectors of length 1, and the best of each group."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import IntKind, NumberKind, arg
from slimdsl.ops.axes import axis_of
from slimdsl.ops.base import Builder, Layer, Operand, Primitive, ShapeError
from slimdsl.ops.windows import known_channels
from slimdsl.types import TensorType, shape_text
from slimdsl.values import value


@value
class DivideByLength(Primitive):
    """x / √(epsilon + Σ x²), the sum being that along an axis."""

    name: ClassVar[str] = "divide_by_length"
    node_name: ClassVar[str] = "div"
    writable: ClassVar[bool] = False
    axis: int = arg(IntKind(minimum=0), doc="the axis")
    epsilon: float = arg(NumberKind(minimum=0.0), doc="added to the square of the length")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_floating("unit_norm", x)
        axis_of(x, self.axis)
        return x


@value
class UnitNorm(Layer):
    """Divide by the length, so that vectors along an axis have length 1. TF-Slim: ``unit_norm``.

    Takes any tensor of floats and gives the same shape: x / √(epsilon + Σ x²). Makes no variables.
    Example: ``unit_norm(-1)``.
    """

    name: ClassVar[str] = "unit_norm"
    scope_name: ClassVar[str] = "UnitNorm"
    axis: int = arg(IntKind(), doc="the axis along which a vector lies")
    epsilon: float = arg(NumberKind(minimum=0.0), 1e-7, doc="added to the square of the length")

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Divide."""
        require_floating(self.name, x.type)
        return builder.emit(DivideByLength(axis=axis_of(x.type, self.axis), epsilon=self.epsilon), x)


@value
class GroupMaximum(Primitive):
    """The greatest of each group of neighbouring channels."""

    name: ClassVar[str] = "group_maximum"
    node_name: ClassVar[str] = "Max"
    writable: ClassVar[bool] = False
    units: int = arg(IntKind(minimum=1), doc="number of groups")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_floating("maxout", x)
        channels = known_channels("maxout", x)
        if channels % self.units:
            raise ShapeError(
                f"{channels} channels cannot be cut into {self.units} groups of one size", argument="units"
            )
        return TensorType(dtype=x.dtype, shape=(*x.shape[:-1], self.units))


@value
class Maxout(Layer):
    """The greatest of each of several groups of channels. TF-Slim: ``maxout``.

    Takes ``[N, …, C]`` and gives ``[N, …, units]``; the groups are of C / units neighbouring channels. Makes no
    variables. Paper: https://arxiv.org/abs/1302.4389. Example: ``maxout(4)``.
    """

    name: ClassVar[str] = "maxout"
    scope_name: ClassVar[str] = "MaxOut"
    units: int = arg(IntKind(minimum=1), doc="number of groups: the channels of the result")

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Take the greatest."""
        if x.type.rank < 2:
            shape = shape_text(x.type.shape)
            raise ShapeError(f"maxout wants a tensor of rank 2 or more, not {shape}", operand=0)
        return builder.emit(GroupMaximum(units=self.units), x)
