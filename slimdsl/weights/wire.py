"""Protocol buffers on the wire, as far as checkpoints need them: numbers, fields, nothing of what they mean.

The library for them takes longer to load than a checkpoint takes to read, and it copies the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from slimdsl.values import Value, positional

VARINT = 0
FIXED64 = 1
BYTES = 2
FIXED32 = 5

_LONGEST_VARINT = 10
_LONGEST_HEAD = 2 * _LONGEST_VARINT
MOST_FIELDS = 1 << 18
_FIXED_SIZES = {FIXED32: 4, FIXED64: 8}

Peek = Callable[[int, int], bytes]
"""Bytes from a position on: as many as are asked for, or fewer at the end of the file."""


class WireError(Exception):
    """The bytes are no message; the text says why in a few words."""


@positional
class Field(Value):
    """A field of a message.

    Attributes:
        number: which field it is.
        kind: its wire type.
        integer: its content where that is a varint; 0 otherwise.
        start: where the bytes of its content begin (of a varint: the position behind it).
        size: how many these are.
    """

    number: int
    kind: int
    integer: int
    start: int
    size: int


def read_varint(content: bytes, position: int) -> tuple[int, int]:
    """The number at a position, and the position behind it.

    Raises:
        WireError: it is cut off or has more than 64 bits.
    """
    number = 0
    for step, byte in enumerate(content[position : position + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << 7 * step
        if byte < 0x80:
            if number >= 1 << 64:
                break
            return number, position + step + 1
    raise WireError("a number is cut off or too large")


def read_fields(peek: Peek, start: int, size: int, most: int = MOST_FIELDS) -> Iterator[Field]:
    """The fields of a message that stands somewhere; their contents are left where they are.

    Raises:
        WireError: the bytes are no message, or one of more than `most` fields.
    """
    end = start + size
    for _ in range(most):
        if start >= end:
            return
        head = peek(start, min(_LONGEST_HEAD, end - start))
        tag, position = read_varint(head, 0)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise WireError("a field has the number 0")
        integer = length = 0
        if kind == VARINT:
            integer, position = read_varint(head, position)
        elif kind == BYTES:
            length, position = read_varint(head, position)
        elif kind in _FIXED_SIZES:
            length = _FIXED_SIZES[kind]
        else:
            raise WireError(f"a field has the wire type {kind}")
        start += position
        if length > end - start:
            raise WireError("a field is cut off")
        yield Field(number, kind, integer, start, length)
        start += length
    if start < end:
        raise WireError(f"it has more than {most:,} fields")


def peek_into(content: bytes) -> Peek:
    """What reads a message that is in memory."""
    return lambda position, size: content[position : position + size]


def signed(number: int) -> int:
    """A varint as the signed integer of 64 bits that it stands for."""
    return number - (1 << 64) if number >> 63 else number


def varint(number: int) -> bytes:
    """A number from 0 to 2**64 - 1."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def varint_field(number: int, content: int) -> bytes:
    """A field with a number; nothing for 0, which is what a field that is not there means."""
    return varint(number << 3 | VARINT) + varint(content) if content else b""


def bytes_field(number: int, content: bytes) -> bytes:
    """A field with bytes, a text or a message."""
    return varint(number << 3 | BYTES) + varint(len(content)) + content


def fixed32_field(number: int, content: int) -> bytes:
    """A field with a number of four bytes; nothing for 0."""
    return varint(number << 3 | FIXED32) + content.to_bytes(4, "little") if content else b""
