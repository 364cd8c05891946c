"""The bytes of protobuf messages gone over where they stand, without building objects of them.

So a graph of half a gigabyte is looked through in a mapped file, and none of its weights is copied. (`weights.wire`
reads from files that are not mapped, with a call for every field.) Knows no message.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Union

from slimdsl.weights.wire import BYTES, FIXED32, FIXED64, VARINT, signed

Content = Union[int, memoryview]
"""What a field holds: a number, or the bytes of all else."""


_LONGEST_VARINT = 10
_MOST = (1 << 64) - 1


class DamagedError(Exception):
    """The bytes are not what they should be; the message completes "`model.pb` …"."""


@contextmanager
def mapped(path: str) -> Iterator[memoryview]:
    """The bytes of a file, without reading them.

    Raises:
        DamagedError: the file is empty.
        OSError: it cannot be opened.
    """
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise DamagedError("is empty")
        # It is unmapped when the last view of it is gone: closing it before is an error.
        yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def fields(message: memoryview) -> Iterator[tuple[int, Content]]:
    """The fields of a message, in their order: (number, content).

    Raises:
        DamagedError: the bytes are no message.
    """
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        field, kind = key >> 3, key & 7
        if not field:
            raise DamagedError("is damaged: a field has the number 0")
        if kind == VARINT:
            integer, position = _varint(message, position)
            yield field, integer
            continue
        if kind == BYTES:
            size, position = _varint(message, position)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise DamagedError(f"is damaged: a field has the wire type {kind}")
        if size > end - position:
            raise DamagedError("is damaged: a field is cut off")
        yield field, message[position : position + size]
        position += size


def numbered(message: memoryview, wanted: int) -> Iterator[Content]:
    """What the fields of one number hold, in their order.

    Raises:
        DamagedError: the bytes are no message.
    """
    return (content for field, content in fields(message) if field == wanted)


def first(message: memoryview, wanted: int) -> Content | None:
    """What the first field of a number holds; None where there is none.

    Raises:
        DamagedError: the bytes are no message.
    """
    return next(numbered(message, wanted), None)


def inner(content: Content | None) -> memoryview:
    """The bytes of a field that holds a message, or of one that is not there.

    Raises:
        DamagedError: it holds a number.
    """
    if content is None:
        return memoryview(b"")
    if isinstance(content, int):
        raise DamagedError("is damaged: there is a number where a message belongs")
    return content


def text(content: Content | None) -> str:
    """The text of a field; "" where there is none.

    Raises:
        DamagedError: it is no text.
    """
    try:
        return bytes(inner(content)).decode()
    except UnicodeDecodeError:
        raise DamagedError("is damaged: there are other bytes where a text belongs") from None


def number(content: Content | None) -> int:
    """The number of a field, 0 where there is none.

    Raises:
        DamagedError: it is no number.
    """
    if content is None:
        return 0
    if not isinstance(content, int):
        raise DamagedError("is damaged: there are bytes where a number belongs")
    return signed(content)


def entries(message: memoryview, wanted: int) -> dict[str, memoryview]:
    """A map from texts to messages.

    Raises:
        DamagedError: the bytes are none.
    """
    found: dict[str, memoryview] = {}
    for content in numbered(message, wanted):
        entry = inner(content)
        found[text(first(entry, 1))] = inner(first(entry, 2))
    return found


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """The number at a position, and the position behind it."""
    integer = shift = 0
    for place in range(position, min(position + _LONGEST_VARINT, len(message))):
        byte = message[place]
        integer |= (byte & 0x7F) << shift
        if byte < 0x80:
            return integer & _MOST, place + 1
        shift += 7
    raise DamagedError("is damaged: a number is cut off or too large")
