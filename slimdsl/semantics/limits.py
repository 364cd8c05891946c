"""What keeps a small text from becoming endless work: counters that report once and then stop everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from slimdsl.diagnostics.source import Span
from slimdsl.semantics.reporter import MAX_ERRORS, Reporter

MAX_STATEMENTS = 50_000
MAX_NODES = 60_000
MAX_WORK = 1_000_000
MAX_CALLS = 60
MAX_LAYERS_WITHIN = 8
MAX_DEPTH = 400
"""Braces, calls and operators within each other; a level takes four of Python's frames, see `RECURSION_LIMIT`."""

RECURSION_LIMIT = 5_000


class TooMuch(Exception):
    """The net ran past a limit, which was reported; nothing more of it is looked at."""


class Budget:
    """What is left of a file's limits for its nets together."""

    def __init__(self) -> None:
        self.statements = MAX_STATEMENTS
        self.nodes = MAX_NODES
        self.work = MAX_WORK


class Limits:
    """The counters of one net; they take from the budget of its file."""

    def __init__(self, reporter: Reporter, budget: Budget) -> None:
        self.budget = budget
        self._reporter = reporter
        self._calls = 0
        self._depth = 0

    def statement(self, span: Span) -> None:
        """Count a statement that is run, or a round of a loop.

        Raises:
            TooMuch: there were too many of them, or of errors.
        """
        self.budget.statements -= 1
        if self.budget.statements < 0:
            self._stop(f"the file runs more than {MAX_STATEMENTS:,} statements", span)
        if self._reporter.error_count >= MAX_ERRORS:
            raise TooMuch

    def node(self, span: Span | None) -> None:
        """Count a node that is made.

        Raises:
            TooMuch: there were too many.
        """
        self.budget.nodes -= 1
        if self.budget.nodes < 0 and span is not None:
            self._stop(f"the graphs of the file have more than {MAX_NODES:,} nodes", span)

    def work(self, count: int, span: Span) -> None:
        """Count entries of lists that an operator or a function goes over.

        Raises:
            TooMuch: there were too many.
        """
        self.budget.work -= count
        if self.budget.work < 0:
            self._stop(f"the file's expressions go over more than {MAX_WORK:,} entries of lists", span)

    @contextmanager
    def call(self, name: str, span: Span) -> Iterator[None]:
        """Count calls of blocks and functions within each other.

        Raises:
            TooMuch: they are too deep; a block or a function that calls itself ends here.
        """
        self.statement(span)
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
