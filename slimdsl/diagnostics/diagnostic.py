"""What the compiler has to say about a text: a code, a span, a message with the numbers in it, and the fix.

A diagnostic is plain data; `catalogue` documents the codes and the renderers print them. Messages start with a small
letter, quote what the user wrote in backticks and end without a full stop.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from slimdsl.diagnostics.source import Span
from slimdsl.values import Value, field, positional, value


class Severity(Enum):
    """How bad it is. Only errors make a command exit with 1."""

    ERROR = "error"
    WARNING = "warning"


@positional
class Label(Value):
    """A second place in the text that belongs to a diagnostic, and what is to be seen there."""

    span: Span
    message: str


@positional
class Frame(Value):
    """One step of how the compiler came to a place: ``in repeat 3 of conv3``, ``called from block b``."""

    message: str
    span: Span


@positional
class Edit(Value):
    """Replace the span by the text; together with its siblings, the fix of a diagnostic."""

    span: Span
    text: str


@value
class Diagnostic(Value):
    """One finding.

    Attributes:
        code: an entry of the catalogue, such as ``E0401``.
        message: what is wrong, in one line.
        span: where; None only for what has no place in a text (a weights file).
        label: what the carets point at, in a few words; may be empty.
        labels: other places that belong to it.
        chain: how the compiler came there, innermost first.
        help: what to do about it; may be empty.
        fix: edits that would do it; may be empty.
    """

    code: str
    message: str
    span: Span | None
    label: str = ""
    labels: tuple[Label, ...] = ()
    chain: tuple[Frame, ...] = ()
    help: str = ""
    fix: tuple[Edit, ...] = field(default=())

    @property
    def severity(self) -> Severity:
        """Codes that begin with W are warnings, all others errors."""
        return Severity.WARNING if self.code.startswith("W") else Severity.ERROR


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True where at least one finding is an error."""
    return any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)


def sort_diagnostics(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Order by file and place, then code and message; exact repetitions are dropped."""

    def key(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
        span = diagnostic.span
        where = (span.source.name, span.start, span.end) if span else ("", -1, -1)
        return (*where, diagnostic.code, diagnostic.message)

    unique: dict[tuple[str, int, int, str, str], Diagnostic] = {}
    for diagnostic in diagnostics:
        unique.setdefault(key(diagnostic), diagnostic)
    return tuple(unique[k] for k in sorted(unique))
