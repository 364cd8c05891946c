"""Checkpoints of TensorFlow 2 and of `tf.train.Saver` (V2), read without TensorFlow.

A checkpoint is a prefix with an index, a table that has an entry for each tensor, and data files with the numbers as
they are in memory. Every block of the index and every tensor has a checksum, compared whenever it is read. What
is rare and needs more than copying (variables in parts, big-endian numbers, a compressed index) is left to TensorFlow:
`NeedsTensorFlowError`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import ClassVar

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.types import DType
from slimdsl.weights.bundle_entries import BundleEntry, parse_entry, parse_header
from slimdsl.weights.checksums import Extend, masked
from slimdsl.weights.file_bytes import DamagedError, FileBytes, system_reason
from slimdsl.weights.source import FileRange, Sink, WeightsError
from slimdsl.weights.stored import StoredTensor, WeightsFile, unreadable
from slimdsl.weights.table_file import NeedsTensorFlowError, TableFile
from slimdsl.weights.tensorflow_types import DTYPES, STRING, type_text
from slimdsl.weights.wire import WireError, read_varint

_LARGEST_VALUE = 1 << 24
"""Bytes of an entry; one of a few hundred is a long one."""

_FORMAT_VERSION = 1
_OBJECT_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
"""How the names end under which TensorFlow 2 looks for values."""

_SHOWN = 200


class BundleFile(WeightsFile):
    """A checkpoint, open for reading; `read_bundle` makes one."""

    kind: ClassVar[str] = "TensorFlow checkpoint"

    def __init__(
        self,
        shown: str,
        prefix: str,
        entries: dict[str, BundleEntry],
        problems: dict[str, Diagnostic],
        shards: int,
        extend: Extend,
    ) -> None:
        super().__init__(shown, {name: _stored(name, entry) for name, entry in entries.items()}, problems)
        self._prefix = prefix
        self._entries = entries
        self._shards = shards
        self._extend = extend
        self._files: dict[int, FileBytes] = {}

    def __enter__(self) -> BundleFile:  # noqa: PYI034 - typing.Self is not in Python 3.10
        return self

    def write(self, name: str, sink: Sink) -> None:
        """Pass on the numbers of one tensor; its checksum is compared on the way, and known to be right at the end."""
        try:
            for piece in self._checked_pieces(name):
                sink(piece)
        except DamagedError as error:
            raise self._damaged(name, error) from None

    def file_range(self, name: str) -> FileRange | None:
        """Where the numbers stand, after all of them were read and compared."""
        entry = self._entries[name]
        try:
            for _ in self._checked_pieces(name):
                pass
            return FileRange(descriptor=self._file(entry.shard).descriptor, offset=entry.offset, size=entry.size)
        except DamagedError as error:
            raise self._damaged(name, error) from None

    def text(self, name: str) -> bytes:
        """The content of a scalar of type string, such as the description of its objects that a checkpoint may have.

        Raises:
            WeightsError: it is none, or is damaged.
        """
        entry = self._entries[name]
        try:
            content = self._file(entry.shard).exactly(entry.offset, entry.size)
            return _text(content, entry, self._extend)
        except DamagedError as error:
            raise self._damaged(name, error) from None

    def digest_file(self) -> str:
        """The index: it has the checksums of all the rest."""
        return index_path(self._prefix)

    def close(self) -> None:
        """Close the data files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _checked_pieces(self, name: str) -> Iterator[bytes]:
        entry = self._entries[name]
        crc = 0
        for piece in self._file(entry.shard).pieces(entry.offset, entry.size):
            crc = self._extend(crc, piece)
            yield piece
        if masked(crc) != entry.crc:
            raise DamagedError("its checksum is wrong")

    def _file(self, shard: int) -> FileBytes:
        if shard not in self._files:
            try:
                self._files[shard] = FileBytes(data_path(self._prefix, shard, self._shards))
            except OSError as error:
                raise DamagedError(system_reason(error)) from None
        return self._files[shard]

    def _damaged(self, name: str, error: DamagedError) -> WeightsError:
        shard = os.path.basename(data_path(self._prefix, self._entries[name].shard, self._shards))
        return WeightsError((unreadable(self.path, f"the tensor `{name[:_SHOWN]}` in `{shard}`: {error}"),))


def index_path(prefix: str) -> str:
    """The index of a checkpoint."""
    return f"{prefix}.index"


def data_path(prefix: str, shard: int, shards: int) -> str:
    """A data file of a checkpoint."""
    return f"{prefix}.data-{shard:05d}-of-{shards:05d}"


def read_bundle(prefix: str, shown: str, extend: Extend) -> BundleFile:
    """Open a checkpoint and check all of its index, and that the data files are there and long enough.

    Args:
        prefix: where it is.
        shown: what messages call it.
        extend: the checksum.

    Raises:
        WeightsError: it is damaged, or a part of it is missing.
        NeedsTensorFlowError: only TensorFlow can read it.
        OSError: the index cannot be opened.
    """
    index = os.path.basename(index_path(prefix))
    try:
        file = FileBytes(index_path(prefix))
        try:
            shards, entries, problems = _read_index(file, shown, extend)
        finally:
            file.close()
    except (DamagedError, WireError) as error:
        raise WeightsError((unreadable(shown, f"its index `{index}`: {error}"),)) from None
    missing = tuple(_missing_data(prefix, shown, shards, entries))
    if missing:
        raise WeightsError(missing)
    return BundleFile(shown, prefix, _without_second_names(entries), problems, shards, extend)


