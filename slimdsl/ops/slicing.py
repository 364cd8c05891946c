"""Parts of a tensor along one axis: a slice, one place, one of several equal parts."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.arguments import IntKind, arg
from slimdsl.ops.axes import axis_of
from slimdsl.ops.base import Primitive, ShapeError
from slimdsl.ops.windows import MAX_SIZE
from slimdsl.types import Dim, TensorType, ceil_div, shape_text
from slimdsl.values import value

_PLACE = IntKind(minimum=-MAX_SIZE, maximum=MAX_SIZE)


def _with_axis(x: TensorType, axis: int, dim: Dim) -> TensorType:
    return TensorType(dtype=x.dtype, shape=(*x.shape[:axis], dim, *x.shape[axis + 1 :]))


@value
class Slice(Primitive):
    """The elements from `start` to before `stop` along one axis. TensorFlow: ``x[:, start:stop:step]``.

    Counts from 0 or, below 0, from the end. Takes any tensor. Where the size of the axis is not known, it is taken to
    be large enough; ``slice(1, 0, 5)`` checks it when the graph runs. Opens no scope: `as` names the node.
    Example: ``slice(1, 0, 5)``.
    """

    name: ClassVar[str] = "slice"
    node_name: ClassVar[str] = "Slice"
    axis: int = arg(IntKind(), doc="the axis, counted from 0 or, below 0, from the end")
    start: int = arg(_PLACE, 0, doc="the first element")
    stop: int | None = arg(
        IntKind(minimum=-MAX_SIZE, maximum=MAX_SIZE, optional=True),
        None,
        doc="the element after the last; `none`: to the end",
    )
    step: int = arg(IntKind(minimum=1, maximum=MAX_SIZE), 1, doc="distance of the elements")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        along = axis_of(x, self.axis)
        count = self._count(x, along)
        if isinstance(count, int) and count < 1:
            stop = "the end" if self.stop is None else str(self.stop)
            raise ShapeError(
                f"nothing lies from {self.start} to before {stop} on axis {along} of {shape_text(x.shape)}",
                argument="stop" if self.stop is not None else "start",
            )
        return _with_axis(x, along, ceil_div(count, self.step))

    def _count(self, x: TensorType, along: int) -> Dim:
        """How many elements lie between the bounds."""
        dim = x.shape[along]
        if isinstance(dim, int):
            for argument, bound in (("start", self.start), ("stop", self.stop)):
                if bound is not None and not -dim <= bound <= dim:
                    raise ShapeError(f"axis {along} of {shape_text(x.shape)} has no place {bound}", argument=argument)
        elif self.start < 0 and self.stop is not None and self.stop >= 0:
            raise ShapeError(
                f"it is not known how much lies from {self.start} to before {self.stop}, as `{dim}` is not known",
                argument="stop",
                help="count both from the same side",
            )
        if self.stop is None:
            return -self.start if self.start < 0 else dim - self.start
        if (self.start < 0) == (self.stop < 0):
            return self.stop - self.start
        return (dim if self.stop < 0 else 0) + self.stop - self.start - (dim if self.start < 0 else 0)


@value
class Index(Primitive):
    """One place along an axis, which goes. TensorFlow: ``x[:, place]``.

    Counts from 0 or, below 0, from the end: ``index(-1)`` is the last of a sequence. Takes any tensor. Opens no scope:
    `as` names the node. Example: ``index(0, axis=1)``.
    """

    name: ClassVar[str] = "index"
    node_name: ClassVar[str] = "strided_slice"
    place: int = arg(_PLACE, doc="the place, counted from 0 or, below 0, from the end")
    axis: int = arg(IntKind(), 1, doc="the axis, counted from 0 or, below 0, from the end")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        along = axis_of(x, self.axis)
        dim = x.shape[along]
        if isinstance(dim, int) and not -dim <= self.place < dim:
            raise ShapeError(f"axis {along} of {shape_text(x.shape)} has no place {self.place}", argument="place")
        return TensorType(dtype=x.dtype, shape=(*x.shape[:along], *x.shape[along + 1 :]))


@value
class SplitPart(Primitive):
    """One of several equal parts along an axis. TensorFlow: ``tf.split(x, of, axis)[part]``.

    Parts are counted from 0. Takes any tensor; the size of the axis is a multiple of `of`, which is checked when the
    graph runs where it is not known. Opens no scope: `as` names the node. Example: ``split_part(0, of=2)``.
    """

    name: ClassVar[str] = "split_part"
    node_name: ClassVar[str] = "split"
    part: int = arg(IntKind(minimum=0), doc="which part, counted from 0")
    of: int = arg(IntKind(minimum=1), doc="how many parts there are")
    axis: int = arg(IntKind(), -1, doc="the axis that is cut, counted from 0 or, below 0, from the end")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        along = axis_of(x, self.axis)
        if self.part >= self.of:
            raise ShapeError(f"there is no part {self.part} of {self.of}, they are counted from 0", argument="part")
        dim = x.shape[along]
        if isinstance(dim, int) and dim % self.of:
            message = f"axis {along} of {shape_text(x.shape)} cannot be cut into {self.of} equal parts"
            raise ShapeError(message, argument="of")
        return _with_axis(x, along, dim // self.of)
