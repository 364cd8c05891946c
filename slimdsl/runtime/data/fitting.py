"""Whether arrays are what inputs take: their shapes against the types, and their numbers in the element types.

`slimdsl predict`, training and evaluation share these rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from slimdsl.runtime.data.errors import DataError
from slimdsl.types import DType, SymbolicDim, TensorType, shape_text, substitute, symbol_names
from slimdsl.weights.npz import DESCRIPTIONS

Array = npt.NDArray[Any]

_WHOLE_KINDS = "iub"


def numpy_type(dtype: DType) -> np.dtype[Any]:
    """The numpy type of an element type, bfloat16 included."""
    found: np.dtype[Any] = np.dtype(tf.dtypes.as_dtype(dtype.value).as_numpy_dtype)
    return found


def readable(array: Array) -> Array:
    """An array as a file has it, with bfloat16 told from two bytes of no type."""
    if array.dtype == np.dtype(DESCRIPTIONS[DType.BFLOAT16]):
        return array.view(numpy_type(DType.BFLOAT16))
    return array


def is_floating(array: Array) -> bool:
    """Whether its numbers are floating-point ones, bfloat16 included."""
    return array.dtype.kind == "f" or array.dtype == numpy_type(DType.BFLOAT16)


def fit_shapes(
    path: str, types: Mapping[str, TensorType], shapes: Mapping[str, tuple[int, ...]], *, batched: bool = True
) -> dict[str, int]:
    """Compare shapes with types.

    Args:
        path: the file, for messages.
        types: name of each input -> its type.
        shapes: name -> shape of its array.
        batched: whether the first axis is that of the examples, of which there may be any number.

    Returns:
        What the named sizes come to, that of the batch left out.

    Raises:
        DataError: a shape does not fit its type, or two arrays make one name stand for different sizes.
    """
    sizes: dict[str, int] = {}
    owners: dict[str, str] = {}
    for name, type in types.items():
        if len(shapes[name]) != type.rank:
            more = f": {type.rank} axes are wanted, the examples along the first" if batched and type.rank else ""
            raise DataError(_unfit(path, name, shapes[name], type) + more)
    # Sizes that are named first: others may be computed from them, in whatever order the inputs stand.
    for plain in (True, False):
        for name, type in types.items():
            for axis in range(int(batched), type.rank):
                dim, size = type.shape[axis], shapes[name][axis]
                expected = substitute(dim, sizes)
                symbol = isinstance(expected, SymbolicDim) and str(expected) in symbol_names(expected)
                if plain and symbol:
                    sizes[str(expected)] = size
                    owners[str(expected)] = name
                elif isinstance(expected, int) and expected != size:
                    named = sorted(symbol_names(dim) & owners.keys())
                    why = f", since {', '.join(f'{n} is {sizes[n]} in `{owners[n]}`' for n in named)}" if named else ""
                    raise DataError(f"{_unfit(path, name, shapes[name], type)}: axis {axis} must be {expected}{why}")
    return sizes


def _unfit(path: str, name: str, shape: tuple[int, ...], type: TensorType) -> str:
    return f"`{path}`: `{name}` has the shape {shape_text(shape)}, and the input is {type}"


def with_axes(array: Array, type: TensorType) -> Array:
    """Labels with the last axis that their type has: one of a single number may be missing, or be one too many."""
    if type.rank == array.ndim + 1 and type.shape[-1] == 1:
        return array[..., np.newaxis]
    if type.rank == array.ndim - 1 and type.rank and array.shape[-1] == 1:
        return array[..., 0]
    return array


def in_type(path: str, name: str, array: Array, type: TensorType, *, label: bool = False) -> Array:
    """Numbers in an input's element type, where nothing is lost but digits of floating-point ones.

    Between floating-point types, between integers, and from truth values to integers. Integers for a floating-point
    input are refused, because nobody has scaled them; as labels they are taken, save for images with more than 0 and 1.

    Args:
        path: the file, for messages.
        name: the input.
        array: the numbers.
        type: the input's type.
        label: whether it is an input of the `train` block.

    Raises:
        DataError: they are of another kind, or not held by the type.
    """
    wanted = type.dtype
    whole = array.dtype.kind in _WHOLE_KINDS
    counted = label and whole and (type.rank < 4 or not array.size or (array.min() >= 0 and array.max() <= 1))
    same = wanted is not DType.STRING and array.dtype == numpy_type(wanted)
    both_floating = is_floating(array) and wanted.floating
    both_whole = whole and wanted not in (DType.BOOL, DType.STRING) and not wanted.floating
    if not (same or both_floating or both_whole or (counted and wanted.floating)):
        raise DataError(f"`{path}`: `{name}` is {array.dtype}, and the input is {type}: {_advice(array, type)}")
    with np.errstate(over="ignore"):
        converted = array.astype(numpy_type(wanted), copy=False)
    if (whole and not np.array_equal(converted, array)) or (both_floating and _overflown(array, converted)):
        raise DataError(f"`{path}`: `{name}` has numbers that {wanted.value} does not hold")
    return converted


def _overflown(array: Array, converted: Array) -> bool:
    if converted.dtype.itemsize >= array.dtype.itemsize:
        return False
    return bool(np.any(np.isinf(converted) & np.isfinite(array)))


def _advice(array: Array, type: TensorType) -> str:
    if type.dtype is DType.STRING:
        return "numbers alone can be fed"
    scaled = ", scaled as in training" if type.dtype.floating and array.dtype.kind in _WHOLE_KINDS else ""
    return f"save it as numpy.{type.dtype.value}{scaled}"
