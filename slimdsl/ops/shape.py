"""Ops that give a tensor more or fewer axes or elements, and change no value: squeeze, pad, tile and their like."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.arguments import IntKind, IntsKind, NumberKind, PairsKind, WordKind, arg
from slimdsl.ops.axes import axis_of
from slimdsl.ops.base import Primitive, ShapeError
from slimdsl.ops.element_types import require_fitting
from slimdsl.ops.windows import refuse_too_large
from slimdsl.types import TensorType, shape_text, surely_unequal
from slimdsl.values import value


@value
class Identity(Primitive):
    """The tensor itself, under another name. TensorFlow: ``tf.identity``.

    Opens no scope: `as` names the node. Example: ``identity as output``.
    """

    name: ClassVar[str] = "identity"
    node_name: ClassVar[str] = "Identity"

    def infer(self, *inputs: TensorType) -> TensorType:
        return inputs[0]


@value
class ExpandDims(Primitive):
    """Put in an axis of size 1. TensorFlow: ``tf.expand_dims``.

    Takes any tensor. Opens no scope: `as` names the node. Example: ``expand_dims(-1)``.
    """

    name: ClassVar[str] = "expand_dims"
    node_name: ClassVar[str] = "ExpandDims"
    axis: int = arg(IntKind(), doc="where the new axis stands in the result, counted from 0 or, below 0, from the end")

    def place(self, x: TensorType) -> int:
        """The axis counted from 0.

        Raises:
            ShapeError: there is no such place.
        """
        if not -x.rank - 1 <= self.axis <= x.rank:
            raise ShapeError(f"{shape_text(x.shape)} has no place for an axis {self.axis}", argument="axis")
        return self.axis % (x.rank + 1)

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        axis = self.place(x)
        return TensorType(dtype=x.dtype, shape=(*x.shape[:axis], 1, *x.shape[axis:]))


@value
class Tile(Primitive):
    """The tensor repeated along each axis. TensorFlow: ``tf.tile``.

    Takes any tensor and a number for each axis, the batch included. Opens no scope: `as` names the node.
    Example: ``tile([1, 2, 2, 1])``.
    """

    name: ClassVar[str] = "tile"
    node_name: ClassVar[str] = "Tile"
    multiples: tuple[int, ...] = arg(IntsKind(minimum=1), doc="how often, for each axis")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if len(self.multiples) != x.rank:
            raise ShapeError(f"{len(self.multiples)} multiples do not fit {shape_text(x.shape)}", argument="multiples")
        shape = tuple(dim * times for dim, times in zip(x.shape, self.multiples))
        return TensorType(dtype=x.dtype, shape=refuse_too_large(shape, "multiples"))


@value
class Squeeze(Primitive):
    """Remove axes of size 1. TensorFlow: ``tf.squeeze``.

    Takes any tensor. Without `axes`: all axes after the batch that are surely 1, of which there must be one. With
    `axes`, those; an axis whose size is not known is taken to be 1, which is checked when the graph runs. Opens no
    scope: `as` names the node. Example: ``squeeze([1, 2]) as SpatialSqueeze``.
    """

    name: ClassVar[str] = "squeeze"
    node_name: ClassVar[str] = "Squeeze"
    axes: tuple[int, ...] | None = arg(
        IntsKind(optional=True), None, doc="axes to remove, counted from 0 or, below 0, from the end"
    )

    def removed(self, x: TensorType) -> tuple[int, ...]:
        """The axes that go, counted from 0, in order.

        Raises:
            ShapeError: there is none, or one of those given does not exist or is surely not 1.
        """
        if self.axes is None:
            found = tuple(axis for axis in range(1, x.rank) if x.shape[axis] == 1)
            if not found:
                raise ShapeError(
                    f"squeeze finds no axis of size 1 after the batch of {shape_text(x.shape)}",
                    operand=0,
                    help="`axes=[1, 2]` removes axes whose size is not known",
                )
            return found
        if not self.axes:
            raise ShapeError("squeeze is given no axis", argument="axes", help="leave `axes` out, or name one")
        for axis in self.axes:
            axis_of(x, axis, "axes")
            if surely_unequal(x.shape[axis], 1):
                raise ShapeError(f"axis {axis} of {shape_text(x.shape)} is {x.shape[axis]}, not 1", argument="axes")
        return tuple(sorted({axis % x.rank for axis in self.axes}))

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        gone = self.removed(x)
        return TensorType(dtype=x.dtype, shape=tuple(dim for axis, dim in enumerate(x.shape) if axis not in gone))


@value
class Pad(Primitive):
    """Put a margin around a tensor. TensorFlow: ``tf.pad``.

    Takes any tensor and a pair (before, after) for each axis, the batch included; an axis n becomes before + n + after.
    `constant` fills with `value`; `reflect` mirrors at the outermost elements, `symmetric` mirrors them too. Opens no
    scope: `as` names the node. Example: ``pad([(0, 0), (3, 3), (3, 3), (0, 0)])``.
    """

    name: ClassVar[str] = "pad"
    node_name: ClassVar[str] = "Pad"
    paddings: tuple[tuple[int, int], ...] = arg(PairsKind(), doc="elements before and after, for each axis")
    mode: str = arg(
        WordKind(description="`constant`, `reflect` or `symmetric`", words=("constant", "reflect", "symmetric")),
        "constant",
        doc="what the margin is filled with",
    )
    value: float = arg(NumberKind(), 0.0, doc="the constant")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if len(self.paddings) != x.rank:
            raise ShapeError(
                f"pad has {len(self.paddings)} pairs, {shape_text(x.shape)} has {x.rank} axes",
                argument="paddings",
                help="a pair for each axis, the batch included",
            )
        self._check_mirror(x)
        require_fitting(self.name, x, self.value, "value")
        shape = tuple(before + dim + after for dim, (before, after) in zip(x.shape, self.paddings))
        return TensorType(dtype=x.dtype, shape=refuse_too_large(shape, "paddings"))

    def _check_mirror(self, x: TensorType) -> None:
        if self.mode == "constant":
            return
        for axis, (dim, pair) in enumerate(zip(x.shape, self.paddings)):
            limit = dim - 1 if self.mode == "reflect" else dim
            if isinstance(limit, int) and max(pair) > limit:
                raise ShapeError(
                    f"{self.mode} can give axis {axis} of {shape_text(x.shape)} at most {limit} more to a side,"
                    f" not {max(pair)}",
                    argument="paddings",
                )
