"""What keeps a small text from becoming an endless net: counters that report once and then stop everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from slimdsl.diagnostics.source import Span
from slimdsl.semantics.reporter import Reporter

MAX_STATEMENTS = 200_000
MAX_CALLS = 60
MAX_DEPTH = 400
"""Braces, calls and operators within each other; a level takes four of Python's frames, see `RECURSION_LIMIT`."""

RECURSION_LIMIT = 5_000


class TooMuch(Exception):
    """The net ran past a limit, which was reported; nothing more of it is looked at."""


class Limits:
    """The counters of one net."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._statements = 0
        self._calls = 0
        self._depth = 0

    def statement(self, span: Span) -> None:
        """Count a statement that is run.

        Raises:
            TooMuch: there were too many.
        """
        self._statements += 1
        if self._statements > MAX_STATEMENTS:
            self._stop(f"more than {MAX_STATEMENTS:,} statements were run", span)

    @contextmanager
    def call(self, name: str, span: Span) -> Iterator[None]:
        """Count calls of blocks and functions within each other.

        Raises:
            TooMuch: they are too deep; a block or a function that calls itself ends here.
        """
        self._calls += 1
        if self._calls > MAX_CALLS:
            self._stop(f"`{name}` is called within itself or others more than {MAX_CALLS} levels deep", span)
        try:
            yield
        finally:
            self._calls -= 1

    def enter(self, span: Span) -> None:
        """Go one level deeper, into braces or an operand; `leave` goes back.

        Raises:
            TooMuch: it is too deep.
        """
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._stop(f"what is computed here is nested more than {MAX_DEPTH} levels deep", span)

    def leave(self) -> None:
        """Go one level back."""
        self._depth -= 1

    def _stop(self, message: str, span: Span) -> None:
        self._reporter.report("E0305", message, span)
        raise TooMuch
