"""Weights in Hugging Face's safetensors format, read without its library.

A file is the length of a header, the header (JSON: name -> type, shape and place), and the raw numbers, row-major and
little-endian. The rules are those of the reference implementation: the places begin at 0 and follow each other without
holes or overlaps up to the end of the file, and each has as many bytes as its type and shape say. There is no checksum;
what these rules do not find, nobody finds.

The numbers are read in pieces rather than mapped: where a mapped file is cut short while it is read, the system ends
the process, and nothing could be said about it.
"""

from __future__ import annotations

import json
import os
import stat
from io import FileIO
from typing import ClassVar

from slimdsl.types import DType
from slimdsl.values import Value, positional
from slimdsl.weights.source import FileRange, Sink, WeightsError
from slimdsl.weights.stored import StoredTensor, WeightsFile, unreadable

LARGEST_HEADER = 100_000_000
"""Bytes of the longest header that the reference implementation reads."""

METADATA = "__metadata__"
"""The one key of the header that is no tensor: free texts."""

TYPE_NAMES = {
    DType.FLOAT64: "F64", DType.FLOAT32: "F32", DType.FLOAT16: "F16", DType.BFLOAT16: "BF16", DType.INT64: "I64",
    DType.INT32: "I32", DType.INT8: "I8", DType.UINT8: "U8", DType.BOOL: "BOOL",
}  # fmt: skip
"""How the format spells each type."""

_TYPES = {spelling: dtype for dtype, spelling in TYPE_NAMES.items()}

_FOREIGN_TYPES = {
    "I16": ("int16", 16), "U16": ("uint16", 16), "U32": ("uint32", 32), "U64": ("uint64", 64), "C64": ("complex64", 64),
    "F8_E5M2": ("float8_e5m2", 8), "F8_E4M3": ("float8_e4m3", 8), "F8_E8M0": ("float8_e8m0", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8), "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8),
    "F6_E3M2": ("float6_e3m2", 6), "F6_E2M3": ("float6_e2m3", 6), "F4": ("float4", 4),
}  # fmt: skip
"""Types that no variable has: their words, and their bits."""

_PREFIX = 8
_PIECE = 1 << 20
_LARGEST_SIZE = 2**63 - 1
_LONGEST_INTEGER = 20
_SHOWN = 200


@positional
class _Entry(Value):
    """A tensor and where its bytes stand, counted from the end of the header."""

    tensor: StoredTensor
    start: int
    end: int


class _Malformed(Exception):
    """The header breaks a rule; the message says which, in a few words."""


class SafetensorsFile(WeightsFile):
    """An open file; `open_safetensors` makes one."""

    kind: ClassVar[str] = "safetensors"

    def __init__(self, path: str, file: FileIO, entries: tuple[_Entry, ...], base: int) -> None:
        super().__init__(path, {entry.tensor.name: entry.tensor for entry in entries})
        self._file = file
        self._offsets = {entry.tensor.name: base + entry.start for entry in entries}

    def write(self, name: str, sink: Sink) -> None:
        """Pass on the numbers of one tensor.

        Raises:
            WeightsError: they cannot be read. What `sink` raises passes.
        """
        offset, left = self._offsets[name], self.tensors[name].size
        buffer = memoryview(bytearray(min(left, _PIECE)))
        while left:
            count = self._read(offset, buffer[: min(left, _PIECE)])
            sink(buffer[:count])
            offset += count
            left -= count

    def file_range(self, name: str) -> FileRange | None:
        """Where the numbers stand."""
        return FileRange(descriptor=self._file.fileno(), offset=self._offsets[name], size=self.tensors[name].size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, offset: int, view: memoryview) -> int:
        try:
            self._file.seek(offset)
            count = self._file.readinto(view)
        except OSError as error:
            raise WeightsError((unreadable(self.path, _reason(error)),)) from None
        if not count:
            raise WeightsError((unreadable(self.path, "it has become shorter while it was read"),))
        return count


def open_safetensors(path: str) -> WeightsFile:
    """Open a file and check all of its header.

    Raises:
        WeightsError: it is no such file, or is damaged.
        OSError: it cannot be opened.
    """
    if not stat.S_ISREG(os.stat(path).st_mode) and not os.path.isdir(path):
        # Opening a pipe would wait for whoever writes to it.
        raise WeightsError((unreadable(path, "it is not a regular file"),))
    file = FileIO(path)
    try:
        entries, base = _read_header(file)
    except (_Malformed, OSError) as error:
        file.close()
        reason = _reason(error) if isinstance(error, OSError) else str(error)
        raise WeightsError((unreadable(path, reason, "is it a safetensors file, and was it copied whole?"),)) from None
    except BaseException:
        file.close()
        raise
    return SafetensorsFile(path, file, entries, base)


