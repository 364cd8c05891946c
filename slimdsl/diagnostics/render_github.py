"""Diagnostics as the workflow commands that GitHub Actions turns into annotations of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from slimdsl.diagnostics.catalogue import Code
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.display import visible
from slimdsl.diagnostics.source import Span


def render(diagnostics: Iterable[Diagnostic], codes: Mapping[str, Code]) -> str:
    """One line for each diagnostic; `codes` maps each code to its documentation."""
    return "".join(f"{_command(diagnostic, codes)}\n" for diagnostic in diagnostics)


def _command(diagnostic: Diagnostic, codes: Mapping[str, Code]) -> str:
    properties = {**_place(diagnostic), "title": f"{diagnostic.code} {codes[diagnostic.code].name}"}
    written = ",".join(f"{key}={_escape_property(text)}" for key, text in properties.items())
    return f"::{diagnostic.severity.value} {written}::{_escape(_message(diagnostic))}"


def _place(diagnostic: Diagnostic) -> dict[str, str]:
    """File, lines and columns; GitHub takes columns only where both are in one line."""
    if diagnostic.span is None:
        return {}
    source = diagnostic.span.source
    line, column = source.line_column(diagnostic.span.start)
    end_line, end_column = source.line_column(diagnostic.span.end)
    place = {"file": source.name.replace("\\", "/"), "line": str(line), "endLine": str(end_line)}
    if line == end_line:
        place |= {"col": str(column), "endColumn": str(end_column)}
    return place


def _message(diagnostic: Diagnostic) -> str:
    lines = [visible(diagnostic.message)]
    if diagnostic.label:
        lines[0] += f" ({visible(diagnostic.label)})"
    lines += [f"{_line(label.span)}: {visible(label.message)}" for label in diagnostic.labels]
    lines += [f"{visible(frame.message)} ({_line(frame.span)})" for frame in diagnostic.chain]
    if diagnostic.help:
        lines.append(f"help: {visible(diagnostic.help)}")
    return "\n".join(lines)


def _line(span: Span) -> str:
    return f"{visible(span.source.name)}:{span.source.line_column(span.start)[0]}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
