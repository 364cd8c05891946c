"""Diagnostics as people read them: the message, the lines of the source with carets, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slimdsl.diagnostics.diagnostic import Diagnostic, Edit, Severity
from slimdsl.diagnostics.display import visible
from slimdsl.diagnostics.snippet import PLAIN, PRIMARY, SECONDARY, Row, SnippetLine, line_rows, snippet_lines
from slimdsl.diagnostics.source import Source, Span

BOLD = "bold"
_BOLD, _RED, _YELLOW, _BLUE, _RESET = "\x1b[1m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[0m"


def render(diagnostics: Iterable[Diagnostic], *, colour: bool = False) -> str:
    """All diagnostics, each followed by an empty line; an empty text where there are none."""
    return "".join(f"{_render_one(diagnostic, colour)}\n\n" for diagnostic in diagnostics)


def summary_line(diagnostics: Sequence[Diagnostic]) -> str:
    """``2 errors, 1 warning``; ``no errors`` where there are none of either."""
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    warnings = len(diagnostics) - errors
    counted = [f"{errors} {'error' if errors == 1 else 'errors'}" if errors else "no errors"]
    if warnings:
        counted.append(f"{warnings} {'warning' if warnings == 1 else 'warnings'}")
    return ", ".join(counted)


def place(span: Span) -> str:
    """``models/vgg16.slim:12:3``."""
    line, column = span.source.line_column(span.start)
    return f"{visible(span.source.name)}:{line}:{column}"


def _render_one(diagnostic: Diagnostic, colour: bool) -> str:
    severity = diagnostic.severity
    styles = {
        PLAIN: "",
        PRIMARY: _RED if severity is Severity.ERROR else _YELLOW,
        SECONDARY: _BLUE,
        BOLD: _BOLD,
    }

    def paint(row: Row) -> str:
        text = "".join(
            f"{styles[style]}{text}{_RESET}" if colour and styles[style] and text else text for text, style in row
        )
        return text.rstrip()

    title = f"{severity.value}[{diagnostic.code}]"
    rows: list[Row] = [[(title, PRIMARY), (f": {visible(diagnostic.message)}", BOLD)]]
    sources = snippet_lines(diagnostic)
    gutter = max((len(str(line.number)) for lines in sources.values() for line in lines), default=1)
    for index, (source, lines) in enumerate(sources.items()):
        spans = (diagnostic.span, *(label.span for label in diagnostic.labels))
        first = next(span for span in spans if span and span.source is source)
        rows.append([(f"{' ' * gutter}{':::' if index else '-->'} ", SECONDARY), (place(first), PLAIN)])
        rows += _snippet(source, lines, gutter)
    rows += _notes(diagnostic, gutter)
    return "\n".join(paint(row) for row in rows)


def _snippet(source: Source, lines: list[SnippetLine], gutter: int) -> list[Row]:
    """The lines of one source, with line numbers before them."""
    margin = (f"{' ' * gutter} |", SECONDARY)
    rows: list[Row] = [[margin]]
    for line in lines:
        if line.elided:
            rows.append([("...", SECONDARY)])
        text, *marked = line_rows(source, line)
        rows.append([(f"{line.number:>{gutter}} |", SECONDARY), (" ", PLAIN), *text])
        rows += [[margin, (" ", PLAIN), *row] for row in marked]
    return rows


def _notes(diagnostic: Diagnostic, gutter: int) -> list[Row]:
    """How the compiler came there, and what to do about it."""
    notes = []
    for frame in diagnostic.chain:
        line, _ = frame.span.source.line_column(frame.span.start)
        notes.append((visible(frame.message), f" ({visible(frame.span.source.name)}:{line})"))
    advice = diagnostic.help or _fix_text(diagnostic.fix)
    for index, text in enumerate(advice.split("\n") if advice else ()):
        notes.append(("" if index else "help:", f"{'      ' if index else ' '}{visible(text)}"))
    indent = " " * gutter
    return [
        [(f"{indent} {'=' if head else ' '} ", SECONDARY), (head, BOLD if head == "help:" else PLAIN), (tail, PLAIN)]
        for head, tail in notes
    ]


def _fix_text(fix: tuple[Edit, ...]) -> str:
    """A fix in words, where nobody has put it better."""
    parts = []
    for edit in fix:
        if not edit.span.text:
            parts.append(f"insert `{visible(edit.text)}`")
        elif not edit.text:
            parts.append(f"remove `{visible(edit.span.text)}`")
        else:
            parts.append(f"replace `{visible(edit.span.text)}` by `{visible(edit.text)}`")
    return ", ".join(parts)