def _read_header(file: FileIO) -> tuple[tuple[_Entry, ...], int]:
    """The tensors in the order of their bytes, and where in the file these begin.

    Raises:
        _Malformed: the header breaks a rule.
        OSError: it cannot be read.
    """
    size = os.fstat(file.fileno()).st_size
    if size < _PREFIX:
        raise _Malformed(f"it has {size} bytes, and the length of the header alone takes {_PREFIX}")
    length = int.from_bytes(_exactly(file, _PREFIX), "little")
    if length > LARGEST_HEADER:
        raise _Malformed(f"its header would have {length:,} bytes, and at most {LARGEST_HEADER:,} are allowed")
    base = _PREFIX + length
    if base > size:
        raise _Malformed(f"its header would end at byte {base:,}, and the file has {size:,}")
    entries = _parse(_exactly(file, length))
    end = _require_contiguous(entries)
    if base + end != size:
        raise _Malformed(f"its tensors end at byte {base + end:,}, and the file has {size:,}")
    return entries, base


def _exactly(file: FileIO, count: int) -> bytes:
    content = bytearray()
    while len(content) < count:
        piece = file.read(count - len(content))
        if not piece:
            raise _Malformed("it has become shorter while it was read")
        content += piece
    return bytes(content)


def _parse(content: bytes) -> tuple[_Entry, ...]:
    """The entries of a header, in the order of their bytes.

    Raises:
        _Malformed: it is no JSON, or an entry breaks a rule.
    """
    try:
        text = content.decode()
        document = json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise _Malformed("its header is not UTF-8") from None
    except (ValueError, RecursionError):
        raise _Malformed("its header is not JSON") from None
    if not isinstance(document, dict):
        raise _Malformed("its header is not a JSON object")
    metadata = document.pop(METADATA, None)
    if metadata is not None and not (
        isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values())
    ):
        raise _Malformed(f"`{METADATA}` in its header is not an object of strings")
    entries = [_entry(name, given) for name, given in document.items()]
    # Files that older libraries wrote have other orders.
    return tuple(sorted(entries, key=lambda entry: (entry.start, entry.end)))


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of the header; Python's own reading would keep the last of two equal keys.

    Raises:
        _Malformed: a key is there twice, or is no text.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Malformed(f"its header has `{key[:_SHOWN]}` twice")
            seen.add(key)
    for key in found:
        try:
            key.encode()
        except UnicodeEncodeError:
            raise _Malformed("a name in its header is not Unicode") from None
    return found


def _integer(text: str) -> int:
    """An integer; of a size that is one, because reading millions of digits takes Python hours.

    Raises:
        ValueError: it has too many digits.
    """
    if len(text) > _LONGEST_INTEGER:
        raise ValueError
    return int(text)


def _refuse_constant(text: str) -> object:
    raise ValueError(text)


def _entry(name: str, given: object) -> _Entry:
    """One tensor of the header.

    Raises:
        _Malformed: it breaks a rule.
    """
    where = f"the tensor `{name[:_SHOWN]}`"
    if not isinstance(given, dict):
        raise _Malformed(f"{where} is not described by an object")
    type_name, shape, offsets = given.get("dtype"), given.get("shape"), given.get("data_offsets")
    if not isinstance(type_name, str):
        raise _Malformed(f"{where} has no `dtype`")
    if not isinstance(shape, list) or not all(_is_size(dim) for dim in shape):
        raise _Malformed(f"{where} has no `shape` of sizes")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_size(offset) for offset in offsets):
        raise _Malformed(f"{where} has no `data_offsets` of two places")
    start, end = offsets
    dtype = _TYPES.get(type_name)
    words, bits = (dtype.value, 8 * dtype.size) if dtype else _FOREIGN_TYPES.get(type_name, (type_name[:_SHOWN], None))
    wanted = None if bits is None else _byte_count(where, shape, bits)
    if wanted is not None and end - start != wanted:
        raise _Malformed(f"{where} has {end - start:,} bytes, and its type and shape make {wanted:,}")
    return _Entry(StoredTensor(name=name, dtype=dtype, shape=tuple(shape), type_text=words), start, end)


def _is_size(given: object) -> bool:
    return type(given) is int and 0 <= given <= _LARGEST_SIZE


def _byte_count(where: str, shape: list[int], bits: int) -> int:
    """Bytes of a tensor.

    Raises:
        _Malformed: they are more than any file has, or no whole number.
    """
    count = bits
    for dim in shape:
        count *= dim
        if count > 8 * _LARGEST_SIZE:
            raise _Malformed(f"{where} is larger than any file")
    if count % 8:
        raise _Malformed(f"{where} does not end at a whole byte")
    return count // 8


def _require_contiguous(entries: tuple[_Entry, ...]) -> int:
    """Where the last tensor ends.

    Raises:
        _Malformed: there is a hole, or an overlap.
    """
    position = 0
    for entry in entries:
        if entry.start != position or entry.end < entry.start:
            raise _Malformed(
                f"the tensor `{entry.tensor.name[:_SHOWN]}` stands at {entry.start:,} to {entry.end:,}, "
                f"and the one before it ends at {position:,}"
            )
        position = entry.end
    return position


def _reason(error: OSError) -> str:
    text = error.strerror or "unknown reason"
    return text[:1].lower() + text[1:]
