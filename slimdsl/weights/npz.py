"""Weights from an archive of numpy arrays (`numpy.savez`, `numpy.savez_compressed`), read without loading it whole.

The members are read in small pieces from the archive straight into the file that is written, whether they are stored or
compressed; `zipfile` compares every member's CRC-32 on the way, so that a damaged archive never becomes a network. An
array of Python objects is refused unread. Memory stays small whatever the archive claims to hold, because of no member
is more read than its variable has.
"""

from __future__ import annotations

import ast
import zipfile
from typing import ClassVar

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.types import DType
from slimdsl.values import Value, positional
from slimdsl.weights.source import Sink, WeightsError
from slimdsl.weights.stored import StoredTensor, WeightsFile, unreadable

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000
"""numpy's own limit; a longer header is no honest one."""

_PIECE = 1 << 20

DESCRIPTIONS = {
    DType.FLOAT32: "<f4", DType.FLOAT64: "<f8", DType.FLOAT16: "<f2", DType.BFLOAT16: "<V2", DType.INT8: "|i1",
    DType.UINT8: "|u1", DType.INT32: "<i4", DType.INT64: "<i8", DType.BOOL: "|b1",
}  # fmt: skip
"""How numpy spells each type in a file. It has no bfloat16: `ml_dtypes` saves it as two bytes of no type."""

_DTYPES = {description: dtype for dtype, description in DESCRIPTIONS.items()}

_LARGEST_SIZE = 2**63 - 1
"""numpy's sizes are signed integers of 64 bits."""


@positional
class ArrayHeader(Value):
    """What the head of a ``.npy`` member says: numpy's spelling of the type, the order and the shape."""

    description: str
    fortran_order: bool
    shape: tuple[int, ...]


class NpzFile(WeightsFile):
    """An archive, open for reading; make one with `open`."""

    kind: ClassVar[str] = "archive of numpy arrays"
    entry: ClassVar[str] = "array"

    def __init__(
        self,
        path: str,
        archive: zipfile.ZipFile,
        members: dict[str, zipfile.ZipInfo],
        tensors: dict[str, StoredTensor],
        problems: dict[str, Diagnostic],
    ) -> None:
        super().__init__(path, tensors, problems)
        self._archive = archive
        self._members = members

    @classmethod
    def open(cls, path: str) -> NpzFile:
        """Open an archive, read its directory and the head of every member.

        Raises:
            WeightsError: it is no archive of arrays.
            OSError: the file cannot be opened.
        """
        try:
            archive = zipfile.ZipFile(path)
        except Exception as error:
            # A damaged directory makes zipfile raise nearly anything; only a file that is not there has a name.
            if isinstance(error, OSError) and error.filename is not None:
                raise
            raise WeightsError((_foreign(path),)) from None
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if len(members) != len(archive.infolist()):
            archive.close()
            raise WeightsError((unreadable(path, "two of its members have the same name"),))
        tensors: dict[str, StoredTensor] = {}
        problems: dict[str, Diagnostic] = {}
        for name, info in members.items():
            try:
                with _Member(path, name, archive, info) as member:
                    header = member.header()
            except WeightsError as error:
                (problems[name],) = error.diagnostics
                continue
            dtype = _DTYPES.get(header.description)
            type_text = _type_text(header.description)
            tensors[name] = StoredTensor(name=name, dtype=dtype, shape=header.shape, type_text=type_text)
        return cls(path, archive, members, tensors, problems)

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def write(self, name: str, sink: Sink) -> None:
        """Pass on one array's numbers, little-endian and row-major; its checksum is compared on the way."""
        with _Member(self.path, name, self._archive, self._members[name]) as member:
            header = member.header()
            count = self.tensors[name].size
            if header.fortran_order and len(header.shape) > 1:
                _write_transposed(member, header, count, sink)
            else:
                _copy(member, count, sink)
            if member.read(1):
                raise member.damaged("there are bytes behind its last number")


