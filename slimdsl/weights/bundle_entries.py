"""What the index of a checkpoint says: one header, and an entry for each tensor. Knows no files."""

from __future__ import annotations

from slimdsl.values import Value, positional, value
from slimdsl.weights.wire import BYTES, FIXED32, VARINT, Field, WireError, peek_into, read_fields, signed

MOST_AXES = 254
"""Axes that a tensor of TensorFlow has at most."""


@positional
class Header(Value):
    """How many data files there are, whether numbers in them are big-endian, and the oldest version that reads them."""

    shards: int
    big_endian: bool
    min_consumer: int


@value
class BundleEntry(Value):
    """A tensor: its type in TensorFlow's numbering, its shape, where it stands, its masked checksum.

    Attributes:
        sliced: True where the tensor stands in parts under other keys.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    sliced: bool


def parse_header(content: bytes) -> Header:
    """Read a `BundleHeaderProto`.

    Raises:
        WireError: it is none.
    """
    shards = endianness = min_consumer = 0
    for found in read_fields(peek_into(content), 0, len(content)):
        if found.number == 1:
            shards = _integer(found)
        elif found.number == 2:
            endianness = _integer(found)
        elif found.number == 3:
            for inner in read_fields(peek_into(content), *_place(found)):
                if inner.number == 2:
                    min_consumer = _integer(inner)
    return Header(shards, endianness != 0, min_consumer)


def parse_entry(content: bytes) -> BundleEntry:
    """Read a `BundleEntryProto`.

    Raises:
        WireError: it is none, or makes no sense.
    """
    integers = dict.fromkeys((1, 3, 4, 5), 0)
    shape: tuple[int, ...] = ()
    crc, sliced = 0, False
    for found in read_fields(peek_into(content), 0, len(content)):
        if found.number in integers:
            integers[found.number] = _integer(found)
        elif found.number == 2:
            shape = parse_shape(content, *_place(found))
        elif found.number == 6:
            if found.kind != FIXED32:
                raise WireError("a checksum is none")
            crc = int.from_bytes(content[found.start : found.start + 4], "little")
        elif found.number == 7:
            sliced = True
    if min(integers.values()) < 0:
        raise WireError("a place or a size is negative")
    return BundleEntry(
        dtype=integers[1], shape=shape, shard=integers[3], offset=integers[4], size=integers[5], crc=crc, sliced=sliced
    )


def parse_shape(content: bytes, start: int, size: int) -> tuple[int, ...]:
    """Read a `TensorShapeProto` that stands within bytes.

    Raises:
        WireError: it is none, or not known.
    """
    dims: list[int] = []
    peek = peek_into(content)
    for found in read_fields(peek, start, size, MOST_AXES + 1):
        if found.number == 2:
            dims.append(0)
            for inner in read_fields(peek, *_place(found)):
                if inner.number == 1:
                    dims[-1] = _integer(inner)
        elif found.number == 3 and _integer(found):
            raise WireError("the shape is not known")
    if len(dims) > MOST_AXES or min(dims, default=0) < 0:
        raise WireError("the shape is none")
    return tuple(dims)


def _integer(found: Field) -> int:
    if found.kind != VARINT:
        raise WireError(f"the field {found.number} is no number")
    return signed(found.integer)


def _place(found: Field) -> tuple[int, int]:
    if found.kind != BYTES:
        raise WireError(f"the field {found.number} is no message")
    return found.start, found.size
