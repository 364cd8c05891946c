"""Whether the numbers of variables stand in an artefact as their source gives them.

All of them where there are little; of large weights a spread: the beginning of every variable, and the smaller ones
whole. Reading hundreds of megabytes once more, or drawing them anew, would cost as much as writing them did, and what
goes wrong with weights (another variable's, another seed's, bytes that are shifted) shows in the beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slimdsl.ir.graph import Variable
from slimdsl.values import Record, positional
from slimdsl.weights.source import WeightsError, WeightSource
from slimdsl.weights.stored import WeightsFile

BUDGET = 64 << 20
"""Bytes up to which all are compared."""

BEGINNING = 256 << 10
"""Bytes of each variable that are compared in any case."""


@positional
class Place(Record):
    """Where the numbers of a variable should be.

    Attributes:
        variable: the variable.
        size: bytes of its numbers.
        read: the first bytes of them, as many as are asked for; raises WeightsError where they are damaged.
    """

    variable: Variable
    size: int
    read: Callable[[int], memoryview]


def place_in(variable: Variable, content: memoryview) -> Place:
    """The place of numbers that are mapped."""
    return Place(variable, len(content), lambda count: content[:count])


class _EnoughError(Exception):
    """As many bytes as wanted have passed."""


class _DifferentError(Exception):
    """The byte at `place` is another."""

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


def beginning(file: WeightsFile, name: str, count: int) -> memoryview:
    """The first bytes of a tensor in a file; where these are all, its checksum is compared.

    Raises:
        WeightsError: they cannot be read, or are damaged.
    """
    content = bytearray()

    def take(data: bytes | memoryview) -> None:
        content.extend(memoryview(data).cast("B")[: count - len(content)])
        if len(content) == count < file.tensors[name].size:
            raise _EnoughError

    try:
        file.write(name, take)
    except _EnoughError:
        pass
    return memoryview(content)


def compare_values(places: Sequence[Place], weights: WeightSource) -> tuple[int, list[str]]:
    """Compare the numbers of variables.

    Args:
        places: the variables and their bytes in the artefact.
        weights: the source that they were written from.

    Returns:
        How many bytes were compared, and what is wrong, each completing "`model.pb` …".
    """
    compared = 0
    problems: list[str] = []
    left = max(0, BUDGET - sum(min(place.size, BEGINNING) for place in places))
    for place in sorted(places, key=lambda place: place.size):
        wanted = min(place.size, BEGINNING)
        if place.size - wanted <= left:
            left -= place.size - wanted
            wanted = place.size
        variable = place.variable
        try:
            different = _first_difference(variable, place.read(wanted), weights)
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