class _Member:
    """The bytes of one member.

    Whatever zipfile and its decompressors raise for damaged bytes has no class in common; all of it becomes a
    `WeightsError` here, and nothing else does: what takes the bytes may fail on its own.
    """

    def __init__(self, path: str, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self._path = path
        self._name = name
        try:
            self._file = archive.open(info)
        except Exception as error:
            raise self.damaged(_reason(error)) from None

    def __enter__(self) -> _Member:  # noqa: PYI034 - typing.Self is not in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def damaged(self, reason: str) -> WeightsError:
        """The error that says why the member cannot be read."""
        return WeightsError((unreadable(self._path, f"the member `{self._name[:200]}`: {reason}"),))

    def read(self, count: int) -> bytes:
        """The next bytes; fewer, or none, at the end.

        Raises:
            WeightsError: they cannot be read.
        """
        try:
            return self._file.read(count)
        except Exception as error:
            raise self.damaged(_reason(error)) from None

    def exactly(self, count: int) -> bytes:
        """So many bytes.

        Raises:
            WeightsError: there are fewer.
        """
        content = b""
        while len(content) < count:
            piece = self.read(count - len(content))
            if not piece:
                raise self.damaged("it is cut off")
            content += piece
        return content

    def header(self) -> ArrayHeader:
        """Read the head up to the numbers.

        Raises:
            WeightsError: it is no ``.npy`` file.
        """
        if self.read(len(_MAGIC)) != _MAGIC:
            raise self.damaged("it is not a numpy array")
        version, _ = self.exactly(2)
        length = int.from_bytes(self.exactly(2 if version == 1 else 4), "little")
        if length > _LONGEST_HEADER:
            raise self.damaged(f"its header has {length} bytes")
        header = _parse_header(self.exactly(length).decode("latin-1"))
        if header is None:
            raise self.damaged("its header is not one that numpy writes")
        return header


def _parse_header(text: str) -> ArrayHeader | None:
    try:
        header = ast.literal_eval(text.strip())
        description, order, shape = header["descr"], header["fortran_order"], header["shape"]
    except (SyntaxError, ValueError, KeyError, TypeError, RecursionError, MemoryError):
        return None
    if not isinstance(shape, tuple) or not all(type(dim) is int and 0 <= dim <= _LARGEST_SIZE for dim in shape):
        return None
    return ArrayHeader(description if isinstance(description, str) else "structured", bool(order), shape)


def _copy(member: _Member, count: int, sink: Sink) -> None:
    while count:
        piece = member.read(min(count, _PIECE))
        if not piece:
            raise member.damaged("it ends before its last number")
        sink(piece)
        count -= len(piece)


def _write_transposed(member: _Member, header: ArrayHeader, count: int, sink: Sink) -> None:
    """Column-major numbers in row-major order; this one array is in memory as a whole."""
    # numpy is loaded here alone, so that the usual archive is written without it.
    import numpy as np  # noqa: PLC0415

    content = bytearray()
    while len(content) < count:
        piece = member.read(min(count - len(content), _PIECE))
        if not piece:
            raise member.damaged("it ends before its last number")
        content += piece
    if not count:
        return
    array = np.frombuffer(content, header.description).reshape(header.shape, order="F")
    rows = max(1, _PIECE * header.shape[0] // count)
    for start in range(0, header.shape[0], rows):
        # As plain bytes: numpy's spelling of some types is none that a buffer may have.
        sink(np.ascontiguousarray(array[start : start + rows]).view(np.uint8).data)


def _type_text(description: str) -> str:
    """The words for a type in numpy's spelling."""
    if "O" in description:
        return "Python object"
    if description == DESCRIPTIONS[DType.BFLOAT16]:
        return DType.BFLOAT16.value
    order = "big-endian " if description[:1] == ">" else ""
    kinds = {"f": "float", "i": "int", "u": "uint", "c": "complex"}
    kind, size = description[1:2], description[2:]
    if kind in kinds and size in ("1", "2", "4", "8", "16", "32"):
        return f"{order}{kinds[kind]}{8 * int(size)}"
    return {"b": "bool"}.get(kind, description[:40])


def _foreign(path: str) -> Diagnostic:
    return Diagnostic(
        code="E0505",
        message=f"`{path}` is not an archive of numpy arrays, or it is cut off",
        span=None,
        help="write it with `numpy.savez(path, **{name: array})`",
    )


def _reason(error: Exception) -> str:
    """Why bytes cannot be read, in a few words."""
    if isinstance(error, zipfile.BadZipFile):
        return "its checksum or its place in the archive is wrong"
    if isinstance(error, RuntimeError) and "encrypted" in str(error):
        return "it is encrypted"
    if isinstance(error, NotImplementedError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return "it is damaged"
