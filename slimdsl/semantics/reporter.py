"""Collects diagnostics, each with the chain of repeats and calls that led to its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from slimdsl.diagnostics.diagnostic import Diagnostic, Frame, Label
from slimdsl.diagnostics.source import Span
from slimdsl.diagnostics.suggest import did_you_mean

MAX_ERRORS = 100
MAX_CHAIN = 8
MAX_SUGGESTIONS = 30


class Reporter:
    """The diagnostics of one analysis, in the order they were found."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.error_count = 0
        self._frames: list[Frame] = []

    def did_you_mean(self, word: str, candidates: Iterable[str]) -> str:
        """A help line for an unknown word, or an empty text; past the first errors none is looked for."""
        return did_you_mean(word, candidates) if self.error_count < MAX_SUGGESTIONS else ""

    def report(
        self, code: str, message: str, span: Span, *, label: str = "", labels: tuple[Label, ...] = (), help: str = ""
    ) -> None:
        """Add a finding; the code says whether it is an error (E) or a warning (W). At most MAX_ERRORS are kept."""
        if code.startswith("E"):
            self.error_count += 1
        if self.error_count <= MAX_ERRORS:
            self.diagnostics.append(
                Diagnostic(
                    code=code,
                    message=message,
                    span=span,
                    label=label,
                    labels=labels,
                    chain=self._chain(),
                    help=help,
                )
            )

    def steps(self) -> tuple[tuple[str, Span], ...]:
        """The repeats and calls that led to this place, innermost first."""
        return tuple((frame.message, frame.span) for frame in reversed(self._frames))

    def _chain(self) -> tuple[Frame, ...]:
        """The steps that led here, innermost first; the middle of a long chain is left out."""
        frames = self._frames[::-1]
        if len(frames) > MAX_CHAIN:
            half = MAX_CHAIN // 2
            left_out = len(frames) - 2 * half
            frames[half:-half] = [Frame(f"… {left_out} more steps …", frames[half].span)]
        return tuple(frames)

    @contextmanager
    def frame(self, message: str, span: Span) -> Iterator[None]:
        """Whatever is reported inside carries this step in its chain."""
        self._frames.append(Frame(message, span))
        try:
            yield
        finally:
            self._frames.pop()
