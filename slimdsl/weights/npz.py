"""Weights from an archive of numpy arrays (`numpy.savez`, `numpy.savez_compressed`), read without loading it whole.

The members are read in small pieces from the archive straight into the file that is written, whether they are stored or
compressed; `zipfile` compares every member's CRC-32 on the way, so that a damaged archive never becomes a network. An
array of Python objects is refused unread. Memory stays small whatever the archive claims to hold, because of no member
is more read than its variable has.
"""

from __future__ import annotations

import ast
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.suggest import nearest
from slimdsl.ir.graph import Variable
from slimdsl.types import DType, shape_text
from slimdsl.values import Value, positional
from slimdsl.weights.source import Sink, WeightsError

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000
"""numpy's own limit; a longer header is no honest one."""

_PIECE = 1 << 20

_DESCRIPTIONS = {
    DType.FLOAT32: "<f4", DType.FLOAT64: "<f8", DType.FLOAT16: "<f2", DType.BFLOAT16: "<V2", DType.INT8: "|i1",
    DType.UINT8: "|u1", DType.INT32: "<i4", DType.INT64: "<i8", DType.BOOL: "|b1",
}  # fmt: skip
"""How numpy spells each type in a file. It has no bfloat16: `ml_dtypes` saves it as two bytes of no type."""

_READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError, struct.error)


@positional
class ArrayHeader(Value):
    """What the head of a ``.npy`` member says: numpy's spelling of the type, the order and the shape."""

    description: str
    fortran_order: bool
    shape: tuple[int, ...]


