"""Axes as arguments: counted from 0 or, below 0, from the end."""

from __future__ import annotations

from slimdsl.ops.base import ShapeError
from slimdsl.types import TensorType, shape_text


def axis_of(x: TensorType, axis: int, argument: str = "axis") -> int:
    """The axis counted from 0.

    Raises:
        ShapeError: there is no such axis.
    """
    if not -x.rank <= axis < x.rank:
        raise ShapeError(f"{shape_text(x.shape)} has no axis {axis}", argument=argument)
    return axis % x.rank


def axes_of(op_name: str, x: TensorType, axes: tuple[int, ...], argument: str = "axes") -> tuple[int, ...]:
    """The axes counted from 0, in order, each once.

    Raises:
        ShapeError: one does not exist, or there is none.
    """
    if not axes:
        raise ShapeError(f"{op_name} is given no axis", argument=argument, help="name at least one")
    return tuple(sorted({axis_of(x, axis, argument) for axis in axes}))
