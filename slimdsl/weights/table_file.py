"""Sorted tables in the format of LevelDB, read: a checkpoint's index, and all of a checkpoint of the first version.

A table is a row of blocks of entries. The last of the blocks lists the others, with a key that is at least the last of
each; a footer says where this list is. Every block has a CRC-32C behind it. The values are left where they are: a block
may have gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from slimdsl.values import Value, positional
from slimdsl.weights.checksums import Extend, masked
from slimdsl.weights.file_bytes import DamagedError, FileBytes
from slimdsl.weights.table_writer import FOOTER_SIZE, MAGIC
from slimdsl.weights.wire import WireError, read_varint

_TRAILER_SIZE = 5
"""How a block is compressed (a byte), and its checksum."""

_UNCOMPRESSED, _SNAPPY = 0, 1
_LONGEST_HEAD = 30
_LARGEST_KEYS = 1 << 28
"""Keys are written without what they share with the one before, so that a small file could hold endless ones."""

_MOST_ENTRIES = 1 << 18
"""Each takes a kilobyte of memory, and networks have thousands of variables."""


class ForeignError(DamagedError):
    """The file is no table at all."""


class NeedsTensorFlowError(Exception):
    """The file may be in order, but only TensorFlow can read it; the message says what it has."""


@positional
class Block(Value):
    """Where a block stands, without its trailer; no key in it is greater than `last_key`."""

    last_key: bytes
    offset: int
    size: int


@positional
class Entry(Value):
    """A key, and where its value stands."""

    key: bytes
    offset: int
    size: int


class TableFile:
    """A table; reading it is bounded by limits of its own, whatever the file says.

    Attributes:
        blocks: those with entries, in their order.
    """

    def __init__(self, file: FileBytes, extend: Extend) -> None:
        """Read the footer and the list of blocks.

        Raises:
            ForeignError: the file is no table.
            DamagedError: it is cut off, or damaged.
            NeedsTensorFlowError: the list is compressed.
        """
        self._file = file
        self._extend = extend
        self._checked: set[Block] = set()
        self._key_bytes = 0
        self._count = 0
        self._end = file.size - FOOTER_SIZE
        footer = file.exactly(self._end, FOOTER_SIZE) if self._end >= 0 else b""
        if not footer.endswith(MAGIC):
            raise ForeignError(_not_a_table(file))
        nothing, position = self._block(b"", footer, 0)
        index, _ = self._block(b"", footer, position)
        self.check(nothing)
        self.check(index)
        self.blocks = tuple(self._read_index(index))

    def check(self, block: Block) -> None:
        """Compare a block with its checksum, unless that has been done.

        Raises:
            DamagedError: they differ, or it is cut off.
            NeedsTensorFlowError: it is compressed.
        """
        if block in self._checked:
            return
        crc = 0
        for piece in self._file.pieces(block.offset, block.size + 1):
            crc = self._extend(crc, piece)
        trailer = self._file.exactly(block.offset + block.size, _TRAILER_SIZE)
        if masked(crc) != int.from_bytes(trailer[1:], "little"):
            raise DamagedError(f"the checksum of its {block.size:,} bytes from {block.offset:,} on is wrong")
        if trailer[0] == _SNAPPY:
            raise NeedsTensorFlowError("it is compressed")
        if trailer[0] != _UNCOMPRESSED:
            raise DamagedError(f"its bytes from {block.offset:,} on are compressed in the unknown way {trailer[0]}")
        self._checked.add(block)

    def entries(self, block: Block) -> Iterator[Entry]:
        """The entries of a block, in ascending order of their keys. Whether its checksum is right is not looked at.

        Raises:
            DamagedError: the block is malformed, or the keys of the file are too many.
        """
        key: bytes | None = None
        position, end = block.offset, self._entries_end(block)
        while position < end:
            head = self._file.peek(position, min(_LONGEST_HEAD, end - position))
            try:
                shared, at = read_varint(head, 0)
                unshared, at = read_varint(head, at)
                size, at = read_varint(head, at)
            except WireError as error:
                raise self._malformed(position, str(error)) from None
            position += at
            if unshared + size > end - position or shared > len(key or b""):
                raise self._malformed(position, "an entry is longer than its block")
            self._account(shared + unshared)
            new = (key or b"")[:shared] + self._file.exactly(position, unshared)
            if key is not None and new <= key:
                raise self._malformed(position, "the keys are not in ascending order")
            key = new
            position += unshared
            yield Entry(key, position, size)
            position += size

    def says_compressed(self, block: Block) -> bool:
        """True where a block is marked as compressed; the mark is believed unseen."""
        return self._file.exactly(block.offset + block.size, 1)[0] == _SNAPPY

    def _read_index(self, index: Block) -> Iterator[Block]:
        end = 0
        for entry in self.entries(index):
            block, _ = self._block(entry.key, self._file.peek(entry.offset, min(entry.size, _LONGEST_HEAD)), 0)
            if block.offset < end:
                raise self._malformed(entry.offset, "two blocks overlap")
            end = block.offset + block.size
            yield block

    def _block(self, last_key: bytes, content: bytes, position: int) -> tuple[Block, int]:
        """The block whose place is written at a position, and the position behind that."""
        try:
            offset, position = read_varint(content, position)
            size, position = read_varint(content, position)
        except WireError as error:
            raise DamagedError(f"the place of a block is malformed: {error}") from None
        if offset + size + _TRAILER_SIZE > self._end:
            raise DamagedError(f"a block would end at byte {offset + size + _TRAILER_SIZE:,}, behind the end of all")
        return Block(last_key, offset, size), position

    def _entries_end(self, block: Block) -> int:
        """Where the entries of a block end: behind them are points to start reading at, and how many of them."""
        count_offset = block.offset + block.size - 4
        if block.size >= 4:
            count = int.from_bytes(self._file.exactly(count_offset, 4), "little")
            if 4 * count <= block.size - 4:
                return count_offset - 4 * count
        raise self._malformed(block.offset, "the block is too short")

    def _account(self, key_size: int) -> None:
        self._key_bytes += key_size
        self._count += 1
        if self._key_bytes > _LARGEST_KEYS or self._count > _MOST_ENTRIES:
            raise DamagedError(
                f"it has more than {_MOST_ENTRIES:,} entries, or more than {_LARGEST_KEYS:,} bytes of names"
            )

    @staticmethod
    def _malformed(position: int, reason: str) -> DamagedError:
        return DamagedError(f"what stands at byte {position:,} is malformed: {reason}")


def _not_a_table(file: FileBytes) -> str:
    if not file.size:
        return "it is empty"
    return f"it has {file.size:,} bytes and does not end as such a file does: it is cut off, or something else"
