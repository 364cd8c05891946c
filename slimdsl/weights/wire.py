"""Protocol buffers on the wire, as far as checkpoints need them: numbers, fields, nothing of what they mean.

The library for them takes longer to load than a checkpoint takes to read, and it copies the weights.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT = 0
FIXED64 = 1
BYTES = 2
FIXED32 = 5

_LONGEST_VARINT = 10


class WireError(Exception):
    """The bytes are no message; the message says why in a few words."""


def read_varint(content: bytes | memoryview, position: int) -> tuple[int, int]:
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


def read_fields(content: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Number, wire type and content of each field of a message: an integer, or a view of the bytes.

    Raises:
        WireError: the bytes are no message.
    """
    position, end = 0, len(content)
    while position < end:
        tag, position = read_varint(content, position)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise WireError("a field has the number 0")
        if kind == VARINT:
            integer, position = read_varint(content, position)
            yield number, kind, integer
            continue
        if kind == BYTES:
            size, position = read_varint(content, position)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise WireError(f"a field has the wire type {kind}")
        if size > end - position:
            raise WireError("a field is cut off")
        piece = content[position : position + size]
        yield number, kind, piece if kind == BYTES else int.from_bytes(piece, "little")
        position += size


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
