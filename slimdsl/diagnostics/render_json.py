"""Diagnostics as JSON for other programs; the format is described in `docs/diagnostics-json.md`.

The text is ASCII, so that no terminal or pipe can spoil it, and ends with a newline.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from slimdsl.diagnostics.catalogue import Code
from slimdsl.diagnostics.diagnostic import Diagnostic, Severity
from slimdsl.diagnostics.source import Span

VERSION = 1


def render(diagnostics: Sequence[Diagnostic], codes: Mapping[str, Code]) -> str:
    """One JSON object with all diagnostics and their numbers; `codes` maps each code to its documentation."""
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    document = {
        "version": VERSION,
        "diagnostics": [_diagnostic(diagnostic, codes) for diagnostic in diagnostics],
        "summary": {"errors": errors, "warnings": len(diagnostics) - errors},
    }
    return json.dumps(document, indent=2) + "\n"


def _diagnostic(diagnostic: Diagnostic, codes: Mapping[str, Code]) -> dict[str, object]:
    return {
        "code": diagnostic.code,
        "name": codes[diagnostic.code].name,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        **_location(diagnostic.span),
        "label": diagnostic.label or None,
        "labels": [{"message": label.message, **_location(label.span)} for label in diagnostic.labels],
        "chain": [{"message": frame.message, **_location(frame.span)} for frame in diagnostic.chain],
        "help": diagnostic.help or None,
        "fix": [{**_location(edit.span), "replacement": edit.text} for edit in diagnostic.fix],
    }


def _location(span: Span | None) -> dict[str, object]:
    """File, start and end; lines and columns from 1, the end exclusive."""
    if span is None:
        return {"file": None, "start": None, "end": None}
    return {"file": span.source.name, "start": _position(span, span.start), "end": _position(span, span.end)}


def _position(span: Span, offset: int) -> dict[str, int]:
    line, column = span.source.line_column(offset)
    return {"line": line, "column": column}
