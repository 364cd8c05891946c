"""How far a long command has come, on standard error, once it has taken a second."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, TextIO

from slimdsl.cli.report import size_text
from slimdsl.cli.streams import say

PATIENCE = 1.0
"""Seconds before anything is shown."""

ANNOUNCE_AFTER = 2.0
"""Seconds before it is said what is being waited for."""

WORTH_SHOWING = 8 << 20
"""Bytes below which nothing is shown, however busy the machine is."""

INTERVAL = 2.0
"""Seconds between two lines where no bar can be drawn."""


@contextmanager
def announced(text: str, descriptor: int | None = None) -> Iterator[None]:
    """Say a line where the block takes longer than `ANNOUNCE_AFTER` seconds.

    Args:
        text: the line.
        descriptor: where to write it; None for standard error, as it is then.
    """
    # Loaded here: most commands end before anything is announced.
    from threading import Timer

    timer = Timer(ANNOUNCE_AFTER, _announce, [text, descriptor])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # One that is just writing has to be done before the descriptor is closed.
        timer.join()


def _announce(text: str, descriptor: int | None) -> None:
    if descriptor is None:
        say(text)
        return
    with suppress(OSError):
        os.write(descriptor, f"{text}\n".encode())


class Display(Protocol):
    """Something that shows how many bytes are done."""

    def show(self, done: int) -> None:
        """Show the state."""
        ...

    def close(self) -> None:
        """Tidy up."""
        ...


class Lines:
    """A line now and then, for logs and plain terminals."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._stream = stream

    def show(self, done: int) -> None:
        """Write a line."""
        percent = 100 * done // max(self._total, 1)
        # Nobody reads them, then; the file is written all the same.
        with suppress(OSError):
            print(f"writing: {percent}% of {size_text(self._total)}", file=self._stream, flush=True)

    def close(self) -> None:
        """Lines need no tidying."""


class Bar:
    """A bar that is drawn by rich and removed at the end."""

    def __init__(self, total: int) -> None:
        # Loaded only when a bar is drawn: it takes longer to import than most compilations.
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("writing"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("writing", total=total)
        self._progress.start()

    def show(self, done: int) -> None:
        """Draw the bar."""
        self._progress.update(self._task, completed=done)

    def close(self) -> None:
        """Remove the bar."""
        self._progress.stop()


class ProgressMeter:
    """Counts bytes and shows them, at first not at all and then not too often.

    Args:
        total: bytes that there will be.
        stream: where to write; None for standard error.
        clock: seconds, from any start.
    """

    def __init__(self, total: int, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._stream = stream or sys.stderr
        self._clock = clock
        self._next = clock() + PATIENCE
        self._done = 0
        self._display: Display | None = None

    def advance(self, count: int) -> None:
        """Note that so many more bytes are done."""
        self._done += count
        now = self._clock()
        if now < self._next or self._total < WORTH_SHOWING:
            return
        if self._display is None:
            self._display = _make_display(self._total, self._stream)
        self._display.show(self._done)
        self._next = now + (INTERVAL if isinstance(self._display, Lines) else 0.1)

    def close(self) -> None:
        """Tidy up; nothing is shown afterwards."""
        if self._display:
            self._display.close()


def _make_display(total: int, stream: TextIO) -> Display:
    if stream is sys.stderr and stream.isatty():
        try:
            return Bar(total)
        except ImportError:
            pass
    return Lines(total, stream)
