"""Made-up arrays for any set of inputs: of the right types, within classes and vocabularies, the same in every run."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from slimdsl.runtime.data.errors import MissingDataError
from slimdsl.runtime.data.fitting import numpy_type
from slimdsl.runtime.data.tables import TableSource
from slimdsl.runtime.data.wanted import ONES, SHARES, Wanted, WantedInput
from slimdsl.types import DType, substitute

Array = npt.NDArray[Any]

LARGEST = 256 << 20
"""Bytes of all arrays together, beyond which the rows begin again."""

_PARTS = {"train": 1, "validation": 2, "all": 1}


def synthetic_table(count: int, split: str, wanted: Wanted) -> TableSource:
    """Rows of numbers: floating-point ones are normally distributed, integers below their limits, else 0 and 1.

    Args:
        count: how many rows.
        split: the part; that for evaluation has numbers of its own.
        wanted: the inputs, with numbers for their named sizes.

    Raises:
        MissingDataError: an input has a size that nothing says.
    """
    shapes = {name: _shape(wanted, one) for name, one in wanted.inputs.items()}
    of_row = sum(prod(shape) * wanted.inputs[name].type.dtype.size for name, shape in shapes.items())
    rows = min(count, max(1, LARGEST // max(of_row, 1)))
    source = TableSource(
        {name: _drawn(wanted.inputs[name], (rows, *shape), split) for name, shape in shapes.items()},
        kind="synthetic",
        path="",
        sizes=wanted.sizes,
        limits={name: one.limit for name, one in wanted.inputs.items() if one.limit is not None},
        count=count,
    )
    repeated = "" if rows == count else f", {rows} different rows again and again"
    source.split, source.split_note = split, f"each part has numbers of its own{repeated}"
    return source


def _shape(wanted: Wanted, one: WantedInput) -> tuple[int, ...]:
    dims = [substitute(dim, wanted.sizes) for dim in one.type.shape[1:]]
    found = tuple(dim for dim in dims if isinstance(dim, int) and dim > 0)
    if len(found) != len(dims):
        raise MissingDataError(
            f"`{wanted.network}` leaves the size of `{one.name}` open, {one.type}, and data that are made up do not "
            "say it: write the size in the net, or give --data an .npz"
        )
    return found


def _drawn(one: WantedInput, shape: tuple[int, ...], split: str) -> Array:
    # The name as numbers: what an input gets depends on no other input.
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([_PARTS[split], *one.name.encode()])))
    dtype = one.type.dtype
    if dtype.floating:
        if one.drawn == ONES:
            return random.integers(0, 2, shape).astype(numpy_type(dtype))
        drawn = random.standard_normal(shape, dtype=np.float32)
        if one.drawn == SHARES:
            drawn = np.exp(drawn)
            drawn /= drawn.sum(-1, keepdims=True)
        return np.asarray(drawn).astype(numpy_type(dtype))
    end = 2
    if dtype is not DType.BOOL and one.limit is not None:
        # Of a type that counts less far than its limit.
        end = min(one.limit.count, int(np.iinfo(numpy_type(dtype)).max) + 1)
    return random.integers(0, end, shape).astype(numpy_type(dtype))
