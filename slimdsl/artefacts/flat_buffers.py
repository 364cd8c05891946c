"""Tables of a FlatBuffers file gone over where they stand. Knows the format of tables, and no schema."""

from __future__ import annotations

from slimdsl.artefacts.wire import DamagedError

_LARGEST_VECTOR = 1 << 24
"""Entries of a list; a model of so many operators is no honest one."""


def flat_buffer(content: memoryview) -> Table:
    """The root table of a file.

    Raises:
        DamagedError: the bytes are none.
    """
    return Table(content, _number(content, 0, 4))


class Table:
    """A table; fields are given by their places in the schema. Whatever lies outside the file is a DamagedError."""

    def __init__(self, content: memoryview, position: int) -> None:
        self._content = content
        self._position = position
        self._fields = position - _number(content, position, 4, signed=True)
        self._count = max(0, _number(content, self._fields, 2) // 2 - 2)

    def number(self, field: int, *, size: int = 4) -> int:
        """A number of so many bytes; 0 where it is left out."""
        place = self._place(field)
        return _number(self._content, place, size) if place else 0

    def text(self, field: int) -> str:
        """A text; "" where it is left out."""
        place, count = self._vector(field)
        try:
            return bytes(_piece(self._content, place, count)).decode() if place else ""
        except UnicodeDecodeError:
            raise DamagedError("is damaged: there are other bytes where a text belongs") from None

    def numbers(self, field: int) -> list[int]:
        """A list of signed numbers of four bytes."""
        place, count = self._vector(field)
        return [_number(self._content, place + 4 * i, 4, signed=True) for i in range(count)]

    def tables(self, field: int) -> list[Table]:
        """A list of tables."""
        place, count = self._vector(field)
        return [Table(self._content, self._target(place + 4 * i)) for i in range(count)]

    def length(self, field: int) -> int:
        """How many entries a list has."""
        return self._vector(field)[1]

    def _place(self, field: int) -> int:
        """Where a field is; 0 where it is left out."""
        offset = _number(self._content, self._fields + 4 + 2 * field, 2) if field < self._count else 0
        return self._position + offset if offset else 0

    def _vector(self, field: int) -> tuple[int, int]:
        """Where the entries of a list are, and how many; (0, 0) where it is left out."""
        place = self._place(field)
        if not place:
            return 0, 0
        start = self._target(place)
        count = _number(self._content, start, 4)
        if count > _LARGEST_VECTOR:
            raise DamagedError("is damaged: a list has too many entries")
        return start + 4, count

    def _target(self, place: int) -> int:
        """What an offset points to."""
        return place + _number(self._content, place, 4)


def _number(content: memoryview, position: int, size: int, *, signed: bool = False) -> int:
    return int.from_bytes(_piece(content, position, size), "little", signed=signed)


def _piece(content: memoryview, position: int, size: int) -> memoryview:
    if position < 0 or position + size > len(content):
        raise DamagedError("is damaged: it ends too early")
    return content[position : position + size]
