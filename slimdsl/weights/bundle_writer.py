"""Checkpoints of TensorFlow 2 and of `tf.train.Saver` (V2), written without TensorFlow.

A checkpoint is a prefix with two files: `.data-00000-of-00001` has the bytes of all tensors one after another, `.index`
says for each its type, its shape, its place and its checksum. What is written is what TensorFlow writes of the same
tensors in the same order, byte for byte. The tensors are passed on as they come: memory stays small.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Union

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.files import replace_file, write_all
from slimdsl.types import DType
from slimdsl.values import Value, positional
from slimdsl.weights.checksums import INSTALL, PIECE, Extend, library, masked
from slimdsl.weights.source import Sink, WeightsError
from slimdsl.weights.stored import StoredTensor
from slimdsl.weights.table_writer import table_bytes
from slimdsl.weights.tensorflow_types import NUMBERS, STRING
from slimdsl.weights.wire import bytes_field, fixed32_field, varint, varint_field

DATA_SUFFIX = ".data-00000-of-00001"
INDEX_SUFFIX = ".index"


@positional
class StoredText(Value):
    """A scalar of type string: its name and its bytes."""

    name: str
    content: bytes


@positional
class StoredAlias(Value):
    """One more name for a tensor that has been written before: an entry of the index for the same bytes."""

    name: str
    tensor: str


Written = Union[tuple[StoredTensor, Callable[[Sink], None]], StoredText, StoredAlias]
"""A tensor and what passes on its numbers, as many as it has, row-major and little-endian; a text; a further name."""


def write_bundle(prefix: str, tensors: Iterable[Written], *, whole_or_nothing: bool = True) -> None:
    """Write a checkpoint.

    Args:
        prefix: the path that both files begin with; its folder must be there.
        tensors: what goes into it, each name once; the data file has them in this order.
        whole_or_nothing: True for a checkpoint that appears when all of it is on the disk: whoever is killed on the way
            leaves the old one or none, never one that looks whole. False inside a folder that is itself temporary:
            the files are written directly, and it is for the folder's owner to see that they reach the disk.

    Raises:
        WeightsError: a tensor cannot be read, or is none that a checkpoint can have; or google-crc32c is not installed.
        FileWriteError: `files.replace_file` says when.
        OSError: the files cannot be written (with `whole_or_nothing` False).
    """
    extend = library()
    if extend is None:
        raise WeightsError((_missing_library(prefix),))
    make = replace_file if whole_or_nothing else _plain_file
    index_path = prefix + INDEX_SUFFIX
    with make(index_path) as index, make(prefix + DATA_SUFFIX) as data:
        entries = _write_data(prefix, tensors, data, extend)
        write_all(index, table_bytes(sorted(entries.items()), extend))
        if whole_or_nothing:
            # From here on no space is needed. The data appears before the index, and never beside an index of before.
            os.fsync(data)
            os.fsync(index)
            _remove(index_path)


def _write_data(prefix: str, tensors: Iterable[Written], descriptor: int, extend: Extend) -> dict[bytes, bytes]:
    """Write the tensors; the entries of the index."""
    entries = {b"": _header()}
    offset = 0
    for item in tensors:
        name = item.name if isinstance(item, (StoredText, StoredAlias)) else item[0].name
        key = name.encode(errors="replace")
        if key in entries:
            what = f"two tensors are called `{name}`" if name else "a tensor has no name"
            raise WeightsError((_unwritable(prefix, what),))
        if isinstance(item, StoredAlias):
            entries[key] = entries[item.tensor.encode()]
            continue
        if isinstance(item, StoredText):
            content, crc = _text(item.content, extend)
            write_all(descriptor, content)
            size, entry = len(content), _entry(STRING, (), offset, len(content), crc)
        else:
            tensor, write = item
            if tensor.dtype is None or tensor.dtype is DType.STRING:
                what = f"the tensor `{name}` has the element type {tensor.type_text or 'string'}"
                raise WeightsError((_unwritable(prefix, what),))
            size, crc = _pass_on(write, descriptor, extend)
            if size != tensor.size:
                raise ValueError(f"{name} was announced with {tensor.size} bytes and has {size}")
            entry = _entry(NUMBERS[tensor.dtype], tensor.shape, offset, size, crc)
        entries[key] = entry
        offset += size
    return entries


def _pass_on(write: Callable[[Sink], None], descriptor: int, extend: Extend) -> tuple[int, int]:
    """Write what a tensor passes on; how many bytes that were, and their checksum."""
    size = crc = 0

    def sink(content: bytes | memoryview) -> None:
        nonlocal size, crc
        view = memoryview(content).cast("B")
        for start in range(0, len(view), PIECE):
            piece = bytes(view[start : start + PIECE])
            crc = extend(crc, piece)
            write_all(descriptor, piece)
        size += len(view)

    write(sink)
    return size, crc


def _text(content: bytes, extend: Extend) -> tuple[bytes, int]:
    """How a scalar of type string stands in the file, and its checksum.

    The checksum goes over the length as a fixed number (of eight bytes only where four are too few), over the checksum
    of that, and over the text; the file has the length as a varint.
    """
    length = len(content)
    crc = extend(0, length.to_bytes(4 if length < 1 << 32 else 8, "little"))
    length_crc = masked(crc).to_bytes(4, "little")
    return varint(length) + length_crc + content, extend(extend(crc, length_crc), content)


def _header() -> bytes:
    """`BundleHeaderProto`: one data file, little-endian, version 1 of the format."""
    return varint_field(1, 1) + bytes_field(3, varint_field(1, 1))


def _entry(dtype: int, shape: tuple[int, ...], offset: int, size: int, crc: int) -> bytes:
    """`BundleEntryProto`."""
    dims = b"".join(bytes_field(2, varint_field(1, dim)) for dim in shape)
    place = varint_field(4, offset) + varint_field(5, size)
    return varint_field(1, dtype) + bytes_field(2, dims) + place + fixed32_field(6, masked(crc))


@contextmanager
def _plain_file(path: str) -> Iterator[int]:
    """A descriptor of a new file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    try:
        os.unlink(os.path.realpath(path))
    except FileNotFoundError:
        pass


def _missing_library(prefix: str) -> Diagnostic:
    message = f"`{prefix}` cannot be written: the checksums of a checkpoint need google-crc32c, which is not installed"
    return Diagnostic(code="E0505", message=message, span=None, help=INSTALL)


def _unwritable(prefix: str, reason: str) -> Diagnostic:
    return Diagnostic(code="E0505", message=f"`{prefix}` cannot be written: {reason}", span=None)