class NpzWeights:
    """A `WeightSource` that reads an archive; make one with `open` and `close` it."""

    def __init__(self, path: str, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> None:
        self.path = path
        self._archive = archive
        self._members = members

    @classmethod
    def open(cls, path: str) -> NpzWeights:
        """Open an archive and read its directory.

        Raises:
            WeightsError: it is no archive of arrays.
            OSError: the file cannot be opened.
        """
        try:
            archive = zipfile.ZipFile(path)
        except _READ_ERRORS:
            raise WeightsError((_foreign(path),)) from None
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if len(members) != len(archive.infolist()):
            archive.close()
            raise WeightsError((_unreadable(path, "two of its members have the same name"),))
        return cls(path, archive, members)

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def __enter__(self) -> NpzWeights:  # noqa: PYI034 - typing.Self is not in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check(self, variables: Sequence[Variable]) -> tuple[Diagnostic, ...]:
        """Everything that keeps this archive from being the weights of these variables; empty where it is."""
        found: list[Diagnostic] = []
        wanted = {variable.name: variable for variable in variables}
        headers: dict[str, ArrayHeader] = {}
        for name in self._members:
            try:
                headers[name] = self._header(name)
            except WeightsError as error:
                found.extend(error.diagnostics)
        extra = [name for name in headers if name not in wanted]
        for variable in variables:
            if variable.name in headers:
                found.extend(_mismatches(self.path, variable, headers[variable.name]))
            elif variable.name not in self._members:
                found.append(self._missing(variable, {name: headers[name] for name in extra}))
        shapes: dict[tuple[int, ...], list[str]] = {}
        for variable in variables:
            if variable.name not in headers:
                shapes.setdefault(variable.shape, []).append(variable.name)
        for name in extra:
            similar = _most_alike(name, shapes.get(headers[name].shape, []))
            help_text = f"did you mean `{similar}`?" if similar else ""
            message = f"`{self.path}` has an array `{name}`, which no variable is called"
            found.append(Diagnostic(code="E0502", message=message, span=None, help=help_text))
        return tuple(found)

    def write(self, variable: Variable, sink: Sink) -> None:
        """Pass on one variable's values, little-endian and row-major.

        Raises:
            WeightsError: the array cannot be read to its end, or its checksum is wrong.
        """
        try:
            with self._archive.open(self._members[variable.name]) as member:
                header = _read_header(member)
                count = variable.size * variable.tensor.type.dtype.size
                if header.fortran_order and len(header.shape) > 1:
                    _write_transposed(member, header, count, sink)
                else:
                    _copy(member, count, sink)
                if member.read(1):
                    raise EOFError("there are bytes behind its last number")
        except _READ_ERRORS as error:
            raise WeightsError((_damaged(self.path, variable.name, error),)) from None

    def _header(self, name: str) -> ArrayHeader:
        try:
            with self._archive.open(self._members[name]) as member:
                return _read_header(member)
        except _READ_ERRORS as error:
            raise WeightsError((_damaged(self.path, name, error),)) from None

    def _missing(self, variable: Variable, extra: dict[str, ArrayHeader]) -> Diagnostic:
        similar = _most_alike(variable.name, [name for name, header in extra.items() if header.shape == variable.shape])
        return Diagnostic(
            code="E0501",
            message=f"`{self.path}` has no array for the variable `{variable.name}`, {shape_text(variable.shape)}",
            span=variable.span,
            help=f"the file has `{similar}` of that shape" if similar else "",
        )


def _read_header(member: IO[bytes]) -> ArrayHeader:
    """Read the head of a member up to its numbers.

    Raises:
        ValueError: it is no ``.npy`` file.
    """
    head = member.read(8)
    if head[:6] != _MAGIC:
        raise ValueError("it is not a numpy array")
    size = struct.Struct("<H" if head[6] == 1 else "<I")
    (length,) = size.unpack(member.read(size.size))
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header has {length} bytes")
    text = member.read(length).decode("latin-1")
    try:
        header = ast.literal_eval(text.strip())
        description, order, shape = header["descr"], header["fortran_order"], header["shape"]
    except (SyntaxError, ValueError, KeyError, TypeError, RecursionError, MemoryError):
        raise ValueError("its header is not one that numpy writes") from None
    if not isinstance(shape, tuple) or not all(type(dim) is int and dim >= 0 for dim in shape):
        raise ValueError("its header is not one that numpy writes")
    return ArrayHeader(description if isinstance(description, str) else "structured", bool(order), shape)


def _copy(member: IO[bytes], count: int, sink: Sink) -> None:
    while count:
        piece = member.read(min(count, _PIECE))
        if not piece:
            raise EOFError("it ends before its last number")
        sink(piece)
        count -= len(piece)


def _write_transposed(member: IO[bytes], header: ArrayHeader, count: int, sink: Sink) -> None:
    """Column-major numbers in row-major order; this one array is in memory as a whole."""
    # numpy is loaded here alone, so that the usual archive is written without it.
    import numpy as np  # noqa: PLC0415

    content = bytearray()
    while len(content) < count:
        piece = member.read(min(count - len(content), _PIECE))
        if not piece:
            raise EOFError("it ends before its last number")
        content += piece
    array = np.frombuffer(content, header.description).reshape(header.shape, order="F")
    rows = max(1, _PIECE * header.shape[0] // count)
    for start in range(0, header.shape[0], rows):
        # As plain bytes: numpy's spelling of some types is none that a buffer may have.
        sink(np.ascontiguousarray(array[start : start + rows]).view(np.uint8).data)


def _mismatches(path: str, variable: Variable, header: ArrayHeader) -> list[Diagnostic]:
    found = []
    if header.shape != variable.shape:
        message = (
            f"`{path}`: the array `{variable.name}` is {shape_text(header.shape)}, "
            f"the variable is {shape_text(variable.shape)}"
        )
        help_text = _layout_help(header.shape, variable.shape)
        found.append(Diagnostic(code="E0503", message=message, span=variable.span, help=help_text))
    dtype = variable.tensor.type.dtype
    if header.description != _DESCRIPTIONS.get(dtype):
        message = (
            f"`{path}`: the array `{variable.name}` is of the type {_type_text(header.description)}, "
            f"the variable is {dtype.value}"
        )
        spelling = "ml_dtypes.bfloat16" if dtype is DType.BFLOAT16 else f'"{dtype.value}"'
        help_text = f"convert it with `.astype({spelling})` before saving it"
        found.append(Diagnostic(code="E0504", message=message, span=variable.span, help=help_text))
    return found


def _layout_help(given: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if len(given) == 4 and (given[2], given[3], given[1], given[0]) == wanted:
        return "this is PyTorch's order; `.transpose(2, 3, 1, 0)` gives TensorFlow's"
    if len(given) == 2 and given[::-1] == wanted:
        return "the matrix is transposed; `.T` turns it round"
    return ""


def _type_text(description: str) -> str:
    """The words for a type in numpy's spelling."""
    if "O" in description:
        return "Python object"
    if description == _DESCRIPTIONS[DType.BFLOAT16]:
        return DType.BFLOAT16.value
    order = "big-endian " if description[:1] == ">" else ""
    kinds = {"f": "float", "i": "int", "u": "uint", "c": "complex"}
    kind, size = description[1:2], description[2:]
    if kind in kinds and size.isdigit():
        return f"{order}{kinds[kind]}{8 * int(size)}"
    return {"b": "bool"}.get(kind, description[:40])


def _most_alike(name: str, candidates: list[str]) -> str:
    """The candidate most like a name, or the only one there is; "" for none."""

    def shared(candidate: str) -> int:
        return _common_prefix(name, candidate) + _common_prefix(name[::-1], candidate[::-1])

    # Edit distances of long names are slow, and a file of another network has hundreds: only the best are measured.
    likely = sorted(candidates, key=lambda candidate: (-shared(candidate), candidate))[:3]
    near = nearest(name, likely)
    return near[0] if near else likely[0] if len(candidates) == 1 else ""


def _common_prefix(left: str, right: str) -> int:
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count


def _foreign(path: str) -> Diagnostic:
    return Diagnostic(
        code="E0505",
        message=f"`{path}` is not an archive of numpy arrays, or it is cut off",
        span=None,
        help="write it with `numpy.savez(path, **{name: array})`",
    )


def _unreadable(path: str, reason: str) -> Diagnostic:
    return Diagnostic(code="E0505", message=f"`{path}` cannot be read: {reason}", span=None)


def _damaged(path: str, name: str, error: Exception) -> Diagnostic:
    reasons = {
        zipfile.BadZipFile: "its checksum or its place in the archive is wrong",
        zlib.error: "it is damaged",
        struct.error: "it is cut off",
    }
    if isinstance(error, RuntimeError) and "encrypted" in str(error):
        reason = "it is encrypted"
    else:
        reason = reasons.get(type(error), str(error) or "it is damaged")
    return _unreadable(path, f"the member `{name[:200]}`: {reason}")
