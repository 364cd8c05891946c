"""Weights from an archive of numpy arrays (`numpy.savez`, `numpy.savez_compressed`), read without loading it whole.

The members are read in small pieces from the archive straight into the file that is written, whether they are stored or
compressed; `zipfile` compares every member's CRC-32 on the way, so that a damaged archive never becomes a network. An
array of Python objects is refused unread. Memory stays small whatever the archive claims to hold, because of no member
is more read than its variable has.
"""

from __future__ import annotations

import ast
import zipfile
from collections.abc import Sequence

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.suggest import nearest
from slimdsl.ir.graph import Variable
from slimdsl.types import DType, shape_text
from slimdsl.values import Value, positional
from slimdsl.weights.source import Sink, WeightsError, WeightSource

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000
"""numpy's own limit; a longer header is no honest one."""

_PIECE = 1 << 20

_DESCRIPTIONS = {
    DType.FLOAT32: "<f4", DType.FLOAT64: "<f8", DType.FLOAT16: "<f2", DType.BFLOAT16: "<V2", DType.INT8: "|i1",
    DType.UINT8: "|u1", DType.INT32: "<i4", DType.INT64: "<i8", DType.BOOL: "|b1",
}  # fmt: skip
"""How numpy spells each type in a file. It has no bfloat16: `ml_dtypes` saves it as two bytes of no type."""

_LARGEST_SIZE = 2**63 - 1
"""numpy's sizes are signed integers of 64 bits."""


@positional
class ArrayHeader(Value):
    """What the head of a ``.npy`` member says: numpy's spelling of the type, the order and the shape."""

    description: str
    fortran_order: bool
    shape: tuple[int, ...]


class NpzWeights(WeightSource):
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
        except Exception as error:
            # A damaged directory makes zipfile raise nearly anything; only a file that is not there has a name.
            if isinstance(error, OSError) and error.filename is not None:
                raise
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
            WeightsError: the array cannot be read to its end, or its checksum is wrong. What `sink` raises passes.
        """
        with self._member(variable.name) as member:
            header = member.header()
            count = variable.size * variable.tensor.type.dtype.size
            if header.fortran_order and len(header.shape) > 1:
                _write_transposed(member, header, count, sink)
            else:
                _copy(member, count, sink)
            if member.read(1):
                raise member.damaged("there are bytes behind its last number")

    def _member(self, name: str) -> _Member:
        return _Member(self.path, name, self._archive, self._members[name])

    def _header(self, name: str) -> ArrayHeader:
        with self._member(name) as member:
            return member.header()

    def _missing(self, variable: Variable, extra: dict[str, ArrayHeader]) -> Diagnostic:
        similar = _most_alike(variable.name, [name for name, header in extra.items() if header.shape == variable.shape])
        return Diagnostic(
            code="E0501",
            message=f"`{self.path}` has no array for the variable `{variable.name}`, {shape_text(variable.shape)}",
            span=variable.span,
            help=f"the file has `{similar}` of that shape" if similar else "",
        )


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
        return WeightsError((_unreadable(self._path, f"the member `{self._name[:200]}`: {reason}"),))

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
    if kind in kinds and size in ("1", "2", "4", "8", "16", "32"):
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
