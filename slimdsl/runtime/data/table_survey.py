"""What arrays hold: types, shapes, ranges, and the rows that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from slimdsl.runtime.data.fitting import is_floating
from slimdsl.runtime.data.tables import TableSource
from slimdsl.values import Value, value

Array = npt.NDArray[Any]

_PIECE = 1 << 24
"""Numbers that are looked at together."""


@value
class ArraySurvey(Value):
    """What an array is.

    Attributes:
        name: its name.
        type: numpy's name of its type.
        shape: its shape.
        least: its least number; None where it has no numbers, or none that is finite.
        largest: likewise.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    least: float | None
    largest: float | None


def survey_arrays(source: TableSource) -> tuple[tuple[ArraySurvey, ...], list[str]]:
    """Every array, and what is wrong with them, a line each."""
    return (
        tuple(_looked_at(name, array) for name, array in source.arrays.items()),
        [problem for name, array in source.arrays.items() for problem in _problems(source, name, array)],
    )


def _looked_at(name: str, array: Array) -> ArraySurvey:
    ends: list[float] = []
    if array.dtype.kind in "iub" or is_floating(array):
        for piece in _pieces(array):
            found = piece[np.isfinite(piece)] if is_floating(array) else piece
            ends += [float(found.min()), float(found.max())] if found.size else []
    return ArraySurvey(
        name=name,
        type=array.dtype.name,
        shape=array.shape,
        least=min(ends, default=None),
        largest=max(ends, default=None),
    )


def _pieces(array: Array) -> list[Array]:
    rows = max(1, _PIECE // max(1, array[:1].size)) if array.ndim else 1
    return [array[start : start + rows] for start in range(0, len(array), rows)] if array.ndim else [array]


def _problems(source: TableSource, name: str, array: Array) -> list[str]:
    at = f"`{name}` of `{source.path}`" if source.path else f"`{name}`"
    if is_floating(array):
        rows = _rows(array, lambda piece: ~np.isfinite(piece))
        return [f"{at} has numbers that are infinite or not a number in row {_listed(rows)}"] if rows else []
    limit = source.limits.get(name)
    if limit is None or not limit.strict or array.dtype.kind not in "iu":
        return []
    rows = _rows(array, lambda piece: (piece < 0) | (piece >= limit.count))
    if not rows:
        return []
    row = np.atleast_1d(array[rows[0]])
    wrong = row[(row < 0) | (row >= limit.count)].flat[0]
    outside = f"outside the {limit.count} {limit.of}, 0 to {limit.count - 1}"
    more = f" (and {_listed(rows[1:], 'row ')})" if len(rows) > 1 else ""
    return [f"{at} has {wrong} in row {rows[0]}, {outside}{more}"]


def _rows(array: Array, wrong: Callable[[Array], Array]) -> list[int]:
    """The numbers of the rows with something wrong."""
    found: list[int] = []
    first = 0
    for piece in _pieces(array):
        count = len(piece) if array.ndim else 1
        bad = np.flatnonzero(wrong(piece).reshape(count, -1).any(axis=1))
        found += (first + bad).tolist()
        first += count
    return found


def _listed(rows: list[int], before: str = "") -> str:
    return f"{before}{rows[0]}" if len(rows) == 1 else f"{before}{rows[0]} and {len(rows) - 1} more"
