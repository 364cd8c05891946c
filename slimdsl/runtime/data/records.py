"""Examples in TFRecord files, in TF-Slim's format.

A record is its length (8 bytes), a checksum of that (4), its bytes, and a checksum of those (4). The lengths are read
once, from record to record, and make the table by which any record is found; the examples themselves stay where they
are until they are asked for.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.data.source import EncodedSource, Indices
from slimdsl.values import Value, positional
from slimdsl.weights.checksums import library, masked

HEAD = 12
TAIL = 4
_NO_LABEL = -(2**62)
_READ_AHEAD = 1 << 16

MOST_OPEN = 256
"""How many files stay open; of more, each is opened for each record: systems allow a process about a thousand."""

FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string, ""),
    "image/class/label": tf.io.FixedLenFeature([], tf.int64, _NO_LABEL),
}
"""TF-Slim's keys; format, height and width are in the image itself."""


@positional
class RecordTable(Value):
    """Where records are: for each its file, its number in that, where its bytes begin, and how many they are."""

    files: Indices
    numbers: Indices
    offsets: Indices
    sizes: Indices


def _table_of_crc() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC = _table_of_crc()


def _checksum_of_length(length: bytes) -> int:
    """CRC-32C of eight bytes; here a table is quick enough, and needs no library."""
    crc = 0xFFFFFFFF
    for byte in length:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return masked(crc ^ 0xFFFFFFFF)


def index_records(paths: Sequence[str]) -> tuple[RecordTable, tuple[str, ...]]:
    """The records of files, in their order, and what is wrong: up to there a damaged file is indexed all the same."""
    files: list[int] = []
    numbers: list[int] = []
    offsets: list[int] = []
    sizes: list[int] = []
    problems: list[str] = []
    for number, path in enumerate(paths):
        before = len(offsets)
        try:
            problem = _index_file(path, offsets, sizes)
        except OSError as error:
            problem = f"cannot read `{path}`: {error.strerror}"
        if problem:
            problems.append(problem)
        elif len(offsets) == before:
            problems.append(f"`{path}` has no records")
        files += [number] * (len(offsets) - before)
        numbers += range(len(offsets) - before)
    table = RecordTable(*(np.asarray(column, np.int64) for column in (files, numbers, offsets, sizes)))
    return table, tuple(problems)


def _index_file(path: str, offsets: list[int], sizes: list[int]) -> str:
    """Append where the records are; what is wrong with the file, or ""."""
    with open(path, "rb", buffering=0) as file:
        total = os.fstat(file.fileno()).st_size
        descriptor = file.fileno()
        position = number = 0
        window, start = b"", 0
        while position < total:
            if position + HEAD > start + len(window) or position < start:
                start, window = position, os.pread(descriptor, _READ_AHEAD, position)
            head = window[position - start : position - start + HEAD]
            if len(head) < HEAD:
                return f"`{path}` is cut off in the head of record {number}, at byte {position} of {total}"
            length = head[:8]
            if _checksum_of_length(length) != int.from_bytes(head[8:], "little"):
                what = "is damaged, or no TFRecord file," if number else "is no TFRecord file, or a compressed one,"
                return f"`{path}` {what} at byte {position}: the checksum of the length of record {number} is wrong"
            (size,) = struct.unpack("<Q", length)
            if position + HEAD + size + TAIL > total:
                return (
                    f"`{path}` is cut off in record {number}, which begins at byte {position}: "
                    f"it has {size} bytes, and the file ends at byte {total}"
                )
            offsets.append(position + HEAD)
            sizes.append(size)
            position += HEAD + size + TAIL
            number += 1
    return ""


class RecordSource(EncodedSource):
    """Records with encoded images and labels."""

    def __init__(
        self,
        paths: Sequence[str],
        table: RecordTable,
        *,
        path: str,
        classes: Sequence[str],
        found: Sequence[str] = (),
    ) -> None:
        self.kind = "TFRecords"
        self.path = path
        self.split = "all"
        self.split_note = ""
        self.count = len(table.offsets)
        self.classes = tuple(classes)
        self.image_shape = None
        self.found = tuple(found)
        self.paths = tuple(paths)
        self.table = table
        self._descriptors: dict[int, int] = {}
        # The input pipeline reads from several threads.
        self._lock = threading.Lock()

    def __del__(self) -> None:
        for descriptor in getattr(self, "_descriptors", {}).values():
            os.close(descriptor)

    def where(self, index: int) -> str:
        path = self.paths[self.table.files[index]]
        return f"record {self.table.numbers[index]} of `{path}`, at byte {self.table.offsets[index] - HEAD},"

    def known_labels(self) -> None:
        return None

    def taking(self, indices: Indices) -> RecordSource:
        """The same with some of the examples."""
        columns = (self.table.files, self.table.numbers, self.table.offsets, self.table.sizes)
        table = RecordTable(*(column[indices] for column in columns))
        return RecordSource(self.paths, table, path=self.path, classes=self.classes, found=self.found)

    def record(self, index: int) -> bytes:
        """The bytes of a record.

        Raises:
            DataError: they cannot be read, or their checksum is wrong; this is checked where google-crc32c is there.
        """
        file, offset, size = (int(column[index]) for column in (self.table.files, self.table.offsets, self.table.sizes))
        try:
            content = self._pread(file, size + TAIL, offset)
        except OSError as error:
            raise DataError(f"cannot read `{self.paths[file]}`: {error.strerror}") from None
        if len(content) != size + TAIL:
            raise DataError(f"`{self.paths[file]}` has become shorter while it is read")
        extend = library()
        if extend and masked(extend(0, content[:size])) != int.from_bytes(content[size:], "little"):
            raise DataError(f"{self.where(index)} is damaged: its checksum is wrong")
        return content[:size]

    def _pread(self, file: int, size: int, offset: int) -> bytes:
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
        if len(self.paths) <= MOST_OPEN:
            with self._lock:
                if file not in self._descriptors:
                    self._descriptors[file] = os.open(self.paths[file], flags)
                descriptor = self._descriptors[file]
            return os.pread(descriptor, size, offset)
        descriptor = os.open(self.paths[file], flags)
        try:
            return os.pread(descriptor, size, offset)
        finally:
            os.close(descriptor)

    def payloads(self, indices: Any) -> tuple[Any, Any]:
        def records(numbers: Indices) -> Any:
            return np.asarray([self.record(int(number)) for number in numbers], object)

        payload = tf.numpy_function(records, [indices], tf.string)
        payload.set_shape(indices.shape)
        return payload, tf.zeros_like(indices)

    def encoded(self, payload: Any, label: Any) -> tuple[Any, Any]:
        example = tf.io.parse_single_example(payload, FEATURES)
        return example["image/encoded"], example["image/class/label"]

    def read(self, index: int) -> tuple[bytes, int | None]:
        try:
            example = tf.io.parse_single_example(self.record(index), FEATURES)
        except tf.errors.InvalidArgumentError:
            raise DataError(f"{self.where(index)} is no tf.train.Example with TF-Slim's keys") from None
        encoded, label = example["image/encoded"].numpy(), int(example["image/class/label"])
        if not encoded:
            raise DataError(f"{self.where(index)} has no `image/encoded`")
        return encoded, None if label == _NO_LABEL else label
