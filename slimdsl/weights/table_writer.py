"""A sorted table of keys and values in the format of LevelDB, as TensorFlow writes it: the index of a checkpoint.

The bytes are those that TensorFlow's own builder makes of the same entries, blocks and separators included.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from slimdsl.weights.checksums import Extend, masked
from slimdsl.weights.wire import varint

MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
"""The last bytes of every table."""

FOOTER_SIZE = 48
_BLOCK_SIZE = 262144
_RESTART_INTERVAL = 16
_UNCOMPRESSED = b"\0"


class _Block:
    """Entries whose keys are written without what they share with the one before."""

    def __init__(self, restart_interval: int) -> None:
        self._interval = restart_interval
        self._content = bytearray()
        self._restarts = [0]
        self._since_restart = 0
        self._last = b""

    def add(self, key: bytes, value: bytes) -> None:
        """Append an entry."""
        shared = 0
        if self._since_restart == self._interval:
            self._restarts.append(len(self._content))
            self._since_restart = 0
        else:
            shared = _shared(self._last, key)
        self._content += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        self._last = key
        self._since_restart += 1

    def size(self) -> int:
        """How many bytes it has at present."""
        return len(self._content) + 4 * len(self._restarts) + 4

    def finished(self) -> bytes:
        """All of it."""
        numbers = [*self._restarts, len(self._restarts)]
        return bytes(self._content) + b"".join(number.to_bytes(4, "little") for number in numbers)


def table_bytes(entries: Iterable[tuple[bytes, bytes]], extend: Extend) -> bytes:
    """A whole table.

    Args:
        entries: keys and values, in ascending order of the keys, each key once, at least one.
        extend: the checksum.
    """
    content = bytearray()

    def put(block: _Block) -> bytes:
        body = block.finished() + _UNCOMPRESSED
        handle = varint(len(content)) + varint(len(body) - 1)
        content.extend(body + masked(extend(0, body)).to_bytes(4, "little"))
        return handle

    index, block, last, handle = _Block(1), _Block(_RESTART_INTERVAL), b"", b""
    for key, value in entries:
        if handle:
            index.add(_separator(last, key), handle)
            handle = b""
        block.add(key, value)
        last = key
        if block.size() >= _BLOCK_SIZE:
            handle = put(block)
            block = _Block(_RESTART_INTERVAL)
    handle = handle or put(block)
    index_of_nothing = put(_Block(_RESTART_INTERVAL))
    index.add(_successor(last), handle)
    footer = index_of_nothing + put(index)
    return bytes(content + footer.ljust(FOOTER_SIZE - len(MAGIC), b"\0") + MAGIC)


def _shared(left: bytes, right: bytes) -> int:
    """How many first bytes are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right)))


def _separator(last: bytes, following: bytes) -> bytes:
    """A short key that is at least the last of a block and less than the first of the next."""
    at = _shared(last, following)
    if at < min(len(last), len(following)) and last[at] + 1 < following[at]:
        return last[:at] + bytes([last[at] + 1])
    return last


def _successor(key: bytes) -> bytes:
    """A short key that is at least the last of all."""
    for at, byte in enumerate(key):
        if byte != 0xFF:
            return key[:at] + bytes([byte + 1])
    return key
