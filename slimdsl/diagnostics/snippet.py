"""Lines of a source with their places marked: carets for the place in question, dashes for what belongs to it.

Rows are sequences of (text, style) pieces; `render_text` puts the gutter before them and the colours into them.
"""

from __future__ import annotations

from collections.abc import Iterable

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.display import ShownLine, show_line, visible
from slimdsl.diagnostics.source import Source, Span
from slimdsl.values import Value, positional

PLAIN, PRIMARY, SECONDARY = "plain", "primary", "secondary"
LINE_LIMIT = 120
WHOLE_SPAN_LINES = 4

Row = list[tuple[str, str]]


@positional
class Mark(Value):
    """A range of character indices in one line, and the text that belongs to it."""

    start: int
    end: int
    style: str
    label: str


@positional
class SnippetLine(Value):
    """A line to show and what to mark in it; `elided` where lines of the same span were left out before it."""

    number: int
    marks: tuple[Mark, ...]
    elided: bool


def snippet_lines(diagnostic: Diagnostic) -> dict[Source, list[SnippetLine]]:
    """The lines that a diagnostic shows, by source: its own source first, and the lines of each in order."""
    found: dict[Source, dict[int, list[Mark]]] = {}
    elided: set[tuple[Source, int]] = set()
    for span, label, style in _places(diagnostic):
        lines = found.setdefault(span.source, {})
        for number, mark in _marks(span, label, style):
            lines.setdefault(number, []).append(mark)
        first, last = span.source.line_column(span.start)[0], span.source.line_column(max(span.start, span.end - 1))[0]
        if last - first >= WHOLE_SPAN_LINES:
            elided.add((span.source, last))
    return {
        source: [SnippetLine(n, tuple(lines[n]), (source, n) in elided) for n in sorted(lines)]
        for source, lines in found.items()
    }


def _places(diagnostic: Diagnostic) -> Iterable[tuple[Span, str, str]]:
    if diagnostic.span:
        yield diagnostic.span, diagnostic.label, PRIMARY
    for label in diagnostic.labels:
        yield label.span, label.message, SECONDARY


def _marks(span: Span, label: str, style: str) -> Iterable[tuple[int, Mark]]:
    """One mark for each line of a span that is shown: all of a short one, the first and the last of a long one."""
    source = span.source
    first, column = source.line_column(span.start)
    last, end = source.line_column(max(span.start, span.end - 1))
    if first == last:
        yield first, Mark(column - 1, max(end, column), style, label)
        return
    numbers = range(first, last + 1) if last - first < WHOLE_SPAN_LINES else (first, last)
    ranges = []
    for number in numbers:
        text = source.line_text(number)
        start = column - 1 if number == first else len(text) - len(text.lstrip())
        stop = end if number == last else len(text.rstrip())
        if stop > start or number == first:
            ranges.append((number, start, stop))
    for number, start, stop in ranges:
        yield number, Mark(start, stop, style, label if number == ranges[-1][0] else "")


def line_rows(source: Source, line: SnippetLine) -> list[Row]:
    """The line itself, the marks under it, and the labels that do not fit beside them."""
    focus = min(line.marks, key=lambda mark: (mark.style != PRIMARY, mark.start))
    shown = show_line(source.line_text(line.number), (focus.start, focus.end), LINE_LIMIT)
    placed = sorted((_placed(mark, shown) for mark in line.marks), key=lambda mark: (mark.start, mark.end))
    labelled = [mark for mark in placed if mark.label]
    beside = labelled[-1] if labelled and labelled[-1].end == max(mark.end for mark in placed) else None
    rows: list[Row] = [[(shown.text, PLAIN)], _underline(placed)]
    if beside:
        rows[-1].append((f" {visible(beside.label)}", beside.style))
    hanging = [mark for mark in labelled if mark is not beside]
    if hanging:
        rows.append(_connectors(hanging))
    for index in range(len(hanging) - 1, -1, -1):
        mark = hanging[index]
        row = _connectors([other for other in hanging[:index] if other.start < mark.start])
        row.append((" " * (mark.start - sum(len(text) for text, _ in row)), PLAIN))
        rows.append([*row, (visible(mark.label), mark.style)])
    return rows


def _placed(mark: Mark, shown: ShownLine) -> Mark:
    """The mark with columns of the screen in place of character indices; at least one column wide."""
    start = shown.column(mark.start)
    return Mark(start, max(start + 1, shown.column(mark.end)), mark.style, mark.label)


def _underline(marks: list[Mark]) -> Row:
    """Carets and dashes; where marks overlap, the shorter one is seen, and the primary one of two equals."""
    cells: list[tuple[str, str]] = [(" ", PLAIN)] * max(mark.end for mark in marks)
    for mark in sorted(marks, key=lambda mark: (mark.start - mark.end, mark.style == PRIMARY)):
        char = "^" if mark.style == PRIMARY else "-"
        cells[mark.start : mark.end] = [(char, mark.style)] * (mark.end - mark.start)
    row: Row = []
    for char, style in cells:
        if row and row[-1][1] == style:
            row[-1] = (row[-1][0] + char, style)
        else:
            row.append((char, style))
    return row


def _connectors(marks: list[Mark]) -> Row:
    row: Row = []
    column = 0
    for mark in marks:
        if mark.start >= column:
            row += [(" " * (mark.start - column), PLAIN), ("|", mark.style)]
            column = mark.start + 1
    return row
