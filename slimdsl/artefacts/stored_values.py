"""Whether the numbers of variables stand in an artefact as their source gives them.

All of them where there are little; of large weights a spread: the beginning of every variable, and the smaller ones
whole. Reading hundreds of megabytes once more, or drawing them anew, would cost as much as writing them did, and what
goes wrong with weights (another variable's, another seed's, bytes that are shifted) shows in the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.ir.graph import Variable
from slimdsl.weights.source import WeightsError, WeightSource

BUDGET = 64 << 20
"""Bytes up to which all are compared."""

BEGINNING = 256 << 10
"""Bytes of each variable that are compared in any case."""

Place = tuple[Variable, memoryview]
"""A variable, and the bytes that should be its numbers."""


class _EnoughError(Exception):
    """As many bytes as wanted have been compared."""


class _DifferentError(Exception):
    """The byte at `place` is another."""

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


def compare_values(places: Sequence[Place], weights: WeightSource) -> tuple[int, list[str]]:
    """Compare the numbers of variables.

    Args:
        places: the variables and their bytes in the artefact.
        weights: the source that they were written from.

    Returns:
        How many bytes were compared, and what is wrong, each completing "`model.pb` …".
    """
    compared, problems = 0, []
    left = max(0, BUDGET - sum(min(len(content), BEGINNING) for _, content in places))
    for variable, content in sorted(places, key=lambda place: len(place[1])):
        wanted = min(len(content), BEGINNING)
        more = len(content) - wanted
        if more <= left:
            left -= more
            wanted += more
        try:
            different = _first_difference(variable, content[:wanted], weights)
        except WeightsError as error:
            problems.append(f"cannot be compared with its weights: {error}")
            continue
        if different is not None:
            element = different // variable.tensor.type.dtype.size
            problems.append(
                f"holds other numbers for the variable `{variable.name}` than were to be written, from element "
                f"{element:,} of {variable.size:,}"
            )
        compared += wanted
    return compared, problems


def _first_difference(variable: Variable, content: memoryview, weights: WeightSource) -> int | None:
    """Where the first bytes of a variable differ from what its source gives; None where they do not."""
    wanted, passed = len(content), 0

    def compare(data: bytes | memoryview) -> None:
        nonlocal passed
        given = memoryview(data).cast("B")[: wanted - passed]
        here = content[passed : passed + len(given)]
        if given != here:
            raise _DifferentError(passed + _difference(given, here))
        passed += len(given)
        if passed == wanted:
            raise _EnoughError

    try:
        weights.write(variable, compare)
    except _EnoughError:
        return None
    except _DifferentError as error:
        return error.place
    return passed if passed < wanted else None


def _difference(left: memoryview, right: memoryview) -> int:
    """The first place where two unequal pieces of the same length differ."""
    low, high = 0, len(left)
    while high - low > 1:
        middle = (low + high) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle
    return low
