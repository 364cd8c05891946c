"""Bytes of a file that may be damaged, cut off or changed while it is read.

They are read in pieces rather than mapped: where a mapped file is cut short while it is read, the system ends the
process, and nothing could be said about it. A piece is compared and passed on while it is in the processor's cache, so
that this costs a twelfth more than mapping.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from io import FileIO

from slimdsl.weights.checksums import PIECE

_WINDOW = 1 << 16
_SMALL = 1 << 12


class DamagedError(Exception):
    """The file is not what it should be; the message says why in a few words that begin with a small letter."""


class FileBytes:
    """A regular file, open for reading.

    Attributes:
        path: where it is.
        size: its bytes when it was opened.
    """

    def __init__(self, path: str) -> None:
        """Open it.

        Raises:
            DamagedError: it is no regular file.
            OSError: it cannot be opened.
        """
        # Opening a pipe would wait for whoever writes to it.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DamagedError("it is not a regular file")
        self.path = path
        self._file = FileIO(path)
        self.size = os.fstat(self._file.fileno()).st_size
        self._window = b""
        self._window_start = 0

    @property
    def descriptor(self) -> int:
        """Its number in this process."""
        return self._file.fileno()

    def peek(self, offset: int, size: int) -> bytes:
        """A few bytes, or fewer at the end of the file; those around them are kept for the next call.

        Raises:
            DamagedError: they cannot be read.
        """
        start = offset - self._window_start
        if start < 0 or start + size > len(self._window):
            # Some of what is before it as well: blocks are looked at from both ends.
            start = offset % (_WINDOW // 2)
            self._window_start = offset - start
            self._window = self._read(self._window_start, max(start + size, _WINDOW))
        return self._window[start : start + size]

    def exactly(self, offset: int, size: int) -> bytes:
        """So many bytes.

        Raises:
            DamagedError: there are fewer.
        """
        if size > _SMALL:
            return b"".join(self.pieces(offset, size))
        content = self.peek(offset, size)
        if len(content) < size:
            raise _cut_off(offset + size)
        return content

    def pieces(self, offset: int, size: int) -> Iterator[bytes]:
        """So many bytes, one part after another.

        Raises:
            DamagedError: there are fewer.
        """
        end = offset + size
        while offset < end:
            piece = self._read(offset, min(end - offset, PIECE))
            if not piece:
                raise _cut_off(end)
            yield piece
            offset += len(piece)

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def _read(self, offset: int, size: int) -> bytes:
        try:
            self._file.seek(offset)
            return self._file.read(size) or b""
        except OSError as error:
            raise DamagedError(system_reason(error)) from None


def _cut_off(end: int) -> DamagedError:
    return DamagedError(f"it is cut off before byte {end:,}")


def system_reason(error: OSError) -> str:
    """What the system says, in a few words that begin with a small letter."""
    text = error.strerror or "unknown reason"
    return text[:1].lower() + text[1:]
