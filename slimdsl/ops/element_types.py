"""Checks of element types that ops share: numbers, and whether a constant can be one of them."""

from __future__ import annotations

from slimdsl.ops.base import ShapeError
from slimdsl.types import DType, TensorType

_INTEGERS = {
    DType.INT8: (-(2**7), 2**7 - 1),
    DType.UINT8: (0, 2**8 - 1),
    DType.INT32: (-(2**31), 2**31 - 1),
    DType.INT64: (-(2**53), 2**53),
}
"""Least and greatest value of the integer types; an int64 as far as a float holds it exactly."""


def require_numbers(op_name: str, x: TensorType) -> None:
    """Refuse a tensor of truth values or strings.

    Raises:
        ShapeError: it is one.
    """
    if x.dtype in (DType.STRING, DType.BOOL):
        raise ShapeError(f"{op_name} wants a tensor of numbers, this one is {x.dtype.value}", operand=0)


def require_integers(op_name: str, x: TensorType, operand: int = 0) -> None:
    """Refuse a tensor that cannot be an index.

    Raises:
        ShapeError: it is neither int32 nor int64.
    """
    if x.dtype not in (DType.INT32, DType.INT64):
        raise ShapeError(
            f"{op_name} wants a tensor of int32 or int64, this one is {x.dtype.value}",
            operand=operand,
            help="`cast(int32)` before it makes integers of numbers" if x.dtype.floating else "",
        )


def require_fitting(op_name: str, x: TensorType, number: float, argument: str) -> None:
    """Refuse a constant that the tensor's elements cannot hold.

    Raises:
        ShapeError: with the number and the type.
    """
    require_numbers(op_name, x)
    bounds = _INTEGERS.get(x.dtype)
    if bounds and not (bounds[0] <= number <= bounds[1] and number == int(number)):
        raise ShapeError(f"{number:g} is no {x.dtype.value}, which the tensor is made of", argument=argument)


def as_element(number: float, dtype: DType) -> float:
    """A number as a constant of this type is given it."""
    return number if dtype.floating else int(number)