def _without_second_names(entries: dict[str, BundleEntry]) -> dict[str, BundleEntry]:
    """The entries but those that say again, in TensorFlow 2's way, where the tensor of a plain name stands.

    Our own SavedModels have every value under both names.
    """
    return {
        name: entry
        for name, entry in entries.items()
        if not name.endswith(_OBJECT_VALUE) or entries.get(name.removesuffix(_OBJECT_VALUE)) != entry
    }


def _read_index(
    file: FileBytes, shown: str, extend: Extend
) -> tuple[int, dict[str, BundleEntry], dict[str, Diagnostic]]:
    """How many data files there are, the entries, and what is wrong with others."""
    header = None
    entries: dict[str, BundleEntry] = {}
    problems: dict[str, Diagnostic] = {}
    for key, content in _contents(file, TableFile(file, extend)):
        if header is None:
            if key:
                raise DamagedError("it does not begin with a header; it is the table of something else")
            header = parse_header(content)
            if header.big_endian:
                raise NeedsTensorFlowError("its numbers are big-endian")
            if header.min_consumer > _FORMAT_VERSION:
                raise NeedsTensorFlowError(f"it is written in version {header.min_consumer} of the format")
            continue
        try:
            name, entry = key.decode(), parse_entry(content)
            _require_sound(name, entry, header.shards)
        except (UnicodeDecodeError, WireError) as error:
            reason = "its name is not Unicode" if isinstance(error, UnicodeDecodeError) else str(error)
            shown_name = key.decode(errors="backslashreplace")[:_SHOWN]
            problems[shown_name] = unreadable(shown, f"the entry `{shown_name}` of its index: {reason}")
        else:
            entries[name] = entry
    if header is None:
        raise DamagedError("it has no header")
    return header.shards, entries, problems


def _contents(file: FileBytes, table: TableFile) -> Iterator[tuple[bytes, bytes]]:
    """All keys and values of a table, the blocks compared."""
    for block in table.blocks:
        table.check(block)
        for entry in table.entries(block):
            if entry.size > _LARGEST_VALUE:
                raise DamagedError(f"an entry of it has {entry.size:,} bytes")
            yield entry.key, file.exactly(entry.offset, entry.size)


def _require_sound(name: str, entry: BundleEntry, shards: int) -> None:
    """See that what an entry says fits together.

    Raises:
        WireError: it does not.
        NeedsTensorFlowError: only TensorFlow can read it.
    """
    if entry.sliced:
        raise NeedsTensorFlowError(f"its variable `{name[:_SHOWN]}` stands in parts")
    if entry.shard >= shards:
        raise WireError(f"it would be in the data file {entry.shard}, and there are {shards}")
    tensor = _stored(name, entry)
    if tensor.dtype is not None and tensor.size != entry.size:
        raise WireError(f"it has {entry.size:,} bytes, and its type and shape make {tensor.size:,}")


def _missing_data(prefix: str, shown: str, shards: int, entries: dict[str, BundleEntry]) -> Iterator[Diagnostic]:
    """What is wrong with the data files: the first tensor that does not fit into each, or that it is not there."""
    ends: dict[int, tuple[int, str]] = {}
    for name, entry in entries.items():
        ends[entry.shard] = max(ends.get(entry.shard, (0, "")), (entry.offset + entry.size, name))
    for shard, (end, name) in sorted(ends.items()):
        path = data_path(prefix, shard, shards)
        file = os.path.basename(path)
        try:
            found = os.stat(path)
        except FileNotFoundError:
            yield unreadable(shown, f"its data file `{file}` is missing", "copy all files of the checkpoint")
        except OSError as error:
            yield unreadable(shown, f"its data file `{file}`: {system_reason(error)}")
        else:
            if not stat.S_ISREG(found.st_mode):
                yield unreadable(shown, f"its data file `{file}` is not a regular file")
            elif found.st_size < end:
                reason = f"the tensor `{name[:_SHOWN]}` ends at byte {end:,}, and `{file}` has {found.st_size:,}"
                yield unreadable(shown, reason, "was it copied whole?")


def _stored(name: str, entry: BundleEntry) -> StoredTensor:
    dtype: DType | None = DTYPES.get(entry.dtype)
    return StoredTensor(name=name, dtype=dtype, shape=entry.shape, type_text=type_text(entry.dtype))


def _text(content: bytes, entry: BundleEntry, extend: Extend) -> bytes:
    """The text in a scalar of type string: its length, the checksum of that, and the bytes.

    Raises:
        DamagedError: it is none, or a checksum is wrong.
    """
    if entry.dtype != STRING or entry.shape:
        raise DamagedError("it is not a scalar of type string")
    try:
        length, position = read_varint(content, 0)
    except WireError as error:
        raise DamagedError(str(error)) from None
    crc = extend(0, length.to_bytes(4 if length < 1 << 32 else 8, "little"))
    if len(content) != position + 4 + length or content[position : position + 4] != masked(crc).to_bytes(4, "little"):
        raise DamagedError("its length is wrong")
    if masked(extend(crc, content[position:])) != entry.crc:
        raise DamagedError("its checksum is wrong")
    return content[position + 4 :]
