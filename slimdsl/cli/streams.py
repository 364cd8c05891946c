"""Standard output and error where they are closed, full or gone: neither may change what a command comes to."""

from __future__ import annotations

import io
import os
import sys


class _Nowhere(io.TextIOBase):
    """Stands for a stream that was closed before the command began."""

    def write(self, text: str) -> int:
        """Take the text, and leave it."""
        return len(text)


def prepare_streams() -> None:
    """See to it that there are two streams, and that they can write any character, if need be as an escape."""
    if sys.stdout is None or sys.stderr is None:
        _occupy_descriptors()
        sys.stdout = sys.stdout or _Nowhere()
        sys.stderr = sys.stderr or _Nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Write a line to standard error, if it takes one: where it does not, the exit code has to do."""
    try:
        print(text, file=sys.stderr)
    except (OSError, ValueError):
        return


def give_up(descriptor: int) -> None:
    """Write what is left of a stream nowhere; the interpreter would complain while it closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def settle_standard_error() -> None:
    """Write what is left of standard error, somewhere or nowhere; else the interpreter would end with 120."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        give_up(2)


def _occupy_descriptors() -> None:
    """Open what was closed for reading, so that no file gets the number of a stream and messages end up in it."""
    while (descriptor := os.open(os.devnull, os.O_RDONLY)) <= 2:
        pass
    os.close(descriptor)
