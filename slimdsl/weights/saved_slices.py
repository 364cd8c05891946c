"""What stands in a checkpoint of the first version: a list of its tensors, and each tensor as a message.

The numbers of most types stand in the message as they are in memory; those of small integers are varints. Where they
stand is found without reading them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from slimdsl.types import DType
from slimdsl.values import Value, field, value
from slimdsl.weights.bundle_entries import parse_shape
from slimdsl.weights.file_bytes import DamagedError
from slimdsl.weights.table_file import NeedsTensorFlowError
from slimdsl.weights.wire import BYTES, MOST_FIELDS, Field, Peek, WireError, peek_into, read_fields

_TENSOR_CONTENT = 4
_FIELDS = {
    DType.FLOAT32: 5, DType.FLOAT64: 6, DType.INT32: 7, DType.UINT8: 7, DType.INT8: 7, DType.INT64: 10, DType.BOOL: 11,
    DType.FLOAT16: 13, DType.BFLOAT16: 13,
}  # fmt: skip
"""The field of a `TensorProto` that has the numbers of a type."""

_RAW = (DType.FLOAT32, DType.FLOAT64)
_VALUES = (*range(_TENSOR_CONTENT, 13), 13)
_FORMAT_VERSION = 1
_LONGEST_VARINT = 10
_MOST_FIELDS = 100
"""Of a tensor's message; it has three or four."""


@value
class SliceList(Value):
    """One tensor of the list: its name, TensorFlow's number of its type, its shape.

    Attributes:
        sliced: True where its one part does not say to be all of it, or where it has several.
    """

    name: str
    dtype: int
    shape: tuple[int, ...]
    sliced: bool


@value
class Numbers(Value):
    """Where the numbers of a tensor stand.

    Attributes:
        offset: their first byte.
        size: how many bytes they take there.
        packed: True where they are varints; False where they are as in memory.
    """

    offset: int
    size: int
    packed: bool = field(default=False)


def parse_list(content: bytes) -> list[SliceList]:
    """Read the list of all tensors, the message at the beginning of a file.

    Raises:
        WireError: it is none.
        NeedsTensorFlowError: it is of a newer version.
    """
    peek = peek_into(content)
    found: list[SliceList] = []
    for meta in _messages(peek, 0, len(content), 1):
        for inner in read_fields(peek, meta.start, meta.size):
            if inner.number == 1:
                found.append(_parse_listed(content, _message(inner)))
            elif inner.number == 2:
                for version in read_fields(peek, inner.start, inner.size):
                    if version.number == 2 and version.integer > _FORMAT_VERSION:
                        raise NeedsTensorFlowError(f"it is written in version {version.integer} of the format")
    return found


def _parse_listed(content: bytes, place: Field) -> SliceList:
    peek = peek_into(content)
    name, shape = b"", tuple[int, ...]()
    dtype = parts = 0
    bounded = False
    for found in read_fields(peek, place.start, place.size):
        if found.number == 1:
            name = content[_message(found).start : found.start + found.size]
        elif found.number == 2:
            shape = parse_shape(content, _message(found).start, found.size)
        elif found.number == 3:
            dtype = found.integer
        elif found.number == 4:
            parts += 1
            # A part that is all of the tensor has an axis after another without a beginning or a length.
            bounded = bounded or any(extent.size for extent in _messages(peek, found.start, found.size, 1))
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise WireError("a name is not Unicode") from None
    return SliceList(name=text, dtype=dtype, shape=shape, sliced=bounded or parts != 1)


def slice_key(name: str, rank: int) -> bytes:
    """The key of a tensor that stands in one part: an ordered code of 0, its name, its rank and full extents."""
    # UTF-8 has no byte 255, which would be escaped as well.
    escaped = name.encode().replace(b"\0", b"\0\xff")
    return b"\0" + escaped + b"\0\1" + (bytes([1, rank]) if rank else b"\0") + b"\x80\x7f" * rank


def find_numbers(peek: Peek, start: int, size: int, dtype: DType, count: int) -> Numbers:
    """Where a tensor's message has its numbers.

    Args:
        peek: reads the file.
        start: where the message begins.
        size: its bytes.
        dtype: the type of the numbers.
        count: how many they are.

    Raises:
        WireError: it is no such message, or has too few or too many.
        NeedsTensorFlowError: they are written in a way that TensorFlow reads and does not write.
    """
    place = None
    for data in _messages(peek, start, size, 2, _MOST_FIELDS):
        for tensor in _messages(peek, data.start, data.size, 3, _MOST_FIELDS):
            for found in read_fields(peek, tensor.start, tensor.size, _MOST_FIELDS):
                if found.number not in _VALUES:
                    continue
                if place or found.kind != BYTES:
                    raise NeedsTensorFlowError("its numbers are not written one after another")
                place = found
    if place is None and not count:
        return Numbers(offset=start, size=0)
    if place is None:
        raise WireError("it has no numbers")
    if place.number not in (_FIELDS[dtype], _TENSOR_CONTENT):
        raise WireError(f"its numbers are not of the type {dtype.value}")
    raw = place.number == _TENSOR_CONTENT or dtype in _RAW
    least, most = (dtype.size, dtype.size) if raw else (1, _LONGEST_VARINT)
    if not least * count <= place.size <= most * count:
        raise WireError(f"its {count:,} numbers would take {place.size:,} bytes")
    return Numbers(offset=place.start, size=place.size, packed=not raw)


def unpacked(pieces: Iterable[bytes], dtype: DType, count: int) -> Iterator[bytes]:
    """Varints as numbers of a type in memory, little-endian.

    Raises:
        DamagedError: they are not as many, or malformed.
    """
    rest = b""
    size = dtype.size
    mask = (1 << 8 * size) - 1
    for piece in pieces:
        content = rest + piece
        # A number that may go on in the next piece waits for it.
        end = len(content)
        while end and content[end - 1] >= 0x80:
            end -= 1
        rest = content[end:]
        numbers = bytearray()
        for number in _varints(content[:end]):
            numbers += (min(number, 1) if dtype is DType.BOOL else number & mask).to_bytes(size, "little")
        count -= len(numbers) // size
        if count < 0 or len(rest) >= _LONGEST_VARINT:
            break
        yield bytes(numbers)
    if count or rest:
        raise DamagedError("its numbers are not as many as its shape says")


def _varints(content: bytes) -> Iterator[int]:
    """The numbers in bytes that end with one of them."""
    number = shift = 0
    for byte in content:
        if byte >= 0x80:
            number |= (byte & 0x7F) << shift
            shift += 7
            if shift >= 7 * _LONGEST_VARINT:
                raise DamagedError("a number is too long")
        else:
            yield number | byte << shift
            number = shift = 0


def _messages(peek: Peek, start: int, size: int, number: int, most: int = MOST_FIELDS) -> Iterator[Field]:
    """The fields of one number in a message, which are messages themselves."""
    for found in read_fields(peek, start, size, most):
        if found.number == number:
            yield _message(found)


def _message(found: Field) -> Field:
    if found.kind != BYTES:
        raise WireError(f"the field {found.number} is no message")
    return found
